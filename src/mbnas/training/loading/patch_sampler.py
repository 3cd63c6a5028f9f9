"""Draws patches of slices: a third of every batch shows foreground, the rest is anywhere.

As in nnU-Net, the first third of a batch is drawn from the slices that show foreground: a random
class of the slice, a random pixel of that class, and a random patch that contains the pixel. The
others are patches anywhere in any slice. Where some pixels are ignored, they are random patches
that contain a random labelled pixel, since a patch of ignored pixels alone would teach nothing. In
a pass, a slice is drawn once for each patch that it would take to cover it, so a pass sees about as
many pixels as there are.

Source: Isensee et al. 2021, supplementary note 2 (doi 10.1038/s41592-020-01008-z).

Shape suffixes: N slices, B batch.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Int, UInt8

from mbnas.data.datasets.label_scheme import IGNORED
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
        labelled: Labelled pixels of all slices; ``None`` if no pixel is ignored.
        labels: Prepared labels of all slices, flat, mapped from their file.
        patch_size: Side of the patches, at most that of any slice.
        window_size: Side of the windows that are read around patches, for augmentation.
    """

    places: SlicePlaces
    foreground: ForegroundRows
    labels: UInt8[np.ndarray, " pixel"]
    patch_size: int
    window_size: int
    labelled: ForegroundRows | None = None
    _foreground: PixelSampler = field(init=False, repr=False, compare=False)
    _labelled: PixelSampler | None = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        labelled = None if self.labelled is None else PixelSampler(self.labelled)
        object.__setattr__(self, "_foreground", PixelSampler(self.foreground))
        object.__setattr__(self, "_labelled", labelled)

    def num_patches(self, slices: Int[np.ndarray, " slices"]) -> int:
        """Return how many patches a pass over some slices has."""
        return int(self._per_slice(slices).sum())

    def batches(
        self, slices: Int[np.ndarray, " slices"], batch_size: int, rng: np.random.Generator
    ) -> Iterator[Int[np.ndarray, "batch 3"]]:
        """Yield batches endlessly: slice, first row and first column of each window.

        Rows and columns may be outside of the slice, where windows are 0.

        Args:
            slices: Indices of the training slices, at least one; each with a labelled pixel.
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
            around_B, others_B = next(of_showing), next(of_all)
            chosen_B = np.concatenate([around_B, others_B])
            last_B2 = self._last_corners(chosen_B)
            low_B2, high_B2 = np.zeros_like(last_B2), last_B2
            pixel_B2 = self._held_pixels(around_B, others_B, rng)
            held = slice(len(pixel_B2))
            low_B2[held] = np.maximum(0, pixel_B2 - self.patch_size + 1)
            high_B2[held] = np.minimum(high_B2[held], pixel_B2)
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

    def _held_pixels(
        self,
        around: Int[np.ndarray, " showing"],
        others: Int[np.ndarray, " others"],
        rng: np.random.Generator,
    ) -> Int[np.ndarray, "held 2"]:
        """Return row and column of the pixels that the first patches of a batch have to contain.

        Args:
            around: Slices whose patches show foreground.
            others: Slices of the other patches. Where no pixel is ignored, they may be anywhere.
            rng: Draws the pixels.
        """
        found = []
        if len(around):
            class_B, row_B, number_B = self._foreground.draw(around, rng)
            found.append(self._places(around, row_B, number_B, class_B))
        if self._labelled is not None and len(others):
            _, row_B, number_B = self._labelled.draw(others, rng)
            found.append(self._places(others, row_B, number_B, None))
        return np.concatenate([np.empty((0, 2), np.int64), *found])

    def _places(
        self,
        slices: Int[np.ndarray, " batch"],
        rows: Int[np.ndarray, " batch"],
        numbers: Int[np.ndarray, " batch"],
        classes: Int[np.ndarray, " batch"] | None,
    ) -> Int[np.ndarray, "batch 2"]:
        """Return row and column of pixels that are known by their number in their row.

        Args:
            slices: Their slices.
            rows: Their rows.
            numbers: Their numbers among the pixels of their class in the row, from 0.
            classes: Their classes; ``None`` for numbers among the labelled pixels.
        """
        starts = self.places.first_pixel_N[slices] + rows * self.places.width_N[slices]
        ends = starts + self.places.width_N[slices]
        columns = []
        for place, (start, end) in enumerate(zip(starts, ends, strict=True)):
            row = self.labels[start:end]
            is_sought = row != IGNORED if classes is None else row == classes[place]
            columns.append(np.flatnonzero(is_sought)[numbers[place]])
        return np.column_stack([rows, np.array(columns, np.int64)])


def window_size_of(patch_size: int, reach: float) -> int:
    """Return the side of windows from which augmented patches are sampled.

    >>> window_size_of(128, 1.0), window_size_of(128, 1.64)
    (128, 210)

    Args:
        patch_size: Side of the patches.
        reach: How far from the centre augmentation samples, in half sides of a patch, 1 or more.
    """
    return patch_size + 2 * math.ceil(patch_size * (reach - 1.0) / 2)
