"""Which images may be kept in float16: those with a small rounding error."""

import numpy as np
import pytest
import torch

from mbnas.errors import ConfigurationError
from mbnas.training.loading import half_precision
from mbnas.training.loading.half_precision import (
    WORST_ERROR,
    check_half_precision,
    in_half_precision,
)


def noise(num_slices=5, *, channels=2, deviation=1.0):
    generator = torch.Generator().manual_seed(0)
    return deviation * torch.randn(num_slices, channels, 16, 16, generator=generator)


@pytest.fixture(params=[2, 64])
def _blocks(request, monkeypatch):
    monkeypatch.setattr(half_precision, "BLOCK", request.param)


@pytest.mark.usefixtures("_blocks")
@pytest.mark.parametrize(
    "images",
    [
        noise(),
        noise() + 4.0,
        noise().clamp(min=0) * 100,
        torch.zeros(5, 2, 16, 16),
        torch.full((5, 2, 16, 16), 2048.0),
    ],
    ids=["normalised", "some way off", "no negative", "empty", "constant"],
)
def test_small_rounding_errors_are_allowed(images):
    check_half_precision(images.split(half_precision.BLOCK))


@pytest.mark.usefixtures("_blocks")
def test_the_rounding_of_one_channel_is_enough_to_refuse():
    images = noise()
    images[:, 1] += 100
    error = (images[:, 1].half().double() - images[:, 1].double()).square().mean().sqrt()
    with pytest.raises(ConfigurationError) as raised:
        check_half_precision(images.split(half_precision.BLOCK))
    deviation = images[:, 1].double().std(correction=0)
    assert error > WORST_ERROR * deviation
    assert str(raised.value) == (
        f"training.slice_precision (='float16') would round channel 1 of the images by "
        f"{error:.2g} at a standard deviation of {deviation:.2g}: more than the 0.001 of it that "
        "is allowed. Set it to float32."
    )


def test_a_constant_that_float16_cannot_represent_is_refused():
    with pytest.raises(ConfigurationError, match=r"at a standard deviation of 0: "):
        check_half_precision([torch.full((2, 1, 4, 4), 2049.0)])


@pytest.mark.usefixtures("_blocks")
@pytest.mark.parametrize("value", [70000.0, -1e30, float("inf"), float("nan")])
def test_values_out_of_the_range_of_float16_are_refused(value):
    images = noise()
    images[-1, 0, 3, 3] = value
    with pytest.raises(ConfigurationError, match=r"needs images within ±65504, .* float32\.$"):
        check_half_precision(images.split(half_precision.BLOCK))


def test_the_error_of_normalised_images_is_a_fifth_of_the_limit():
    images = noise(50)
    error = (images.half().double() - images.double()).square().mean().sqrt()
    assert error == pytest.approx(WORST_ERROR / 5, rel=0.1)


@pytest.mark.usefixtures("_blocks")
def test_rounding_is_that_of_numpy():
    images = noise()
    half = in_half_precision(images, "cpu")
    assert np.array_equal(half, images.numpy().astype(np.float16))
