"""What part of the maps is image, for blocks that look further than a kernel.

Networks pad images at the bottom and on the right. A convolution meets the padding only near the
edge, but an average over the maps, or attention, would depend on how much padding there is.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

Extent = tuple[int | torch.SymInt, int | torch.SymInt]
"""Height and width in pixels of the part of maps that is image, from their top left.

They are symbols where a network is exported for images of any size.
"""


class ExtentBlock(nn.Module):
    """Abstract: a block that is told what part of its maps is image."""

    def forward(
        self, maps: Float[Tensor, "batch in_channels height width"], extent: Extent | None = None
    ) -> Float[Tensor, "batch out_channels height width"]:
        """Return the block's feature maps.

        Args:
            maps: The block's input.
            extent: The part of ``maps`` that is image; ``None`` for all.
        """
        raise NotImplementedError


class ExtentSequential(nn.Sequential):
    """Layers in a row; those that are an :class:`ExtentBlock` are told the extent."""

    def forward(self, maps: Tensor, extent: Extent | None = None) -> Tensor:
        """Return the output of the last layer.

        Args:
            maps: Input of the first layer.
            extent: The part of the blocks' input that is image; ``None`` for all.
        """
        for layer in self:
            maps = layer(maps, extent) if isinstance(layer, ExtentBlock) else layer(maps)
        return maps


def padded_extent(
    images_BCHW: Float[Tensor, "batch channels height width"], multiple: int
) -> Extent | None:
    """Return the extent of images that are padded to a multiple; ``None`` if they need no padding.

    A program for images of any size always gets an extent.
    """
    height, width = images_BCHW.shape[-2:]
    extent = (height, width)
    return None if are_multiples(extent, multiple) else extent


def are_multiples(size: Extent, of: int) -> bool:
    """Return whether height and width are known to be multiples of a number; symbols are not."""
    return all(isinstance(each, int) and each % of == 0 for each in size)


def extent_at(level: int, extent: Extent) -> Extent:
    """Return the extent of an image at a level: each level halves it and rounds up.

    >>> extent_at(2, (9, 16))
    (3, 4)
    """
    height, width = extent
    scale = 2**level
    # Of positive numbers, since ONNX rounds quotients towards zero.
    return (height + scale - 1) // scale, (width + scale - 1) // scale


def inside(
    maps: Float[Tensor, "batch channels height width"], extent: Extent | None
) -> Float[Tensor, "batch channels down across"]:
    """Return the part of maps that is image."""
    if extent is None:
        return maps
    height, width = extent
    return maps[..., :height, :width]
