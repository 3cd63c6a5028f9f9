"""Bilinear upsampling by a power of two, deterministic and fast on every device.

On a GPU, torch's upsampling is deterministic only through gathers of the four neighbours of every
pixel, and its backward pass sorts and accumulates them one at a time. At a power of two, each row
of the output is a weighted sum of two neighbouring rows of the input, with weights that depend only
on its position between them. Shifted maps give the same values without a gather.

Shape suffixes: B batch, C channels, H height, W width.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from mbnas.network.operations.pooling import needs_deterministic_kernel

HEIGHT, WIDTH = -2, -1


class Upsampling(nn.Module):
    """Bilinear interpolation of maps to a multiple of their height and width.

    Args:
        scale: A power of two, 1 or more.

    Raises:
        ValueError: if the scale is not a power of two.
    """

    def __init__(self, scale: int) -> None:
        super().__init__()
        self.scale = _checked(scale)

    def forward(
        self, maps: Float[Tensor, "batch channels height width"]
    ) -> Float[Tensor, "batch channels down across"]:
        """Return the larger maps."""
        return upsample(maps, self.scale)

    def extra_repr(self) -> str:
        """Return the arguments, for the module's text."""
        return f"scale={self.scale}"


def upsample(
    maps_BCHW: Float[Tensor, "batch channels height width"], scale: int
) -> Float[Tensor, "batch channels down across"]:
    """Return maps at a multiple of their height and width, interpolated bilinearly.

    The result is that of torch's interpolation with ``align_corners=False``. Torch computes it on
    the CPU and where deterministic algorithms are not required; elsewhere :func:`interleaved`
    does, which differs only by rounding.

    Args:
        maps_BCHW: Maps of any size, 1 pixel or more.
        scale: A power of two, 1 or more.

    Raises:
        ValueError: if the scale is not a power of two.
    """
    if _checked(scale) == 1:
        return maps_BCHW
    if needs_deterministic_kernel(maps_BCHW):
        return interleaved(maps_BCHW, scale)
    # A float, as in nn.Upsample, so that exported programs are those of nn.Upsample.
    return functional.interpolate(
        maps_BCHW, scale_factor=float(scale), mode="bilinear", align_corners=False
    )


def interleaved(
    maps_BCHW: Float[Tensor, "batch channels height width"], scale: int
) -> Float[Tensor, "batch channels down across"]:
    """Return what :func:`upsample` returns, from shifted maps: first across, then down.

    Args:
        maps_BCHW: Maps of any size, 1 pixel or more.
        scale: A power of two, 2 or more.
    """
    return _along(HEIGHT, _along(WIDTH, maps_BCHW, scale), scale)


def _along(dim: int, maps_BCHW: Tensor, scale: int) -> Tensor:
    """Return maps interpolated along one dimension, in channels-last memory as in training."""
    maps_BHWC, dim = maps_BCHW.movedim(1, -1), dim - 1
    before, after = _neighbours(maps_BHWC, dim)
    phases = []
    for phase in range(scale):
        place = (phase + 0.5) / scale - 0.5  # output pixel relative to the input's
        if place < 0:
            phases.append(torch.lerp(maps_BHWC, before, -place))
        else:
            phases.append(torch.lerp(maps_BHWC, after, place))
    return torch.stack(phases, dim=dim).flatten(dim - 1, dim).movedim(-1, 1)


def _neighbours(maps: Tensor, dim: int) -> tuple[Tensor, Tensor]:
    """Return for every pixel its predecessor and successor; an edge pixel is its own neighbour.

    It uses splits, whose backward pass is one copy; that of each slice would be a map of zeros.
    """
    side = maps.shape[dim]
    first, later = torch.split(maps, [1, side - 1], dim=dim)
    earlier, last = torch.split(maps, [side - 1, 1], dim=dim)
    return torch.cat([first, earlier], dim=dim), torch.cat([later, last], dim=dim)


def _checked(scale: int) -> int:
    if scale < 1 or scale & (scale - 1):
        raise ValueError(f"scale (={scale}) must be a power of two, 1 or more.")
    return scale
