"""The mean over 3×3 pixels of few channels, by adding shifted maps.

torch vectorises the average pooling of channels-last maps over channels; with few channels it takes
two to ten times as long as adding whole maps.

Shape suffixes: B batch, C channels, H height, W width.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from mbnas.network.cpu.folded_normalisation import FEW_CHANNELS

SIDE = 3


def is_neighbour_mean(pool: nn.AvgPool2d) -> bool:
    """Return whether a pool is the mean over those of 3×3 pixels that are inside the image."""
    return (
        pool.kernel_size in (SIDE, (SIDE, SIDE))
        and pool.stride in (1, (1, 1))
        and pool.padding in (1, (1, 1))
        and not pool.ceil_mode
        and not pool.count_include_pad
        and pool.divisor_override is None
    )


class NeighbourMean(nn.AvgPool2d):
    """The mean over those of 3×3 pixels that are inside the image.

    It may only replace a layer for which :func:`is_neighbour_mean` is true.
    """

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 - torch's name for it
        """Return the means, at the height and width of the input."""
        is_narrow = input.shape[1] <= FEW_CHANNELS and min(input.shape[-2:]) > 1
        if not is_narrow or input.device.type != "cpu":
            return super().forward(input)
        output: Tensor = _NeighbourMean.apply(input)
        return output


class _NeighbourMean(torch.autograd.Function):
    """The sum over 3×3 pixels, divided by the number of them inside the image."""

    @staticmethod
    def forward(ctx: Any, maps_BCHW: Tensor) -> Tensor:
        """Return the means."""
        precise_BCHW = maps_BCHW.to(torch.promote_types(maps_BCHW.dtype, torch.float32))
        sums_BCHW = _sums(precise_BCHW)
        sums_BCHW *= _shares(sums_BCHW)
        return sums_BCHW.to(maps_BCHW.dtype)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor]:
        """Return the gradient of the maps: weights first, then sums, as the sums are symmetric."""
        (gradient_BCHW,) = gradients
        precise_BCHW = gradient_BCHW.to(torch.promote_types(gradient_BCHW.dtype, torch.float32))
        sums_BCHW = _sums(precise_BCHW * _shares(precise_BCHW))
        return (sums_BCHW.to(gradient_BCHW.dtype),)


def _sums(maps_BCHW: Tensor) -> Tensor:
    """Return the sums over 3×3 pixels, first across, then down; outside the image is 0."""
    maps_BHWC = maps_BCHW.permute(0, 2, 3, 1).contiguous()
    across_BHWC = maps_BHWC.clone()
    across_BHWC[:, :, 1:] += maps_BHWC[:, :, :-1]
    across_BHWC[:, :, :-1] += maps_BHWC[:, :, 1:]
    down_BHWC = across_BHWC.clone()
    down_BHWC[:, 1:] += across_BHWC[:, :-1]
    down_BHWC[:, :-1] += across_BHWC[:, 1:]
    return down_BHWC.permute(0, 3, 1, 2)


def _shares(maps_BCHW: Tensor) -> Tensor:
    """Return one over the number of image pixels in each 3×3 window, shape H, W."""
    down, across = (maps_BCHW.new_full((side,), SIDE) for side in maps_BCHW.shape[-2:])
    for counts in (down, across):
        counts[[0, -1]] -= 1
    return 1 / (down[:, None] * across)
