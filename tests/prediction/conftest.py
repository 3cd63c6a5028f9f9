"""Small models with random weights, as a final training leaves them."""

import shutil
from dataclasses import replace

import pytest
import torch

from mbnas.data.datasets.dataset import LabelClass
from mbnas.data.datasets.normalisation import ChannelNormalisation, ForegroundIntensities
from mbnas.network.head import output_layer
from mbnas.prediction.model.model_card import Member, ModelCard, sha256_of, write_card
from mbnas.prediction.model.torch_members import build_empty
from mbnas.training.final.weights_file import save_weights

CT = ChannelNormalisation(
    scheme="CT",
    foreground=ForegroundIntensities(low=-100.0, high=300.0, mean=40.0, deviation=60.0),
)
Z_SCORE = ChannelNormalisation(scheme="zscore")

GENOTYPE = "0vgg3-1residual3-1dense3-0inception3@2"


def card_of(**changes):
    """A card without its members' hashes, which :func:`write_model` fills in."""
    settings = {
        "network": GENOTYPE,
        "base_channels": 8,
        "channels": ("MRI",),
        "classes": (LabelClass(value=1, name="anterior"), LabelClass(value=5, name="posterior")),
        "normalisation": (Z_SCORE,),
        "slice_axis": 2,
        "slice_size": 32,
        "flips": (True, False),
        "spacing_mm": (1.0, 1.0, 3.0),
        "precision": "float32",
        "members": (
            Member(file="fold0.safetensors", sha256="", fold=0, unseen=("patient_1",)),
            Member(file="fold1.safetensors", sha256="", fold=1, unseen=("patient_2",)),
        ),
        "dataset": "Phantom",
        "training": {"training": {"epochs": 1}},
        "versions": {"mbnas": "0"},
    }
    return ModelCard(**settings | changes)


def write_model(folder, card):
    """Write a model whose members have random weights; returns the complete card."""
    folder.mkdir(parents=True, exist_ok=True)
    members = []
    for number, member in enumerate(card.members):
        torch.manual_seed(number)
        network = build_empty(card)
        for module in network.modules():  # as after some training, not fresh
            if isinstance(module, torch.nn.BatchNorm2d):
                module.running_mean.uniform_(-0.5, 0.5)
                module.running_var.uniform_(0.5, 2.0)
        _have_all_classes(network, card)
        save_weights(network, folder / member.file)
        members.append(replace(member, sha256=sha256_of(folder / member.file)))
    complete = replace(card, members=tuple(members))
    write_card(folder, complete)
    return complete


def _have_all_classes(network, card):
    """Spread the logits of noise about zero: each class occurs, and few pixels are undecided."""
    head = output_layer(network, card.interface.num_classes)
    with torch.no_grad():
        logits = network.eval()(torch.randn(4, card.interface.in_channels, 32, 32))
        scale = 2 / logits.std(dim=(0, 2, 3))
        head.weight.mul_(scale[:, None, None, None])
        head.bias.sub_(logits.mean(dim=(0, 2, 3))).mul_(scale)


@pytest.fixture(scope="session")
def written_model(tmp_path_factory):
    """A model's folder and card, written once for all tests."""
    folder = tmp_path_factory.mktemp("models") / "model"
    return folder, write_model(folder, card_of())


@pytest.fixture
def model(written_model, tmp_path):
    """A model's folder, which a test may spoil, and card: two members, one channel, two classes."""
    folder, card = written_model
    return shutil.copytree(folder, tmp_path / "model"), card
