"""Square windows that cut maps into groups of pixels.

Windows cover the maps and are padded where they reach beyond. The first begins at the top left of
the maps, or with an offset that many pixels before it.

Shape suffixes: B batch, H height, W width, C channels; V windows of a map, N pixels of a window.
"""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional

from mbnas.network.blocks.image_extent import Extent, are_multiples


def cut_windows(
    pixels_BHWC: Float[Tensor, "batch height width channels"], side: int, offset: int
) -> Float[Tensor, "batch windows pixels channels"]:
    """Return the pixels of every window; pixels and windows are ordered row by row.

    Args:
        pixels_BHWC: Maps of any size, 1 pixel or more.
        side: Side of a window in pixels, 1 or more.
        offset: Rows and columns before the maps at which the first window begins, less than
            ``side``.
    """
    batch, height, width, channels = pixels_BHWC.shape
    down, across = num_windows(height, side, offset), num_windows(width, side, offset)
    after = across * side - width - offset, down * side - height - offset
    beyond = (0, 0, offset, after[0], offset, after[1])
    padded = functional.pad(pixels_BHWC, beyond)  # type: ignore[arg-type]  # symbols too
    rows = padded.reshape(batch, down, side, across, side, channels)
    return copied(rows.transpose(2, 3)).reshape(batch, down * across, side * side, channels)


def join_windows(
    windows_BVNC: Float[Tensor, "batch windows pixels channels"],
    side: int,
    offset: int,
    size: Extent,
) -> Float[Tensor, "batch height width channels"]:
    """Return the maps that were cut into windows.

    Args:
        windows_BVNC: From :func:`cut_windows`, with any number of channels.
        side: Side of a window in pixels.
        offset: As in cutting.
        size: Height and width of the maps.
    """
    (height, width), (batch, _, _, channels) = size, windows_BVNC.shape
    down, across = num_windows(height, side, offset), num_windows(width, side, offset)
    rows = windows_BVNC.reshape(batch, down, across, side, side, channels)
    padded = copied(rows.transpose(2, 3)).reshape(batch, down * side, across * side, channels)
    return padded[:, offset : offset + height, offset : offset + width]


def image_in_windows(
    side: int, offset: int, size: Extent, extent: Extent | None, device: torch.device
) -> Bool[Tensor, "windows pixels"] | None:
    """Return which pixels of every window are image; ``None`` if all are.

    Args:
        side: Side of a window in pixels.
        offset: As in cutting.
        size: Height and width of the maps.
        extent: The part of the maps that is image; ``None`` for all.
        device: Where the result is.
    """
    if offset == 0 and extent is None and are_multiples(size, side):
        return None
    down, across = (
        _image_along(whole, image, side, offset, device)
        for whole, image in zip(size, extent or size, strict=True)
    )
    both = down[:, None, :, None] & across[:, None, :]
    return copied(both).reshape(both.shape[0] * both.shape[1], side * side)


def num_windows(size: int | torch.SymInt, side: int, offset: int) -> int | torch.SymInt:
    """Return how many windows cover a height or a width.

    >>> num_windows(8, 3, 0), num_windows(8, 3, 2)
    (3, 4)
    """
    return (size + offset + side - 1) // side


def _image_along(
    size: int | torch.SymInt,
    extent: int | torch.SymInt,
    side: int,
    offset: int,
    device: torch.device,
) -> Bool[Tensor, "windows side"]:
    """Return which rows of windows are image, or which columns."""
    number = num_windows(size, side, offset)
    place = torch.arange(number * side, device=device) - offset
    return ((place >= 0) & (place < extent)).reshape(number, side)


def copied(tensor: Tensor) -> Tensor:
    """Return a contiguous copy, whose dimensions can be joined.

    ``reshape`` and ``matmul`` copy only if they must, which may depend on whether there is one
    window. A program for images of any size cannot tell.
    """
    return tensor.clone(memory_format=torch.contiguous_format)
