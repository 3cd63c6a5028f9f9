"""What one mask holds: numbers, or colours, and how many pixels of each.

A palette gives numbers, together with their colours: in some sets the same number has another
colour in every file, and then the colours are what counts.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Integer

from mbnas.data.images.formats.registry import format_of
from mbnas.data.images.geometry import Geometry
from mbnas.data.images.memory_limit import check_memory
from mbnas.errors import DatasetError

MOST_VALUES = 64
"""A file with more different values is no mask of classes."""

NEAR = 40
"""Values this near to 0 or 255 are those of a mask of two values with soft edges, or in JPEG."""

FEW = 0.05
"""The largest share of pixels of such a mask that may be farther from both."""

Key = tuple[int, ...]
"""What a pixel of a mask holds: a number, or red, green and blue."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MaskContents:
    """What one mask holds.

    Attributes:
        geometry: Its grid.
        counts: Pixels of each value: numbers, or colours.
        colours: The colour of each number of a palette; empty without palette.
        is_soft: Whether it has many values, nearly all of them near 0 or 255, so that its classes
            are those below 128 and those from 128 on.
    """

    geometry: Geometry
    counts: dict[Key, int]
    colours: dict[Key, Key]
    is_soft: bool = False


def read_mask(path: Path) -> MaskContents:
    """Return what a mask holds.

    Raises:
        DatasetError: if it cannot be read, or holds too many values for classes.
    """
    keys_IJC, geometry = mask_pixels(path)
    counts, is_soft = _counts(path, keys_IJC)
    colours: dict[Key, Key] = {}
    if format_of(path).holds_labels and keys_IJC.shape[2] == 1:
        seen = format_of(path).open(path)
        if seen.header.num_channels > 1:
            numbers, places = np.unique(keys_IJC, return_index=True)
            colours_PC = seen.stored().reshape(-1, seen.header.num_channels)[places]
            colours = {
                (number,): tuple(colour)
                for number, colour in zip(numbers.tolist(), colours_PC.tolist(), strict=True)
            }
    return MaskContents(geometry=geometry, counts=counts, colours=colours, is_soft=is_soft)


def mask_pixels(
    path: Path, *, as_seen: bool = False
) -> tuple[Integer[np.ndarray, "i j channel"], Geometry]:
    """Return the numbers of a mask, or its colours; equal colours everywhere are greys.

    Args:
        path: Its file.
        as_seen: Whether a palette gives its colours instead of its numbers.

    Raises:
        DatasetError: if it cannot be read, or holds other than whole numbers.
    """
    file_format = format_of(path)
    if not file_format.is_picture:
        raise DatasetError(
            f"{path} is no picture. Give a folder of .png, .jpg, .bmp or .tif files."
        )
    as_label = file_format.open_label is not None and file_format.holds_labels and not as_seen
    opened = (file_format.open_label if as_label else None) or file_format.open
    file = opened(path)
    header = file.header
    check_memory(path, header.shape, 2 * header.stored_bytes)
    if header.number_type.kind not in "ui":
        raise DatasetError(f"{path} holds {header.number_type} values: a mask holds whole numbers.")
    keys_IJC = file.stored()[:, :, 0]
    if keys_IJC.shape[2] == 3 and bool((keys_IJC == keys_IJC[..., :1]).all()) and not as_seen:
        keys_IJC = keys_IJC[..., :1]
    if keys_IJC.shape[2] not in (1, 3):
        raise DatasetError(
            f"{path} has {keys_IJC.shape[2]} channels: a mask has 1, or 3 for its colours."
        )
    return keys_IJC, header.geometry


def _counts(
    path: Path, keys_IJC: Integer[np.ndarray, "i j channel"]
) -> tuple[dict[Key, int], bool]:
    """Return the pixels of each value, and whether values were rounded to 0 and 255."""
    keys_PC = keys_IJC.reshape(-1, keys_IJC.shape[2]).astype(np.int64)
    numbers, counts = np.unique(_packed(keys_PC), return_counts=True)
    is_lossy = not format_of(path).holds_labels
    if len(numbers) <= MOST_VALUES and not (is_lossy and len(numbers) > 2):
        keys = _unpacked(numbers, keys_PC.shape[1])
        return dict(zip(keys, counts.tolist(), strict=True)), False
    far = (keys_PC > NEAR) & (keys_PC < 255 - NEAR)
    if keys_PC.shape[1] == 1 and far.mean() <= FEW and keys_PC.max() <= 255:
        num_high = int((keys_PC >= 128).sum())
        found = {(0,): len(keys_PC) - num_high, (255,): num_high}
        return {key: count for key, count in found.items() if count}, True
    what = "is JPEG, which changes values, and holds" if is_lossy else "holds"
    raise DatasetError(
        f"{path} {what} {len(numbers)} different values, and not only such near 0 or 255: a mask "
        f"has one value for each class, at most {MOST_VALUES}. Save it without smoothing, as .png."
    )


def _packed(keys_PC: np.ndarray) -> np.ndarray:
    """Return one number for each pixel."""
    if keys_PC.shape[1] == 1:
        return np.asarray(keys_PC[:, 0])
    return np.asarray(keys_PC[:, 0] << 32 | keys_PC[:, 1] << 16 | keys_PC[:, 2])


def _unpacked(numbers: np.ndarray, num_channels: int) -> list[Key]:
    if num_channels == 1:
        return [(number,) for number in numbers.tolist()]
    return [(n >> 32, n >> 16 & 0xFFFF, n & 0xFFFF) for n in numbers.tolist()]
