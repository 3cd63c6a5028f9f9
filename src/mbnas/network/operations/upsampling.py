"""Bilinear upsampling by a power of two, deterministic on every device and quick on it.

Torch's own is not deterministic on a GPU: where deterministic algorithms are asked for, it gathers
the four neighbours of every pixel, and its backward pass sorts and accumulates them one by one.
At a power of two each row of the output is a weighted sum of two neighbouring rows of the input
with weights of its place between them, so the same values come from shifted maps, without a
gather in either direction.

Shape suffixes: B batch, C channels, H height, W width.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from mbnas.network.operations.pooling import is_ours_to_keep

HEIGHT, WIDTH = -2, -1


class Upsampling(nn.Module):
    """Maps at a multiple of their height and width, interpolated bilinearly.

    Args:
        scale: A power of two, 1 or more.

    Raises:
        ValueError: if it is none.
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
        """Return what tells one from another."""
        return f"scale={self.scale}"


def upsample(
    maps_BCHW: Float[Tensor, "batch channels height width"], scale: int
) -> Float[Tensor, "batch channels down across"]:
    """Return maps at a multiple of their height and width, interpolated bilinearly.

    It is torch's interpolation with ``align_corners=False``: by torch itself on the CPU, and
    wherever deterministic algorithms are not asked for; elsewhere by :func:`interleaved`, which
    differs from it by rounding alone.

    Args:
        maps_BCHW: Of any size, 1 pixel or more.
        scale: A power of two, 1 or more.

    Raises:
        ValueError: if the scale is none.
    """
    if _checked(scale) == 1:
        return maps_BCHW
    if is_ours_to_keep(maps_BCHW):
        return interleaved(maps_BCHW, scale)
    # A float, as nn.Upsample makes of it: exported programs then are those of nn.Upsample.
    return functional.interpolate(
        maps_BCHW, scale_factor=float(scale), mode="bilinear", align_corners=False
    )


def interleaved(
    maps_BCHW: Float[Tensor, "batch channels height width"], scale: int
) -> Float[Tensor, "batch channels down across"]:
    """Return what :func:`upsample` returns, made of shifted maps: first across, then down.

    Args:
        maps_BCHW: Of any size, 1 pixel or more.
        scale: A power of two, 2 or more.
    """
    return _along(HEIGHT, _along(WIDTH, maps_BCHW, scale), scale)


def _along(dim: int, maps_BCHW: Tensor, scale: int) -> Tensor:
    """Return maps interpolated along one dimension, in channels-last memory as in training."""
    maps_BHWC, dim = maps_BCHW.movedim(1, -1), dim - 1
    before, after = _neighbours(maps_BHWC, dim)
    phases = []
    for phase in range(scale):
        place = (phase + 0.5) / scale - 0.5  # of the output's pixel, counted from the input's
        if place < 0:
            phases.append(torch.lerp(maps_BHWC, before, -place))
        else:
            phases.append(torch.lerp(maps_BHWC, after, place))
    return torch.stack(phases, dim=dim).flatten(dim - 1, dim).movedim(-1, 1)


def _neighbours(maps: Tensor, dim: int) -> tuple[Tensor, Tensor]:
    """Return for every pixel the one before it and the one after it; the edge is its own.

    By splits, whose backward pass is one copy; that of slices is a map of zeros each.
    """
    side = maps.shape[dim]
    first, later = torch.split(maps, [1, side - 1], dim=dim)
    earlier, last = torch.split(maps, [side - 1, 1], dim=dim)
    return torch.cat([first, earlier], dim=dim), torch.cat([later, last], dim=dim)


def _checked(scale: int) -> int:
    if scale < 1 or scale & (scale - 1):
        raise ValueError(f"scale (={scale}) must be a power of two, 1 or more.")
    return scale
