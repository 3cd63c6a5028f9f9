"""Fills polygons: which pixels have their centre inside.

Edges include their lower end and not their upper one, so that polygons that share an edge share no
pixel and leave none out.

Source: the even-odd rule by scan lines; Foley et al. 1990, Computer Graphics, section 3.6.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float


def filled(
    points: Float[np.ndarray, "point 2"], shape: tuple[int, int]
) -> Bool[np.ndarray, "row column"]:
    """Return the pixels inside a closed polygon, which may cross itself.

    Args:
        points: Column and row of each corner, where pixel centres are integers.
        shape: Number of rows and columns.

    >>> filled(np.array([[0.5, -1], [2.5, -1], [2.5, 1], [0.5, 1]]), (2, 4)).astype(int).tolist()
    [[0, 1, 1, 0], [0, 0, 0, 0]]
    """
    num_rows, num_columns = shape
    x_from, y_from = points.T
    x_to, y_to = np.roll(points, -1, axis=0).T
    low = np.ceil(np.minimum(y_from, y_to)).clip(0, num_rows).astype(int)
    high = np.ceil(np.maximum(y_from, y_to)).clip(0, num_rows).astype(int)
    counts = high - low
    edge = np.repeat(np.arange(len(points)), counts)
    row = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts) + low[edge]
    share = (row - y_from[edge]) / (y_to - y_from)[edge]
    crossing = x_from[edge] + share * (x_to - x_from)[edge]
    toggles = np.zeros((num_rows, num_columns + 1), np.int64)
    np.add.at(toggles, (row, np.ceil(crossing).clip(0, num_columns).astype(int)), 1)
    inside: np.ndarray = toggles.cumsum(axis=1)[:, :num_columns] % 2 == 1
    return inside
