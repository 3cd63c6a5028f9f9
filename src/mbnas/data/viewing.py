"""How slices are looked at: which of them, how bright, and which way up.

Slices are shown as radiologists look at them: anterior or superior up, the patient's right to
the left.

Shape suffixes: N slices.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float32, Integer, Shaped

EDGES = (("A", "S"), ("R", "S"), ("R", "A"))
"""For each canonical axis that slices are cut across: what lies to the left, and what above."""


def chosen_slices(
    foreground_N: Integer[np.ndarray, " slice"], most: int
) -> Integer[np.ndarray, " shown"]:
    """Return the slices to show: those with foreground and one to each side, evenly thinned.

    Args:
        foreground_N: Foreground pixels of each slice.
        most: Slices to choose, one or more; the fullest is always among them.
    """
    inside = np.flatnonzero(foreground_N)
    if not inside.size:
        inside = np.array([len(foreground_N) // 2])
    first = max(int(inside[0]) - 1, 0)
    last = min(int(inside[-1]) + 1, len(foreground_N) - 1)
    if last - first < most:
        return np.arange(first, last + 1)
    even = np.linspace(first, last, most).round().astype(int)
    fullest = int(foreground_N.argmax())
    even[np.abs(even - fullest).argmin()] = fullest
    return even


def window(pixels: Float32[np.ndarray, "*grid"]) -> tuple[float, float]:
    """Return the intensities that become black and white: percentiles 0.5 and 99.5."""
    low, high = np.percentile(pixels, (0.5, 99.5))
    return float(low), float(max(high, low + 1e-6))


def upright(
    slices: Shaped[np.ndarray, "*stack height width"],
) -> Shaped[np.ndarray, "*stack width height"]:
    """Return slices turned so that their higher axis runs upwards, the lower to the left."""
    return slices.swapaxes(-1, -2)[..., ::-1, ::-1]
