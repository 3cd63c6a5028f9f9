"""Outlines of masks along the edges of their pixels, as paths of an SVG element.

An outline turns only at corners. In a row of corners sorted along it, the first is joined to
the second and the third to the fourth, so all are linked without following pixel after pixel.
Where two pixels touch at a point only, there are two corners. Filled by the even-odd rule, the
path shows exactly the mask's pixels.

Shape suffixes: N slices, H height, W width, M corners (two values each: row and column).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from jaxtyping import Bool, Integer


def outlines(masks_NHW: Bool[np.ndarray, "slice height width"]) -> tuple[str, ...]:
    """Return the path around every slice's mask, in pixels from its upper left corner.

    A mask without pixels has an empty path.

    >>> outlines(np.array([[[False, True, True]], [[False, False, False]]]))
    ('M1 0h2v1h-2z', '')
    """
    padded = np.pad(masks_NHW, ((0, 0), (1, 1), (1, 1)))
    first, second = padded[:, :-1, :-1], padded[:, :-1, 1:]
    third, fourth = padded[:, 1:, :-1], padded[:, 1:, 1:]
    is_corner = first ^ second ^ third ^ fourth
    is_crossing = (first == fourth) & (second == third) & (first != second)
    slices, rows, columns = np.nonzero(is_corner | is_crossing)
    repeats = 1 + is_crossing[slices, rows, columns].astype(np.intp)
    corners_M2 = np.repeat(np.stack([rows, columns], axis=1), repeats, axis=0)
    starts = np.searchsorted(np.repeat(slices, repeats), np.arange(len(masks_NHW) + 1))
    return tuple(_path(corners_M2[start:stop]) for start, stop in pairwise(starts))


def _path(corners_M2: Integer[np.ndarray, "corner 2"]) -> str:
    """Return the loops through corners that are sorted by row, then column."""
    by_column = np.lexsort((corners_M2[:, 0], corners_M2[:, 1])).tolist()
    partner = [0] * len(by_column)
    for one, other in zip(by_column[::2], by_column[1::2], strict=True):
        partner[one], partner[other] = other, one
    places = corners_M2.tolist()
    is_left = [True] * len(places)
    return "".join(
        _loop(first, places, partner, is_left) for first in range(len(places)) if is_left[first]
    )


def _loop(
    first: int, places: Sequence[Sequence[int]], partner: Sequence[int], is_left: list[bool]
) -> str:
    """Return the loop through a corner: along its row, then a column, until it closes.

    Args:
        first: Number of the corner.
        places: Row and column of every corner; each even one is joined along its row to the next.
        partner: The corner to which each is joined along its column.
        is_left: Which corners no loop goes through yet; this loop's corners are set to false.
    """
    row, column = places[first]
    text = [f"M{column} {row}"]
    corner = first
    while True:
        neighbour = corner ^ 1
        is_left[corner] = is_left[neighbour] = False
        text.append(f"h{places[neighbour][1] - places[corner][1]}")
        corner = partner[neighbour]
        if corner == first:
            return "".join(text) + "z"
        text.append(f"v{places[corner][0] - places[neighbour][0]}")
