"""Models that see neighbouring slices, in every format: their label maps are the predictor's."""

import json
from dataclasses import replace

import nibabel as nib
import numpy as np
import onnx
import pytest
import torch

from mbnas.data.images.read import read_label
from mbnas.export.agreement import TOLERANCE, disagreement
from mbnas.export.monai_bundle import export_monai
from mbnas.export.onnx_model import export_onnx
from mbnas.export.segmenter import Segmenter
from mbnas.export.torch_program import export_torch
from mbnas.prediction.model.members import load_members
from mbnas.prediction.model.model_card import read_card
from mbnas.prediction.model.torch_members import load_network
from mbnas.prediction.predictor import Predictor

from .conftest import CT, Z_SCORE, card_of, images_of, write_model
from .test_monai_bundle import ELSEWHERE, OBLIQUE, equal_files, run_without_mbnas, write_noise

NAMES = ["CT (slice -1)", "MRI (slice -1)", "CT", "MRI", "CT (slice +1)", "MRI (slice +1)"]


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A model of two channels that sees a slice on either side, and a volume for it."""
    root = tmp_path_factory.mktemp("seeing")
    card = card_of(
        network="0vgg3-1vgg3-0vgg3",
        base_channels=4,
        channels=("CT", "MRI"),
        normalisation=(CT, Z_SCORE),
        context=1,
    )
    card = write_model(root / "model", replace(card, members=card.members[:1]))
    image = write_noise(root / "case.nii.gz", (32, 40, 7, 2), OBLIQUE)
    labels = Predictor.load(root / "model", device="cpu").predict_file(image, root / "labels.nii")
    assert len(np.unique(labels)) > 1
    return root, card, image, labels


def test_onnx_predicts_the_same_label_map(model, tmp_path):
    root, _, image, labels = model
    export_onnx(root / "model", tmp_path / "onnx")
    predictor = Predictor.load(tmp_path / "onnx")
    assert predictor.card.context == 1
    assert np.array_equal(predictor.predict_file(image, tmp_path / "labels.nii"), labels)
    proto = onnx.load(tmp_path / "onnx" / "fold0.onnx")
    assert proto.graph.input[0].type.tensor_type.shape.dim[1].dim_value == 6
    facts = {each.key: each.value for each in proto.metadata_props}
    assert json.loads(facts["mbnas.channels"]) == NAMES
    assert facts["mbnas.context"] == "1"
    text = (tmp_path / "onnx" / "README.md").read_text()
    assert "`[batch, 6, height, width]`" in text
    assert ", ".join(NAMES) in text.replace("\\", "")
    assert "5. Put together the channels of 3 slices" in text
    assert "3 mm apart" in text


def test_torch_programs_and_source_take_all_channels(model, tmp_path):
    root, card, _, _ = model
    export_torch(root / "model", tmp_path / "out")
    assert read_card(tmp_path / "out").context == 1
    (run,) = load_members(root / "model", card)
    images = images_of((3, 32, 32), channels=6)
    logits = torch.export.load(tmp_path / "out" / "fold0.pt2").module()(torch.from_numpy(images))
    assert disagreement(logits.detach().numpy(), run(images)) < TOLERANCE
    assert "CT (slice -1), MRI (slice -1), CT, MRI" in (tmp_path / "out/network.py").read_text()


def test_the_bundle_has_the_neighbours_and_its_segmenter_gives_the_same_classes(model, tmp_path):
    root, card, image, labels = model
    export_monai(root / "model", tmp_path / "bundle")
    facts = json.loads((tmp_path / "bundle/configs/metadata.json").read_text())
    described = facts["network_data_format"]["inputs"]["image"]
    assert described["num_channels"] == 6
    assert list(described["channel_def"].values()) == NAMES
    assert "sees 1 before and 1 after each slice" in facts["description"]
    asked = json.loads((tmp_path / "bundle/configs/inference.json").read_text())["segmenter"]
    assert asked["context"] == 1
    assert (tmp_path / "bundle/scripts/neighbours.py").exists()
    network = load_network(root / "model", card, card.members[0])
    given = {name: each for name, each in asked.items() if name not in ("_target_", "members")}
    segmenter = Segmenter(members=[network], **given | {"device": "cpu"})
    segmenter.segment_file(str(image), str(tmp_path / "labels"))
    found, _ = read_label(tmp_path / "labels/case.nii.gz")
    assert np.array_equal(found, labels)


@pytest.mark.slow
def test_monai_runs_it_without_mbnas(model, tmp_path):
    root, _, image, _ = model
    export_monai(root / "model", tmp_path / "bundle")
    places = [str(each) for each in (tmp_path / "bundle", image, tmp_path / "labels")]
    run_without_mbnas(["-c", ELSEWHERE, *places], tmp_path, tmp_path / "blocked")
    Predictor.load(root / "model", device="cpu").predict_file(image, tmp_path / "expected.nii.gz")
    equal_files(nib.load(tmp_path / "labels/case.nii.gz"), nib.load(tmp_path / "expected.nii.gz"))
