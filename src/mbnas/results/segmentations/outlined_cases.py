"""Volumes with the outlines of the reference and of every network's prediction, slice by slice.

Slices are cropped to a square around the foreground of the reference and of all predictions, or to
less where the slice ends.

Shape suffixes: N slices, S sides of a prepared slice, H height, W width, C contours: of the
reference, then of every network.
"""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float32, UInt8
from PIL import Image

from mbnas.data.datasets.label_scheme import Targets
from mbnas.data.images.appearance import as_bytes, chosen_slices, upright, window
from mbnas.results.segmentations.contours import outlines
from mbnas.scoring.overlap import mean_defined

_MARGIN = 0.2
_SMALLEST_MARGIN = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class OutlinedSlice:
    """The outlines of one slice: a path for every class or region, empty if it is not there.

    Attributes:
        number: Of the slice in its volume, from 1.
        reference: Of the reference.
        predicted: Of every network.
        ignored: The path around ignored pixels, empty without any.
    """

    number: int
    reference: tuple[str, ...]
    predicted: tuple[tuple[str, ...], ...]
    ignored: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class OutlinedCase:
    """One volume with the outlines of the reference and of every network.

    Attributes:
        case: Name of the case.
        patient: Its patient.
        held_out: Whether the patient is in no fold.
        dice: Of every network on the file's voxels, mean over classes; ``None`` if no class has
            one.
        num_slices: In the whole volume.
        height: Of a slice in pixels.
        width: Of a slice in pixels.
        strip: A PNG of the slices shown, one below the other; the first and last row of each are
            repeated, so that no slice shows at the edge of the next.
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
    slices: tuple[OutlinedSlice, ...]
    fullest: int

    @property
    def mean_dice(self) -> float | None:
        """Mean over the networks that have a Dice for this case."""
        return mean_defined(self.dice)


@dataclass(frozen=True, slots=True, kw_only=True)
class Segmentations:
    """The cases that the page shows, with their outlines.

    Attributes:
        class_names: Of the foreground classes or regions.
        network_names: In the order of every case's networks.
        slice_axis: Canonical axis that slices are cut across; ``None`` for pictures.
        cases: The worst first.
        num_cases: All cases that every network predicted, shown or not.
        missing: Why there are no cases, or ``None``.
        step: Every how many-th row and column of the prepared slices is shown.
    """

    class_names: tuple[str, ...]
    network_names: tuple[str, ...]
    slice_axis: int | None = 2
    cases: tuple[OutlinedCase, ...] = ()
    num_cases: int = 0
    missing: str | None = None
    step: int = 1


def outline_case(
    images: Float32[np.ndarray, "slice height width *colours"],
    labels_CNSS: UInt8[np.ndarray, "contour slice height width"],
    *,
    case: str,
    patient: str,
    held_out: bool,
    dice: tuple[float | None, ...],
    targets: Targets,
    most_slices: int,
) -> OutlinedCase:
    """Return one volume with outlines on the slices to show.

    Args:
        images: The first channel of its prepared slices, or the colours of pictures last.
        labels_CNSS: Labels of the reference, then of every network's prediction.
        case: Its name.
        patient: Its patient.
        held_out: Whether the patient is in no fold.
        dice: Of every network.
        targets: The classes or regions in the labels.
        most_slices: How many slices to show at most.
    """
    is_foreground_CNSS = (labels_CNSS > 0) & targets.is_labelled(labels_CNSS)
    foreground_NSS = upright(is_foreground_CNSS.any(axis=0))
    rows, columns = _around(foreground_NSS.max(axis=0))
    counts_N = foreground_NSS.sum(axis=(1, 2))
    shown = chosen_slices(counts_N, most_slices)
    labels_CNHW = upright(labels_CNSS)[:, shown][:, :, rows, columns]
    shades = _shades(images)[shown][:, rows, columns]
    paths = [
        [outlines(np.isin(labels_NHW, labels)) for labels in targets.members]
        for labels_NHW in labels_CNHW
    ]
    ignored = outlines(~targets.is_labelled(labels_CNHW[0]))
    of_slice = [
        [tuple(of_class[place] for of_class in of_one) for of_one in paths]
        for place in range(len(shown))
    ]
    return OutlinedCase(
        case=case,
        patient=patient,
        held_out=held_out,
        dice=dice,
        num_slices=len(images),
        height=shades.shape[1],
        width=shades.shape[2],
        strip=_strip(shades),
        slices=tuple(
            OutlinedSlice(
                number=int(number) + 1,
                reference=reference,
                predicted=tuple(predicted),
                ignored=path,
            )
            for number, path, (reference, *predicted) in zip(shown, ignored, of_slice, strict=True)
        ),
        fullest=int(counts_N[shown].argmax()),
    )


def _around(foreground_SS: Bool[np.ndarray, "height width"]) -> tuple[slice, slice]:
    """Return the rows and columns of a square around the foreground, with a margin."""
    sides = foreground_SS.shape
    if not foreground_SS.any():
        return slice(0, sides[0]), slice(0, sides[1])
    ends = [np.flatnonzero(foreground_SS.any(axis=axis))[[0, -1]] for axis in (1, 0)]
    extent = max(int(last - first) + 1 for first, last in ends)
    wanted = extent + 2 * max(_SMALLEST_MARGIN, round(_MARGIN * extent))
    rows, columns = (
        _range(int(first + last) + 1, min(side, wanted), side)
        for (first, last), side in zip(ends, sides, strict=True)
    )
    return rows, columns


def _range(twice_centre: int, length: int, side: int) -> slice:
    """Return a range of some length around a centre, moved inside of a slice's side."""
    start = min(max((twice_centre - length) // 2, 0), side - length)
    return slice(start, start + length)


def _shades(
    images: Float32[np.ndarray, "slice side side *colours"],
) -> UInt8[np.ndarray, "slice side side *colours"]:
    """Return upright slices as they are shown; colours have one window, which keeps their hue."""
    return upright(as_bytes(images, window(images)), coloured=images.ndim > 3)


def _strip(shades: UInt8[np.ndarray, "slice height width *colours"]) -> bytes:
    frame = ((0, 0), (1, 1), (0, 0), *(((0, 0),) * (shades.ndim - 3)))
    framed = np.pad(shades, frame, mode="edge")
    file = io.BytesIO()
    Image.fromarray(framed.reshape(-1, *framed.shape[2:])).save(file, format="PNG", optimize=True)
    return file.getvalue()
