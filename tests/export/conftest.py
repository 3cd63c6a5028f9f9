"""Trained models of every kind of network, and one thread: they are too small to share."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from ..prediction.conftest import CT, Z_SCORE, card_of, write_model

NETWORKS = {
    # every block, kernel 7, skips from one level and another, down two levels and back
    "back at level 0": "0vgg3-1residual7-2dense3-2inception5-1vgg3@3-0residual3@2",
    # logits that are upsampled, a dense block on the image; this one has two members
    "ends at level 1": "0dense5-1dense7",
    # blocks that look further than a kernel, on maps that are partly padding
    "newer": "0convnext3x2-1seresidual3-2attention3-1mbconv5-0attention5@2",
    "library": "smp:Unet:vgg11",
}
QUICK = ("ends at level 1", "newer")
SIZES = ((1, 32, 32), (3, 29, 50), (1, 1, 1), (2, 40, 7))


@pytest.fixture(scope="session", autouse=True)
def _one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(
    scope="session",
    params=[
        pytest.param(network, id=name, marks=() if name in QUICK else pytest.mark.slow)
        for name, network in NETWORKS.items()
    ],
)
def trained(request, tmp_path_factory):
    """A model's folder and card: two channels, two classes, some with two members."""
    folder = tmp_path_factory.mktemp("models") / "model"
    card = card_of(network=request.param, channels=("CT", "MRI"), normalisation=(CT, Z_SCORE))
    if request.param != NETWORKS["ends at level 1"]:
        card = replace(card, members=card.members[:1])
    return folder, write_model(folder, card)


@pytest.fixture(scope="session")
def small(tmp_path_factory):
    """A model of one member, for what does not depend on the network."""
    folder = tmp_path_factory.mktemp("small") / "model"
    card = card_of(network="0vgg3-0vgg3", base_channels=4, precision="bfloat16")
    return folder, write_model(folder, replace(card, members=card.members[:1]))


def images_of(size, channels=2):
    """Random images of a batch, a height and a width."""
    batch, height, width = size
    rng = np.random.default_rng(height)
    return rng.standard_normal((batch, channels, height, width), dtype=np.float32)
