"""Augmentation: exact cases, comparison with scipy, invalid settings."""

from dataclasses import fields, replace

import hypothesis.strategies as st
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from numpy.testing import assert_allclose
from scipy import ndimage

from mbnas.data.augmentation.parameters import (
    AugmentationParameters,
    AugmentationSettings,
    draw_augmentation,
    sampling_matrices,
)
from mbnas.data.augmentation.transform import apply_augmentation, sampling_grid
from mbnas.errors import ConfigurationError

NOTHING = AugmentationSettings(
    probability=1.0, scale=0.0, shift=0.0, rotation_degrees=0.0, brightness=0.0, flip_axes=()
)


def parameters_of(*, scale=1.0, shift=(0.0, 0.0), rotation=0.0, flip=(False, False), brightness=0):
    """Parameters of a batch of one with two channels."""
    return AugmentationParameters(
        scale=np.array([scale]),
        shift=np.array([shift]),
        rotation=np.array([rotation]),
        flip=np.array([flip]),
        brightness=np.array([[brightness, 2.0 * brightness]]),
    )


def slices_of(size, seed=0):
    rng = np.random.default_rng(seed)
    images = torch.from_numpy(rng.normal(size=(1, 2, size, size)).astype(np.float32))
    return images, torch.from_numpy(rng.integers(0, 4, (1, size, size)).astype(np.uint8))


def draw(settings_, seed=0, *, batch=64, channels=2, flip_dims=(True, True)):
    rng = np.random.default_rng(seed)
    return draw_augmentation(settings_, rng, batch=batch, channels=channels, flip_dims=flip_dims)


@pytest.mark.parametrize("size", [1, 7, 16, 48])
def test_parameters_without_effect_change_nothing(size):
    images, labels = slices_of(size)
    parameters = draw(NOTHING, batch=1, flip_dims=(False, False))
    moved, moved_labels = apply_augmentation(parameters, images, labels)
    assert_allclose(moved, images, atol=2e-5)
    assert torch.equal(moved_labels, labels)


@pytest.mark.parametrize("flip", [(False, False), (True, False), (False, True), (True, True)])
def test_flips_are_exact(flip):
    images, labels = slices_of(16)
    moved, moved_labels = apply_augmentation(parameters_of(flip=flip), images, labels)
    dims = [dim for dim, flipped in zip((-2, -1), flip, strict=True) if flipped]
    assert_allclose(moved, images.flip(dims), atol=1e-5)
    assert torch.equal(moved_labels, labels.flip(dims))


def test_a_shift_of_whole_pixels_moves_down_and_right_and_fills_with_zeros():
    images, labels = slices_of(16)
    shifted = parameters_of(shift=(3 / 16, 5 / 16))
    moved, moved_labels = apply_augmentation(shifted, images, labels)
    assert_allclose(moved[..., 3:, 5:], images[..., :-3, :-5], atol=1e-5)
    assert torch.equal(moved_labels[..., 3:, 5:], labels[..., :-3, :-5])
    for outside in (moved[..., :3, :], moved[..., :5], moved_labels[..., :3, :]):
        assert_allclose(outside, 0, atol=1e-5)


def test_a_quarter_turn_equals_that_of_numpy():
    images, labels = slices_of(16)
    turned = parameters_of(rotation=np.pi / 2)
    moved, moved_labels = apply_augmentation(turned, images, labels)
    assert_allclose(moved, torch.rot90(images, 1, (-2, -1)), atol=1e-5)
    assert torch.equal(moved_labels, torch.rot90(labels, 1, (-2, -1)))


def test_a_larger_scale_magnifies():
    labels = torch.zeros(1, 16, 16, dtype=torch.uint8)
    labels[0, 6:10, 6:10] = 1
    images = labels[:, None].float().expand(1, 2, 16, 16)
    _, moved_labels = apply_augmentation(parameters_of(scale=2.0), images, labels)
    assert moved_labels.sum() == 8 * 8


def test_brightness_is_added_to_each_channel_of_images_only():
    images, labels = slices_of(16)
    moved, moved_labels = apply_augmentation(parameters_of(brightness=0.5), images, labels)
    assert_allclose(moved, images + torch.tensor([0.5, 1.0])[:, None, None], atol=1e-5)
    assert torch.equal(moved_labels, labels)


@settings(max_examples=25)
@given(
    st.floats(0.7, 1.4),
    st.tuples(st.floats(-0.3, 0.3), st.floats(-0.3, 0.3)),
    st.floats(-1.0, 1.0),
    st.tuples(st.booleans(), st.booleans()),
)
def test_images_and_labels_are_transformed_as_by_scipy(scale, shift, rotation, flip):
    size = 24
    rows, columns = np.mgrid[:size, :size]
    smooth = np.sin(rows / 3) + np.cos(columns / 4)
    images = torch.from_numpy(np.stack([smooth, smooth.T])[None].astype(np.float32))
    labels = torch.from_numpy(((rows // 6 + 2 * (columns // 6)) % 4)[None].astype(np.uint8))
    parameters = parameters_of(scale=scale, shift=shift, rotation=rotation, flip=flip)
    moved, moved_labels = apply_augmentation(parameters, images, labels)

    # output to input, row before column: turn and shrink, flip, then shift back
    cosine, sine = np.cos(rotation), np.sin(rotation)
    turn = np.array([[cosine, sine], [-sine, cosine]]) / scale
    matrix = np.diag(np.where(flip, -1.0, 1.0)) @ turn
    centre = np.full(2, (size - 1) / 2)
    offset = centre - matrix @ centre - size * np.array(shift)

    def reference(picture, order):
        return ndimage.affine_transform(
            picture, matrix, offset, order=order, mode="grid-constant", cval=0
        )

    for channel in range(2):
        assert_allclose(moved[0, channel], reference(images[0, channel].numpy(), 1), atol=2e-4)
    expected = reference(labels[0].numpy(), 0)
    # where a sample falls between two pixels, either may be the nearest
    assert np.mean(moved_labels[0].numpy() != expected) < 0.03


def test_labels_are_not_interpolated():
    images, _ = slices_of(16)
    labels = torch.where(torch.arange(256).reshape(1, 16, 16) % 3 == 0, 200, 7).to(torch.uint8)
    turned = parameters_of(scale=1.1, rotation=0.3)
    _, moved_labels = apply_augmentation(turned, images, labels)
    assert set(moved_labels.unique().tolist()) <= {0, 7, 200}


def test_the_same_seed_draws_the_same():
    first, again, other = (draw(AugmentationSettings(), seed) for seed in (1, 1, 2))
    for field in fields(first):
        assert np.array_equal(getattr(first, field.name), getattr(again, field.name))
        assert not np.array_equal(getattr(first, field.name), getattr(other, field.name))


def test_drawn_parameters_fill_their_range():
    drawn = draw(AugmentationSettings(probability=1.0), batch=2000)
    ranges = [
        (drawn.scale - 1, 0.15),
        (drawn.shift, 0.1),
        (drawn.rotation, np.deg2rad(15)),
        (drawn.brightness, 0.2),
    ]
    for values, largest in ranges:
        assert 0.98 * largest < abs(values).max() <= largest
        assert abs(values.mean()) < 0.05 * largest
    assert_allclose(drawn.flip.mean(axis=0), 0.5, atol=0.05)


def test_each_transform_is_applied_independently_with_the_probability():
    drawn = draw(AugmentationSettings(probability=0.3), batch=4000)
    applied = [
        drawn.scale != 1,
        (drawn.shift != 0).any(axis=1),
        drawn.rotation != 0,
        (drawn.brightness != 0).any(axis=1),
    ]
    assert_allclose(np.mean(applied, axis=1), 0.3, atol=0.03)
    assert abs(np.corrcoef(applied) - np.eye(4)).max() < 0.06


@pytest.mark.parametrize("flip_dims", [(False, False), (True, False), (False, True)])
def test_only_allowed_dimensions_are_flipped(flip_dims):
    drawn = draw(AugmentationSettings(), flip_dims=flip_dims)
    assert tuple(drawn.flip.any(axis=0)) == flip_dims


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"probability": 1.5}, r"probability \(=1.5\) must be between 0 and 1"),
        ({"scale": 1.0}, r"scale \(=1.0\) must be in \[0, 1\)"),
        ({"shift": -0.1}, r"shift \(=-0.1\) must be 0 or more"),
        ({"rotation_degrees": -1.0}, r"rotation_degrees \(=-1.0\) must be 0 or more"),
        ({"brightness": -1.0}, r"brightness \(=-1.0\) must be 0 or more"),
        ({"flip_axes": ("up",)}, r"flip_axes holds 'up': use left-right, posterior-anterior"),
        ({"shift": float("nan")}, r"shift \(=nan\) must be 0 or more"),
        ({"brightness": float("inf")}, r"brightness \(=inf\) must be 0 or more and finite"),
    ],
)
def test_invalid_settings_are_refused(change, sentence):
    with pytest.raises(ConfigurationError, match=rf"augmentation\.{sentence}"):
        replace(NOTHING, **change)


@pytest.mark.parametrize("side", [1, 2, 7, 48, 100, 128])
def test_the_grid_equals_that_of_torch(side):
    matrices = torch.from_numpy(sampling_matrices(draw(AugmentationSettings()))).float()
    expected = torch.nn.functional.affine_grid(matrices, [64, 1, side, side], align_corners=False)
    # Up to two units in the last place of the largest values: their sum depends on the processor.
    assert_allclose(sampling_grid(matrices, side), expected, rtol=0, atol=5e-7)
