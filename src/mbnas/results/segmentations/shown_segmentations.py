"""What networks made of patients' volumes, slice by slice, as one value: the worst case first.

Slices are cut to a square around everything that is foreground to anyone.

Shape suffixes: N slices, S side of a prepared slice, H height, W width, R referees: the reference
first, then every network.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float32, UInt8
from PIL import Image

from mbnas.data.images.appearance import chosen_slices, upright, window
from mbnas.results.segmentations.contours import outlines
from mbnas.scoring.overlap import mean_defined

MOST_SLICES = 24
FEWEST_SLICES = 10
PIXEL_BUDGET = 3_000_000
"""Of all slices together before they are cut; a pixel takes about a byte of the page."""

_MARGIN = 0.2
_SMALLEST_MARGIN = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownSlice:
    """One slice's outlines, each a path for every foreground class, empty where there is none.

    Attributes:
        number: Of the slice in its volume, from 1.
        reference: Of the reference.
        predicted: Of every network.
    """

    number: int
    reference: tuple[str, ...]
    predicted: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownCase:
    """One volume with what every network made of it.

    Attributes:
        case: Name of the case.
        patient: Whose it is.
        held_out: Whether the patient is in no fold.
        dice: Of every network on the file's voxels, mean over classes; ``None`` where no class
            is defined.
        num_slices: In the whole volume.
        height: Of a slice in pixels.
        width: Of a slice in pixels.
        strip: A PNG of the slices shown, one below the other; each with its first and last row
            repeated, so that none shines through at the edge of the next.
        slices: In anatomical order.
        fullest: Which of ``slices`` has the most foreground.
    """

    case: str
    patient: str
    held_out: bool = False
    dice: tuple[float | None, ...]
    num_slices: int
    height: int
    width: int
    strip: bytes
    slices: tuple[ShownSlice, ...]
    fullest: int

    @property
    def mean_dice(self) -> float | None:
        """Mean over the networks that have a Dice here."""
        return mean_defined(self.dice)


@dataclass(frozen=True, slots=True, kw_only=True)
class Segmentations:
    """Cases with their segmentations.

    Attributes:
        class_names: Of the foreground classes.
        network_names: In the order of every case's networks.
        slice_axis: Canonical axis that slices are cut across.
        cases: The worst first.
        num_cases: That there are, shown or not.
        missing: Why there are no cases, or ``None``.
    """

    class_names: tuple[str, ...]
    network_names: tuple[str, ...]
    slice_axis: int = 2
    cases: tuple[ShownCase, ...] = ()
    num_cases: int = 0
    missing: str | None = None


def worst_first(dice: Sequence[tuple[float | None, ...]]) -> tuple[int, ...]:
    """Return the numbers of cases by mean Dice over networks; those without one come last.

    >>> worst_first([(0.9, 0.8), (None, None), (0.7, None)])
    (2, 0, 1)
    """
    means = [mean_defined(each) for each in dice]
    return tuple(sorted(range(len(means)), key=lambda n: (means[n] is None, means[n] or 0.0)))


def chosen_cases(num_cases: int, most: int) -> tuple[int, ...]:
    """Return which places of an order to show: mostly the first, and of the middle and the end.

    >>> chosen_cases(5, 8), chosen_cases(40, 8)
    ((0, 1, 2, 3, 4), (0, 1, 2, 3, 19, 20, 38, 39))
    """
    if num_cases <= most:
        return tuple(range(num_cases))
    few = most // 4
    num_worst = most - 2 * few
    middle = max(num_worst, (num_cases - few) // 2)
    return (
        *range(num_worst),
        *range(middle, middle + few),
        *range(num_cases - few, num_cases),
    )


def room_for(num_cases: int, side: int) -> tuple[int, int]:
    """Return how many cases fit on the page, and how many slices of each.

    >>> room_for(20, 64), room_for(32, 128), room_for(32, 256)
    ((20, 24), (18, 10), (4, 11))
    """
    cases = max(1, min(num_cases, PIXEL_BUDGET // (FEWEST_SLICES * side**2)))
    return cases, min(MOST_SLICES, max(FEWEST_SLICES, PIXEL_BUDGET // (cases * side**2)))


def show_case(
    images_NSS: Float32[np.ndarray, "slice side side"],
    labels_RNSS: UInt8[np.ndarray, "referee slice side side"],
    *,
    case: str,
    patient: str,
    held_out: bool,
    dice: tuple[float | None, ...],
    num_classes: int,
    most_slices: int,
) -> ShownCase:
    """Return what the page shows of one volume.

    Args:
        images_NSS: One channel of its prepared slices.
        labels_RNSS: Class indices of the reference, then of every network's prediction.
        case: Its name.
        patient: Whose it is.
        held_out: Whether the patient is in no fold.
        dice: Of every network.
        num_classes: Foreground classes.
        most_slices: Slices to show.
    """
    foreground_NSS = upright(labels_RNSS.max(axis=0) > 0)
    rows, columns = _around(foreground_NSS.max(axis=0))
    counts_N = foreground_NSS.sum(axis=(1, 2))
    shown = chosen_slices(counts_N, most_slices)
    labels_RNHW = upright(labels_RNSS)[:, shown][:, :, rows, columns]
    images_NHW = upright(images_NSS)[shown][:, rows, columns]
    paths = [
        [outlines(labels_NHW == label) for label in range(1, num_classes + 1)]
        for labels_NHW in labels_RNHW
    ]
    of_slice = [
        [tuple(of_class[place] for of_class in of_referee) for of_referee in paths]
        for place in range(len(shown))
    ]
    return ShownCase(
        case=case,
        patient=patient,
        held_out=held_out,
        dice=dice,
        num_slices=len(images_NSS),
        height=images_NHW.shape[1],
        width=images_NHW.shape[2],
        strip=_strip(images_NHW, window(images_NSS)),
        slices=tuple(
            ShownSlice(number=int(number) + 1, reference=reference, predicted=tuple(predicted))
            for number, (reference, *predicted) in zip(shown, of_slice, strict=True)
        ),
        fullest=int(counts_N[shown].argmax()),
    )


def _around(foreground_SS: Bool[np.ndarray, "side side"]) -> tuple[slice, slice]:
    """Return the rows and columns of a square around the foreground, with a margin."""
    side = foreground_SS.shape[0]
    if not foreground_SS.any():
        return slice(0, side), slice(0, side)
    ends = [np.flatnonzero(foreground_SS.any(axis=axis))[[0, -1]] for axis in (1, 0)]
    extent = max(int(last - first) + 1 for first, last in ends)
    wanted = min(side, extent + 2 * max(_SMALLEST_MARGIN, round(_MARGIN * extent)))
    starts = [(int(first + last) + 1 - wanted) // 2 for first, last in ends]
    top, left = (min(max(start, 0), side - wanted) for start in starts)
    return slice(top, top + wanted), slice(left, left + wanted)


def _strip(
    images_NHW: Float32[np.ndarray, "slice height width"], black_and_white: tuple[float, float]
) -> bytes:
    low, high = black_and_white
    grey = ((images_NHW - low) / (high - low)).clip(0, 1) * 255
    framed = np.pad(grey.round().astype(np.uint8), ((0, 0), (1, 1), (0, 0)), mode="edge")
    file = io.BytesIO()
    Image.fromarray(framed.reshape(-1, framed.shape[2])).save(file, format="PNG", optimize=True)
    return file.getvalue()
