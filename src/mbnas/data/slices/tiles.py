"""Overlapping tiles that cover a slice, and the weights of their pixels.

Tiles are half a side apart, the last one is moved inside. In their overlap, each counts by a
Gaussian around its centre with a deviation of an eighth of the side, as in nnU-Net. Places and
weights are those of MONAI's ``sliding_window_inference`` with ``overlap=0.5, mode="gaussian"``.

Source: Isensee et al. 2021, supplementary note 2 (doi 10.1038/s41592-020-01008-z).
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from jaxtyping import Float32

_SMALLEST_WEIGHT = 1e-3
_DEVIATIONS = 8


def tile_starts(length: int, side: int) -> tuple[int, ...]:
    """Return where the tiles along one side of a slice start.

    >>> tile_starts(10, 4), tile_starts(4, 4)
    ((0, 2, 4, 6), (0,))

    Args:
        length: Of the side of the slice, at least that of a tile.
        side: Of a tile, 1 or more.
    """
    step = max(1, side // 2)
    count = -(-(length - side) // step) + 1
    return tuple(min(number * step, length - side) for number in range(count))


def num_covering(frame: tuple[int, int], side: int) -> int:
    """Return how many patches it takes to cover a slice without overlap.

    >>> num_covering((1000, 960), 128)
    64
    """
    return -(-frame[0] // side) * -(-frame[1] // side)


def tile_corners(frame: tuple[int, int], side: int) -> tuple[tuple[int, int], ...]:
    """Return the first row and column of each tile of a slice.

    Args:
        frame: Height and width of the slice, each at least a tile's side.
        side: Of a tile, 1 or more.
    """
    rows, columns = (tile_starts(length, side) for length in frame)
    return tuple((row, column) for row in rows for column in columns)


@lru_cache(maxsize=4)
def tile_weights(side: int) -> Float32[np.ndarray, "side side"]:
    """Return the weight of each pixel of a tile: 0.001 to 1, read-only."""
    from_centre = np.arange(side) - (side - 1) / 2
    weights_S = np.exp(-(from_centre**2) / (2 * (side / _DEVIATIONS) ** 2))
    weights = np.maximum(np.outer(weights_S, weights_S), _SMALLEST_WEIGHT).astype(np.float32)
    weights.setflags(write=False)
    return weights


@lru_cache(maxsize=64)
def total_weights(frame: tuple[int, int], side: int) -> Float32[np.ndarray, "height width"]:
    """Return the sum of the weights of all tiles at each pixel of a slice, read-only."""
    total = np.zeros(frame, np.float32)
    for row, column in tile_corners(frame, side):
        total[row : row + side, column : column + side] += tile_weights(side)
    total.setflags(write=False)
    return total
