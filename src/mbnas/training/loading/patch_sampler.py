"""Draws patches of slices: a third of every batch shows foreground, the rest is anywhere.

As in nnU-Net, the first third of a batch is drawn from the slices that show foreground: a random
class of the slice, a random pixel of that class, and a random patch that contains the pixel. The
others are patches anywhere in any slice. In a pass, a slice is drawn once for each patch that it
would take to cover it, so a pass sees about as many pixels as there are.

Source: Isensee et al. 2021, supplementary note 2 (doi 10.1038/s41592-020-01008-z).

Shape suffixes: N slices, B batch.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Int, UInt8

from mbnas.data.slices.foreground_rows import ForegroundRows, PixelSampler
from mbnas.data.slices.slice_places import SlicePlaces
from mbnas.training.loading.batch_order import shuffled_batches

_FOREGROUND_SHARE = 3
"""One of how many patches is drawn around foreground, at least."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PatchSampler:
    """What draws the patches of a study's slices.

    Attributes:
        places: Of all slices.
        foreground: Of all slices.
        labels: Prepared labels of all slices, flat, mapped from their file.
        patch_size: Side of the patches, at most that of any slice.
        window_size: Side of the windows that are read around patches, for augmentation.
    """

    places: SlicePlaces
    foreground: ForegroundRows
    labels: UInt8[np.ndarray, " pixel"]
    patch_size: int
    window_size: int
    _pixels: PixelSampler = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_pixels", PixelSampler(self.foreground))

    def num_patches(self, slices: Int[np.ndarray, " slices"]) -> int:
        """Return how many patches a pass over some slices has."""
        return int(self._per_slice(slices).sum())

    def batches(
        self, slices: Int[np.ndarray, " slices"], batch_size: int, rng: np.random.Generator
    ) -> Iterator[Int[np.ndarray, "batch 3"]]:
        """Yield batches endlessly: slice, first row and first column of each window.

        Rows and columns may be outside of the slice, where windows are 0.

        Args:
            slices: Indices of the training slices, at least one.
            batch_size: Patches per batch.
            rng: Shuffles every pass and draws the patches.
        """
        all_slices = np.repeat(slices, self._per_slice(slices))
        showing = all_slices[self.foreground.is_shown[all_slices]]
        num_showing = math.ceil(batch_size / _FOREGROUND_SHARE) if len(showing) else 0
        of_showing = shuffled_batches(showing, num_showing, rng)
        of_all = shuffled_batches(all_slices, batch_size - num_showing, rng)
        margin = (self.window_size - self.patch_size) // 2
        while True:
            around_B = next(of_showing)
            chosen_B = np.concatenate([around_B, next(of_all)])
            last_B2 = self._last_corners(chosen_B)
            low_B2, high_B2 = np.zeros_like(last_B2), last_B2
            if num_showing:
                pixel_B2 = self._foreground_pixels(around_B, rng)
                low_B2[:num_showing] = np.maximum(0, pixel_B2 - self.patch_size + 1)
                high_B2[:num_showing] = np.minimum(high_B2[:num_showing], pixel_B2)
            corner_B2 = rng.integers(low_B2, high_B2, endpoint=True)
            yield np.column_stack([chosen_B, corner_B2 - margin])

    def _per_slice(self, slices: Int[np.ndarray, " slices"]) -> Int[np.ndarray, " slices"]:
        """Return how many patches it takes to cover each slice without overlap."""
        rows_N = -(-self.places.height_N[slices] // self.patch_size)
        columns_N = -(-self.places.width_N[slices] // self.patch_size)
        covering: np.ndarray = rows_N * columns_N
        return covering

    def _last_corners(self, slices: Int[np.ndarray, " batch"]) -> Int[np.ndarray, "batch 2"]:
        """Return the last row and column of each slice where a patch inside can start."""
        frames_B2 = np.column_stack([self.places.height_N[slices], self.places.width_N[slices]])
        last: np.ndarray = frames_B2 - self.patch_size
        return last

    def _foreground_pixels(
        self, slices: Int[np.ndarray, " batch"], rng: np.random.Generator
    ) -> Int[np.ndarray, "batch 2"]:
        """Return row and column of a random pixel of a random class of each slice."""
        class_B, row_B, number_B = self._pixels.draw(slices, rng)
        width_B = self.places.width_N[slices]
        start_B = self.places.first_pixel_N[slices] + row_B * width_B
        column_B = [
            np.flatnonzero(self.labels[start : start + width] == index)[number]
            for start, width, index, number in zip(start_B, width_B, class_B, number_B, strict=True)
        ]
        return np.column_stack([row_B, np.array(column_B, np.int64)])


def window_size_of(patch_size: int, reach: float) -> int:
    """Return the side of windows from which augmented patches are sampled.

    >>> window_size_of(128, 1.0), window_size_of(128, 1.64)
    (128, 210)

    Args:
        patch_size: Side of the patches.
        reach: How far from the centre augmentation samples, in half sides of a patch, 1 or more.
    """
    return patch_size + 2 * math.ceil(patch_size * (reach - 1.0) / 2)
