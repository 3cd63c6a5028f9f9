"""Adaptive average pooling that is deterministic on every device.

On a GPU, torch has a deterministic backward pass only for an output of one pixel, and refuses to
train other sizes in deterministic mode. An average over windows is linear in rows and in columns,
so two matrix products give the same values.

Shape suffixes: B batch, C channels, H height, W width.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional


def needs_deterministic_kernel(maps: Tensor) -> bool:
    """Return whether maps are not on the CPU and deterministic algorithms are required.

    Torch's operations on them may then be slow, or raise an error.
    """
    return maps.device.type != "cpu" and torch.are_deterministic_algorithms_enabled()


class AveragePooling(nn.Module):
    """Averages over windows that cover the maps, like :class:`torch.nn.AdaptiveAvgPool2d`.

    Args:
        height: Height of the output in pixels, 1 or more.
        width: Width of the output in pixels, 1 or more.
    """

    def __init__(self, height: int, width: int) -> None:
        super().__init__()
        self.height = height
        self.width = width

    def forward(
        self, maps: Float[Tensor, "batch channels height width"]
    ) -> Float[Tensor, "batch channels down across"]:
        """Return the averages."""
        if needs_deterministic_kernel(maps):
            return averaged(maps, self.height, self.width)
        return functional.adaptive_avg_pool2d(maps, (self.height, self.width))

    def extra_repr(self) -> str:
        """Return the arguments, for the module's text."""
        return f"height={self.height}, width={self.width}"


def averaged(
    maps_BCHW: Float[Tensor, "batch channels height width"], height: int, width: int
) -> Float[Tensor, "batch channels down across"]:
    """Return averages over windows, by two matrix products in float32 or finer.

    Args:
        maps_BCHW: Maps of any size, 1 pixel or more.
        height: Height of the output in pixels, 1 or more.
        width: Width of the output in pixels, 1 or more.
    """
    with torch.autocast(maps_BCHW.device.type, enabled=False):
        wide_BCHW = maps_BCHW.to(torch.promote_types(maps_BCHW.dtype, torch.float32))
        down = _shares(wide_BCHW, wide_BCHW.shape[-2], height)
        across = _shares(wide_BCHW, wide_BCHW.shape[-1], width)
        return (down @ wide_BCHW @ across.T).to(maps_BCHW.dtype)


def replace_pooling(network: nn.Module) -> None:
    """Replace torch's adaptive average pooling where its output has more than one pixel."""
    for module in network.modules():
        for name, child in module.named_children():
            if isinstance(child, nn.AdaptiveAvgPool2d):
                height, width = _pair(child.output_size)
                if height is not None and width is not None and height * width > 1:
                    setattr(module, name, AveragePooling(height, width))


def _pair(size: int | tuple[int | None, int | None] | None) -> tuple[int | None, int | None]:
    return size if isinstance(size, tuple) else (size, size)


def _shares(like: Tensor, size: int, windows: int) -> Float[Tensor, "windows size"]:
    """Return the weight of each position in each window's average.

    Window i of n runs from floor(i · size / n) to before ceil((i + 1) · size / n), as in torch.
    """
    number = torch.arange(windows, device=like.device)[:, None]
    place = torch.arange(size, device=like.device)
    first = number * size // windows
    end = ((number + 1) * size + windows - 1) // windows
    return ((place >= first) & (place < end)).to(like.dtype) / (end - first)
