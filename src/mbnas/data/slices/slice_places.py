"""Where each slice is in the flat files of slices that differ in size.

Shape suffixes: N slices.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int


@dataclass(frozen=True, slots=True, kw_only=True)
class SlicePlaces:
    """The place and the size of each slice.

    The labels of a slice are its height times its width values, row by row. Its image has that
    many for each channel, one channel after another, and starts at the number of channels times
    the place of its labels.

    Attributes:
        first_pixel_N: Pixels of all slices before it.
        height_N: Its height in pixels.
        width_N: Its width in pixels.
    """

    first_pixel_N: Int[np.ndarray, " slice"]
    height_N: Int[np.ndarray, " slice"]
    width_N: Int[np.ndarray, " slice"]

    @classmethod
    def of(cls, frames: Sequence[tuple[int, int]]) -> SlicePlaces:
        """Return the places of slices one after another.

        Args:
            frames: Height and width of each.
        """
        height_N, width_N = np.array(frames, np.int64).reshape(-1, 2).T
        pixels_N = height_N * width_N
        return cls(first_pixel_N=np.cumsum(pixels_N) - pixels_N, height_N=height_N, width_N=width_N)

    def frame(self, number: int) -> tuple[int, int]:
        """Return height and width of a slice."""
        return int(self.height_N[number]), int(self.width_N[number])

    def pixels(self, number: int) -> slice:
        """Return which pixels of all are those of a slice."""
        start = int(self.first_pixel_N[number])
        return slice(start, start + int(self.height_N[number] * self.width_N[number]))
