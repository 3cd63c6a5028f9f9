"""Puts the slices of a series in order and gives their common grid.

The slices of a volume are parallel, of one size, and equally far apart; their centres may move
sideways from slice to slice by the same distance, as under a tilted gantry. Everything else would
give a volume that is wrong in some place, and is refused.

Positions are in LPS, as in DICOM.

Source: DICOM PS3.3 C.7.6.2, Image Plane Module.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float

from mbnas.errors import DatasetError

STEP_TOLERANCE = 0.05
"""Largest distance of a slice from its place in an even stack, in distances between slices."""

_DIRECTION_TOLERANCE = 1e-3
_SPACING_TOLERANCE = 1e-4


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """One slice: a file, or a frame of a file with several.

    Attributes:
        file: The file.
        frame: Number of the frame, from 0.
        rows: Number of rows.
        columns: Number of columns.
        position_mm: Centre of the first pixel, in LPS.
        directions: Of increasing columns, and of increasing rows: three numbers each.
        spacing_mm: Distance between rows, and between columns.
        thickness_mm: Distance to the next slice, or thickness, if the file gives one.
        slope: What stored values are multiplied by.
        intercept: What is added then.
    """

    file: Path
    frame: int
    rows: int
    columns: int
    position_mm: tuple[float, ...]
    directions: tuple[float, ...]
    spacing_mm: tuple[float, ...]
    thickness_mm: float | None
    slope: float
    intercept: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack:
    """The slices of a volume, in order.

    Attributes:
        slices: Along the normal of the slices, which is the direction of columns times that of
            rows.
        lps: Column, row and slice indices to millimetres in LPS: four rows of four.
    """

    slices: tuple[Slice, ...]
    lps: tuple[tuple[float, ...], ...]


def stacked(folder: Path, slices: Sequence[Slice]) -> Stack:
    """Return slices in order, with their grid.

    Args:
        folder: The folder of the series, for errors.
        slices: One or more, in any order.

    Raises:
        DatasetError: if they are not one volume.
    """
    first = slices[0]
    columns, rows = np.reshape(first.directions, (2, 3))
    lengths = np.linalg.norm(columns), np.linalg.norm(rows)
    if max(abs(lengths[0] - 1), abs(lengths[1] - 1), abs(columns @ rows)) > _DIRECTION_TOLERANCE:
        raise DatasetError(
            f"{folder} has slices whose rows and columns are not perpendicular. Export the series "
            "again."
        )
    for each in slices[1:]:
        if difference := _difference(each, first):
            raise DatasetError(
                f"{folder} has slices {difference}, such as {first.file.name} and "
                f"{each.file.name}: a volume has parallel slices of one size. Split the series."
            )
    normal = np.cross(columns, rows)
    ordered = sorted(slices, key=lambda each: float(normal @ each.position_mm))
    step = _step(folder, ordered, normal)
    lps = np.eye(4)
    lps[:3, 0] = columns * first.spacing_mm[1]
    lps[:3, 1] = rows * first.spacing_mm[0]
    lps[:3, 2] = step
    lps[:3, 3] = ordered[0].position_mm
    return Stack(slices=tuple(ordered), lps=tuple(map(tuple, lps.tolist())))


def _difference(one: Slice, other: Slice) -> str | None:
    """Return how two slices differ that should not; ``None`` if they do not."""
    if (one.rows, one.columns) != (other.rows, other.columns):
        return "of different sizes"
    if not np.allclose(one.directions, other.directions, rtol=0, atol=_DIRECTION_TOLERANCE):
        return "of different orientations"
    if not np.allclose(one.spacing_mm, other.spacing_mm, rtol=_SPACING_TOLERANCE, atol=0):
        return "with pixels of different sizes"
    return None


def _step(folder: Path, ordered: Sequence[Slice], normal: Float[np.ndarray, " xyz"]) -> np.ndarray:
    """Return the vector from one slice to the next, after checking that it is the same for all."""
    if len(ordered) == 1:
        return normal * (ordered[0].thickness_mm or 1.0)
    positions = np.array([each.position_mm for each in ordered])
    along = np.diff(positions @ normal)
    usual = float(np.median(along))
    smallest, largest = int(along.argmin()), int(along.argmax())
    if along[smallest] <= STEP_TOLERANCE * usual or usual <= 0:
        one, other = ordered[smallest], ordered[smallest + 1]
        raise DatasetError(
            f"{folder} has several slices at one position, such as {_name(one)} and "
            f"{_name(other)}: several times, echoes or copies are no volume. Split the series."
        )
    if along[largest] > (1 + STEP_TOLERANCE) * usual:
        one, other = ordered[largest], ordered[largest + 1]
        raise DatasetError(
            f"{folder} lacks slices between {_name(one)} and {_name(other)}: they are "
            f"{along[largest]:.4g} mm apart, and others {usual:.4g} mm. Complete the series."
        )
    step: np.ndarray = (positions[-1] - positions[0]) / (len(ordered) - 1)
    even = positions[0] + np.arange(len(ordered))[:, None] * step
    apart = np.linalg.norm(positions - even, axis=1)
    if apart.max() > STEP_TOLERANCE * usual:
        raise DatasetError(
            f"{folder} has slices at uneven positions: {_name(ordered[int(apart.argmax())])} is "
            f"{apart.max():.3g} mm from its place in an even stack. Resample the series."
        )
    return step


def _name(each: Slice) -> str:
    return f"{each.file.name} (frame {each.frame + 1})" if each.frame else each.file.name
