"""Slices in float16, which halves their memory, if the images allow it.

A float16 has 11 binary digits. The rounding error of normalised images, of mean 0 and deviation 1,
is 0.0002 of their deviation; it grows with the distance of their mean from 0.

Shape suffixes: N slices, C channels, H height, W width.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch
from jaxtyping import Float16, Float32
from torch import Tensor

from mbnas.errors import ConfigurationError
from mbnas.machine.heartbeat import beat

WORST_ERROR = 1e-3
"""The largest allowed root mean square error of rounding, in a channel's standard deviations.

It is five times that of normalised images, which is reached if a channel's mean is about five
deviations from 0. It is far below the brightness of up to 0.2 that augmentation adds to images.
"""

BLOCK = 64
"""How many slices are checked at once."""

_ROUNDED_AT_ONCE = 2**24
"""How many values are rounded at once."""


def check_half_precision(
    blocks: Iterable[Float32[Tensor, "_ channel _ _"]],
) -> None:
    """Check that rounding images to float16 changes them by at most :data:`WORST_ERROR`.

    Args:
        blocks: All images of a study, some slices at once, which may be on disk: they are read
            once.

    Raises:
        ConfigurationError: if a value is out of float16's range, or the error is larger.
    """
    total, squares, errors = np.zeros((3, 1))
    count = 0
    dims = (0, 2, 3)
    for block_NCHW in blocks:
        count += block_NCHW.numel() // block_NCHW.shape[1]
        half_NCHW = block_NCHW.half()
        if not half_NCHW.isfinite().all():
            largest = float(block_NCHW.abs().max())
            raise ConfigurationError(
                f"training.slice_precision (='float16') needs images within ±65504, and one of "
                f"them reaches {largest:g}. Set it to float32."
            )
        exact_NCHW = block_NCHW.double()
        total = total + exact_NCHW.sum(dims).numpy()
        squares = squares + exact_NCHW.square().sum(dims).numpy()
        errors = errors + (half_NCHW.double() - exact_NCHW).square().sum(dims).numpy()
        beat()
    deviation = np.sqrt(np.maximum(squares / count - (total / count) ** 2, 0.0))
    error = np.sqrt(errors / count)
    for channel in np.flatnonzero(error > WORST_ERROR * deviation):
        raise ConfigurationError(
            f"training.slice_precision (='float16') would round channel {channel} of the images "
            f"by {error[channel]:.2g} at a standard deviation of {deviation[channel]:.2g}: more "
            f"than the {WORST_ERROR:g} of it that is allowed. Set it to float32."
        )


def in_half_precision(
    images: Float32[Tensor, " *shape"], device: str
) -> Float16[Tensor, " *shape"]:
    """Return images on a device, rounded to float16.

    Args:
        images: In host memory or on disk, of any shape; they are copied in blocks.
        device: As torch names it.
    """
    half = torch.empty(images.shape, dtype=torch.float16, device=device)
    for block, place in zip(
        torch.split(images.reshape(-1), _ROUNDED_AT_ONCE),
        torch.split(half.reshape(-1), _ROUNDED_AT_ONCE),
        strict=True,
    ):
        place.copy_(block.half())
        beat()
    return half
