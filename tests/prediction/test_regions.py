"""A model of regions: label maps as nnU-Net writes them, probabilities, uncertainty, components."""

import json

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from scipy.ndimage import label

from mbnas.data.datasets.label_scheme import LabelClass
from mbnas.data.images.geometry import Geometry
from mbnas.errors import ModelError
from mbnas.prediction.largest_component import keep_largest_of_regions
from mbnas.prediction.model.model_card import ModelCard
from mbnas.prediction.predictor import Predictor
from mbnas.prediction.probabilities import entropy, predicted_labels, sigmoid

from .conftest import card_of, write_model

CLASSES = (
    LabelClass(value=2, name="whole", region=(2, 4, 7)),
    LabelClass(value=4, name="core", region=(4, 7)),
    LabelClass(value=7, name="enhancing", region=(7,)),
)
GRID = Geometry.canonical((20, 24, 5), (1.0, 1.0, 3.0))


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("regions") / "model"
    write_model(folder, card_of(classes=CLASSES))
    return folder


def noise():
    return np.random.default_rng(0).normal(100, 30, (1, 20, 24, 5)).astype(np.float32)


def test_a_network_has_one_output_for_each_region_and_the_label_map_is_written_in_order(model):
    predictor = Predictor.load(model, device="cpu")
    assert predictor.card.interface.num_classes == 3
    found = predictor.segment(noise(), GRID, probabilities=True, uncertainty=True)
    probabilities = found.probabilities_XYZK
    assert probabilities.shape == (20, 24, 5, 3)
    expected = np.zeros((20, 24, 5), int)
    for number, value in enumerate((2, 4, 7)):
        expected[probabilities[..., number] > 0.5] = value
    values = predictor.labels(found)
    assert np.array_equal(values, expected)
    assert set(np.unique(values)) == {0, 2, 4, 7}
    p = probabilities.astype(float)
    of_two = -(p * np.log2(p) + (1 - p) * np.log2(1 - p))
    assert_allclose(found.uncertainty_XYZ, of_two.mean(axis=-1), atol=1e-5)


def test_the_largest_component_of_every_region_is_kept(model):
    plain = Predictor.load(model, device="cpu")
    kept = Predictor.load(model, device="cpu", keep_largest=True)
    before = plain.segment(noise(), GRID, probabilities=True).probabilities_XYZK > 0.5
    expected = np.zeros((20, 24, 5), int)
    for number, value in enumerate((2, 4, 7)):
        components, _ = label(before[..., number], np.ones((3, 3, 3)))
        sizes = np.bincount(components.ravel())[1:]
        expected[components == 1 + sizes.argmax()] = value
    assert np.array_equal(kept.labels(kept.segment(noise(), GRID)), expected)
    masks = np.moveaxis(before, -1, 0)
    assert (keep_largest_of_regions(masks) <= masks).all()


def test_probabilities_are_torchs_also_of_large_logits():
    logits = np.array([-1e4, -90, -1, 0, 1e-8, 1, 90, 1e4], np.float32).reshape(1, 2, 2, 2)
    expected = torch.from_numpy(logits).sigmoid()
    assert_allclose(sigmoid(logits), expected, rtol=1e-6, atol=1e-38)
    assert sigmoid(logits).dtype == np.float32
    assert entropy(sigmoid(logits), of_regions=True).min() >= 0
    sure = np.array([0, 1, 0.5, 0.5], np.float32).reshape(2, 2, 1, 1)
    assert entropy(sure, of_regions=True).ravel().tolist() == [0, 1]


def test_the_label_map_of_probabilities_is_that_of_nnunet():
    handling = pytest.importorskip("nnunetv2.utilities.label_handling.label_handling")
    labels = {"background": 0, "left": [1, 2], "right": [2, 3], "all": [1, 2, 3]}
    theirs = handling.LabelManager(labels, [1, 3, 2])
    probabilities = np.random.default_rng(0).random((4, 3, 9, 9), np.float32)
    found = predicted_labels(probabilities, (1, 3, 2))
    for one, other in zip(found, probabilities, strict=True):
        assert np.array_equal(one, theirs.convert_probabilities_to_segmentation(other))


def test_a_card_of_regions_is_read_as_written_and_one_of_classes_has_the_json_of_before():
    card = card_of(classes=CLASSES)
    assert ModelCard.from_json(card.to_json()) == card
    plain = json.loads(card_of().to_json())
    assert plain["classes"] == [
        {"value": 1, "name": "anterior"},
        {"value": 5, "name": "posterior"},
    ]


def test_a_region_without_its_own_value_is_refused():
    with pytest.raises(ModelError, match="regions must all have one of their labels as value"):
        card_of(classes=(CLASSES[0], LabelClass(value=4, name="core")))
    with pytest.raises(ModelError, match="mirrored_classes must be pairs"):
        card_of(classes=CLASSES, mirrored_classes=(0, 2, 1))
