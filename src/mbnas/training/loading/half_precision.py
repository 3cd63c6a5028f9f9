"""Slices in float16, which halves their memory, if the images allow it.

A float16 has 11 binary digits. The rounding error of normalised images, of mean 0 and deviation 1,
is 0.0002 of their deviation; it grows with the distance of their mean from 0.

Shape suffixes: N slices, C channels, H height, W width.
"""

from __future__ import annotations

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
"""How many slices are rounded at once."""


def check_half_precision(images_NCHW: Float32[Tensor, "slice channel height width"]) -> None:
    """Check that rounding images to float16 changes them by at most :data:`WORST_ERROR`.

    Args:
        images_NCHW: All images of a study, which may be on disk: they are read once.

    Raises:
        ConfigurationError: if a value is out of float16's range, or the error is larger.
    """
    num_channels = images_NCHW.shape[1]
    total, squares, errors = np.zeros((3, num_channels))
    dims = (0, 2, 3)
    for block_NCHW in torch.split(images_NCHW, BLOCK):
        half_NCHW = block_NCHW.half()
        if not half_NCHW.isfinite().all():
            largest = float(block_NCHW.abs().max())
            raise ConfigurationError(
                f"training.slice_precision (='float16') needs images within ±65504, and one of "
                f"them reaches {largest:g}. Set it to float32."
            )
        exact_NCHW = block_NCHW.double()
        total += exact_NCHW.sum(dims).numpy()
        squares += exact_NCHW.square().sum(dims).numpy()
        errors += (half_NCHW.double() - exact_NCHW).square().sum(dims).numpy()
        beat()
    count = images_NCHW.numel() / num_channels
    deviation = np.sqrt(np.maximum(squares / count - (total / count) ** 2, 0.0))
    error = np.sqrt(errors / count)
    for channel in np.flatnonzero(error > WORST_ERROR * deviation):
        raise ConfigurationError(
            f"training.slice_precision (='float16') would round channel {channel} of the images "
            f"by {error[channel]:.2g} at a standard deviation of {deviation[channel]:.2g}: more "
            f"than the {WORST_ERROR:g} of it that is allowed. Set it to float32."
        )


def in_half_precision(
    images_NCHW: Float32[Tensor, "slice channel height width"], device: str
) -> Float16[Tensor, "slice channel height width"]:
    """Return images on a device, rounded to float16.

    Args:
        images_NCHW: In host memory or on disk; they are copied in blocks.
        device: As torch names it.
    """
    half_NCHW = torch.empty(images_NCHW.shape, dtype=torch.float16, device=device)
    for block_NCHW, place_NCHW in zip(
        torch.split(images_NCHW, BLOCK), torch.split(half_NCHW, BLOCK), strict=True
    ):
        place_NCHW.copy_(block_NCHW.half())
        beat()
    return half_NCHW
