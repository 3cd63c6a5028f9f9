"""Predictions by tiles: those of MONAI's sliding windows, on the voxels of the image."""

import tracemalloc

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from monai.inferers import sliding_window_inference
from numpy.testing import assert_allclose

from mbnas.data.images.geometry import Geometry
from mbnas.errors import ModelError
from mbnas.prediction.image_warnings import image_warnings
from mbnas.prediction.model.model_card import ModelCard
from mbnas.prediction.model.torch_members import load_network
from mbnas.prediction.predictor import Predictor
from mbnas.prediction.volume_inference import predicted_by_tiles

from .conftest import card_of, write_model

PATCHES = {"slice_size": None, "patch_size": 32}


def voxels_of(shape, seed=0):
    return np.random.default_rng(seed).normal(100, 30, shape).astype(np.float32)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A model of patches."""
    path = tmp_path_factory.mktemp("patches") / "model"
    write_model(path, card_of(**PATCHES))
    return path


def monai_means(folder, images):
    """The mean probabilities of the members by MONAI, of images that are prepared."""
    card = ModelCard.from_json((folder / "model.json").read_text())
    members = [load_network(folder, card, each) for each in card.members]

    def mean(images):
        return sum(member(images).softmax(dim=1) for member in members) / len(members)

    with torch.inference_mode():
        return sliding_window_inference(
            torch.from_numpy(images), 32, 4, mean, overlap=0.5, mode="gaussian"
        ).numpy()


@pytest.mark.parametrize("shape", [(80, 71, 2), (20, 45, 2)])
def test_probabilities_are_those_of_monai(folder, shape):
    voxels = voxels_of((1, *shape))
    geometry = Geometry.canonical(shape, (1.0, 1.0, 3.0))
    found = Predictor.load(folder).segment(voxels, geometry, probabilities=True)
    normalised = (voxels - voxels.mean()) / voxels.std()
    means = monai_means(folder, np.moveaxis(normalised, 3, 0))
    assert_allclose(found.probabilities_XYZK, np.moveaxis(means, (0, 1), (2, 3)), atol=2e-4)
    assert_allclose(found.probabilities_XYZK.sum(axis=-1), 1, atol=1e-5)
    assert np.array_equal(found.labels_XYZ, found.probabilities_XYZK.argmax(axis=-1))
    assert len(np.unique(found.labels_XYZ)) > 1


def test_neighbours_are_channels_of_every_tile(tmp_path):
    card = write_model(tmp_path / "model", card_of(**PATCHES, context=1))
    voxels = voxels_of((1, 40, 45, 4))
    geometry = Geometry.canonical((40, 45, 4), (1.0, 1.0, 3.0))
    found = Predictor.load(tmp_path / "model").segment(voxels, geometry, probabilities=True)
    slices = np.moveaxis((voxels - voxels.mean()) / voxels.std(), 3, 0)
    seen = np.arange(4)[:, None] + np.arange(-1, 2)
    means = monai_means(tmp_path / "model", slices[seen.clip(0, 3), 0])
    assert card.interface.in_channels == 3
    assert_allclose(found.probabilities_XYZK, np.moveaxis(means, (0, 1), (2, 3)), atol=2e-4)


def test_images_of_another_spacing_are_brought_to_that_of_training(folder):
    predictor = Predictor.load(folder)
    fine = voxels_of((1, 90, 80, 1))
    found = predictor.segment(fine, Geometry.canonical((90, 80, 1), (0.5, 0.5, 3.0)))
    assert found.labels_XYZ.shape == (90, 80, 1)
    plane = predictor.card.plane(Geometry.canonical((90, 80, 1), (0.5, 0.5, 3.0)))
    assert (plane.fitted, plane.frame) == ((45, 40), (45, 40))


@given(st.integers(1, 9), st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), max_size=3))
def test_a_constant_network_gives_constant_maps(side, more):
    images = [np.zeros((1, side + rows, side + columns), np.float32) for rows, columns in more]
    constant = np.array([0.2, 0.7, 0.1], np.float32)

    def predict(images_BCSS):
        shape = (len(images_BCSS), 3, *images_BCSS.shape[2:])
        return np.broadcast_to(constant[:, None, None], shape).copy()

    maps = list(predicted_by_tiles(iter(images), side, at_once=5, predict=predict))
    assert [each.shape for each in maps] == [(3, *image.shape[1:]) for image in images]
    for each in maps:
        assert_allclose(each, np.broadcast_to(constant[:, None, None], each.shape), rtol=1e-5)


def test_flips_are_averaged_tile_by_tile(folder):
    voxels = voxels_of((1, 40, 40, 1))
    geometry = Geometry.canonical((40, 40, 1), (1.0, 1.0, 3.0))
    plain, both = (
        Predictor.load(folder, tta=tta).segment(voxels, geometry, probabilities=True)
        for tta in (False, True)
    )
    mirrored = Predictor.load(folder).segment(voxels[:, ::-1].copy(), geometry, probabilities=True)
    mean = (plain.probabilities_XYZK + mirrored.probabilities_XYZK[::-1]) / 2
    assert_allclose(both.probabilities_XYZK, mean, atol=1e-4)


def test_memory_does_not_grow_with_the_number_of_slices(folder):
    predictor = Predictor.load(folder)
    peaks = []
    for number in (2, 12):
        voxels = voxels_of((1, 128, 128, number))
        geometry = Geometry.canonical((128, 128, number), (1.0, 1.0, 3.0))
        predictor.segment(voxels, geometry)
        tracemalloc.start()
        predictor.segment(voxels, geometry)
        peaks.append(tracemalloc.get_traced_memory()[1] - 128 * 128 * number)
        tracemalloc.stop()
    assert peaks[1] < 1.5 * peaks[0]


def test_a_card_of_patches_survives_json_and_has_one_size():
    card = card_of(**PATCHES)
    assert ModelCard.from_json(card.to_json()) == card
    assert card.interface.size == 32
    assert "patch_size" not in card_of().to_json()
    for sizes in ({"patch_size": 32}, {"slice_size": None}):
        with pytest.raises(ModelError, match="slice_size or patch_size must be given, not both"):
            card_of(**sizes)
    with pytest.raises(ModelError, match="must be 1 to 8192"):
        card_of(slice_size=None, patch_size=0)


def test_slices_that_are_strips_are_warned_of():
    (warning,) = image_warnings(card_of(**PATCHES), Geometry.canonical((3, 90, 4), (1.0, 1.0, 3.0)))
    assert "too narrow" in warning
