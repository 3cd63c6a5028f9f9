"""Where the foreground of each slice is, so that a patch around it is found without a search.

For each class of a slice, the pixels of each row are counted. A random pixel of the class is then
found in its row: by its number among all of them, and a look at that row of the labels alone. Where
some pixels are ignored, labelled pixels are counted likewise, as if they were one class.

Shape suffixes: N slices, P pairs of a slice and a class that it shows, R rows from the first to the
last of every pair that show its class, H height, W width, B drawn slices, K classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Int, UInt8

from mbnas.data.datasets.label_scheme import IGNORED

FOREGROUND = "foreground.npz"
LABELLED = "labelled.npz"
_VALUES = 256  # of a label's byte


@dataclass(frozen=True, slots=True, kw_only=True)
class ForegroundRows:
    """The pixels of each class in the rows of some slices.

    Attributes:
        background_N: Pixels of background.
        pairs_N: Number of classes that the slice shows.
        class_P: The class, 1 or more; ascending for each slice.
        first_row_P: The first row that shows it.
        rows_P: Number of rows from the first to the last that shows it.
        pixels_R: Pixels of the class in the row.
    """

    background_N: Int[np.ndarray, " slice"]
    pairs_N: Int[np.ndarray, " slice"]
    class_P: Int[np.ndarray, " pair"]
    first_row_P: Int[np.ndarray, " pair"]
    rows_P: Int[np.ndarray, " pair"]
    pixels_R: Int[np.ndarray, " row"]

    @classmethod
    def of(
        cls, labels_NHW: UInt8[np.ndarray, "slice height width"], num_labels: int
    ) -> ForegroundRows:
        """Return the foreground of label slices.

        Args:
            labels_NHW: Prepared labels, 0 for background.
            num_labels: Background included; other pixels, such as ignored ones, are of no label.
        """
        background, pairs, found = [], [], []
        row_H1 = _VALUES * np.arange(labels_NHW.shape[1])[:, None]
        for labels_HW in labels_NHW:
            counts = np.bincount((row_H1 + labels_HW).ravel(), minlength=_VALUES * len(labels_HW))
            counts_KH = counts.reshape(len(labels_HW), _VALUES).T[:num_labels]
            background.append(counts_KH[0].sum())
            shown = np.flatnonzero(counts_KH[1:].any(axis=1)) + 1
            pairs.append(len(shown))
            found += [(index, counts_KH[index]) for index in shown]
        ends = [np.flatnonzero(counts_H)[[0, -1]] for _, counts_H in found]
        rows = [
            counts_H[first : last + 1]
            for (_, counts_H), (first, last) in zip(found, ends, strict=True)
        ]
        return cls(
            background_N=np.array(background, np.int64),
            pairs_N=np.array(pairs, np.int64),
            class_P=np.array([index for index, _ in found], np.int64),
            first_row_P=np.array([first for first, _ in ends], np.int64),
            rows_P=np.array([len(each) for each in rows], np.int64),
            pixels_R=np.concatenate([np.empty(0, np.int64), *rows]),
        )

    @classmethod
    def of_labelled(cls, labels_NHW: UInt8[np.ndarray, "slice height width"]) -> ForegroundRows:
        """Return the labelled pixels of label slices as class 1, and ignored ones as background.

        Args:
            labels_NHW: Prepared labels.
        """
        return cls.of((labels_NHW != IGNORED).view(np.uint8), 2)

    @classmethod
    def joined(cls, parts: Sequence[ForegroundRows]) -> ForegroundRows:
        """Return the foreground of the slices of all parts, one part after another."""
        return cls(
            **{
                each.name: np.concatenate([getattr(part, each.name) for part in parts])
                for each in fields(cls)
            }
        )

    @classmethod
    def read(cls, folder: Path, name: str = FOREGROUND) -> ForegroundRows:
        """Return what :meth:`write` wrote into a folder.

        Args:
            folder: The folder.
            name: Of the file.

        Raises:
            OSError: if it cannot be read.
            KeyError: if a part is missing.
            ValueError: if it is damaged.
        """
        with np.load(folder / name) as stored:
            return cls(**{each.name: stored[each.name] for each in fields(cls)})

    def write(self, folder: Path, name: str = FOREGROUND) -> None:
        """Write the foreground into a folder.

        Args:
            folder: The folder.
            name: Of the file.

        Raises:
            OSError: if the disk is full.
        """
        with (folder / name).open("wb") as file:
            np.savez(file, **{each.name: getattr(self, each.name) for each in fields(self)})

    @property
    def is_shown(self) -> Bool[np.ndarray, " slice"]:
        """Whether each slice shows a class."""
        shown: np.ndarray = self.pairs_N > 0
        return shown

    def label_pixels(
        self, slices: Int[np.ndarray, " chosen"], num_labels: int
    ) -> Int[np.ndarray, "chosen labels"]:
        """Return how many pixels each label has in some slices, background first.

        Args:
            slices: Indices of slices.
            num_labels: Background included.
        """
        pixels_NK = np.zeros((len(self.pairs_N), num_labels), np.int64)
        pixels_NK[:, 0] = self.background_N
        slice_P = np.repeat(np.arange(len(self.pairs_N)), self.pairs_N)
        ends_P = np.cumsum(self.rows_P)
        total_R1 = np.concatenate([[0], np.cumsum(self.pixels_R)])
        pixels_NK[slice_P, self.class_P] = total_R1[ends_P] - total_R1[ends_P - self.rows_P]
        chosen: np.ndarray = pixels_NK[slices]
        return chosen


class PixelSampler:
    """Draws pixels of the foreground of slices.

    Args:
        foreground: Of all slices.
    """

    def __init__(self, foreground: ForegroundRows) -> None:
        self._foreground = foreground
        self._first_pair_N = np.cumsum(foreground.pairs_N) - foreground.pairs_N
        self._first_row_P = np.cumsum(foreground.rows_P) - foreground.rows_P
        self._until_R = np.cumsum(foreground.pixels_R)
        before_R1 = np.concatenate([[0], self._until_R])
        self._before_P = before_R1[self._first_row_P]
        self._pixels_P = before_R1[self._first_row_P + foreground.rows_P] - self._before_P

    def draw(
        self, slices: Int[np.ndarray, " batch"], rng: np.random.Generator
    ) -> tuple[Int[np.ndarray, " batch"], Int[np.ndarray, " batch"], Int[np.ndarray, " batch"]]:
        """Return a random pixel of a random class of each slice.

        Args:
            slices: Slices that show a class.
            rng: Draws the classes, and then a pixel of each.

        Returns:
            The classes, the rows, and the number of the pixel among those of its class in its
            row, from 0.
        """
        foreground = self._foreground
        pair_B = self._first_pair_N[slices] + rng.integers(foreground.pairs_N[slices])
        number_B = self._before_P[pair_B] + rng.integers(self._pixels_P[pair_B])
        entry_B = np.searchsorted(self._until_R, number_B, side="right")
        row_B = foreground.first_row_P[pair_B] + entry_B - self._first_row_P[pair_B]
        before_B = self._until_R[entry_B] - foreground.pixels_R[entry_B]
        return foreground.class_P[pair_B], row_B, number_B - before_B
