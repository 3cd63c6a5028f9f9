"""Converts labels that are stored as floating-point numbers, or with a scale, to integers.

A scale in the header, or a program that computes in floating point, can turn 1 into 0.99999998,
which is rounded. An interpolated label map has values such as 0.5, which are refused.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Int32, Num

from mbnas.errors import LabelError

LABEL_TOLERANCE = 1e-3
"""Largest difference between a value of a label file and the nearest integer."""

_LARGEST = np.iinfo(np.int32).max
_MAX_VALUES = 255
_MAX_SHOWN = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """How a NIfTI header scales stored values: value times slope plus intercept.

    Attributes:
        slope: ``scl_slope``.
        intercept: ``scl_inter``.
    """

    slope: float
    intercept: float

    def __str__(self) -> str:
        return f"scl_slope {self.slope:.7g} and scl_inter {self.intercept:.7g}"


def whole_labels(
    path: Path,
    planes: Iterable[Num[np.ndarray, "i j"]],
    shape: tuple[int, int, int],
    scale: Scale | None,
) -> Int32[np.ndarray, "i j k"]:
    """Return labels rounded to integers.

    Args:
        path: Their file, for errors.
        planes: The scaled values, plane by plane.
        shape: Number of voxels along the file's axes; the third is the number of planes.
        scale: The scale of the header, which the planes already have.

    Raises:
        LabelError: if a value differs from the nearest integer by more than
            :data:`LABEL_TOLERANCE`.
    """
    labels_IJK = np.zeros(shape, np.int32, order="F")
    fractional: set[float] = set()
    for k, plane in enumerate(planes):
        nearest = np.round(plane)
        with np.errstate(invalid="ignore"):  # infinity minus itself is NaN, which is not near
            is_near = np.abs(plane - nearest) <= LABEL_TOLERANCE
        is_whole = is_near & (np.abs(nearest) <= _LARGEST)
        if is_whole.all():
            labels_IJK[:, :, k] = nearest
        elif len(fractional) <= _MAX_VALUES:
            fractional.update(np.unique(plane[~is_whole]).tolist())
    if fractional:
        raise LabelError(_refusal(path, sorted(fractional), scale))
    return labels_IJK


def _refusal(path: Path, values: list[float], scale: Scale | None) -> str:
    if len(values) > _MAX_VALUES:
        return (
            f"{path} holds more than {_MAX_VALUES} different values that are not whole numbers, "
            f"such as {_decimals(values[0])}: it looks like an image, not a label map. Give label "
            "maps."
        )
    shown = ", ".join(map(_decimals, values[:_MAX_SHOWN]))
    more = f" and {len(values) - _MAX_SHOWN} others" if len(values) > _MAX_SHOWN else ""
    rule = f"{path} holds {shown}{more}: labels are whole numbers, within {LABEL_TOLERANCE:g}."
    if scale is None:
        return f"{rule} Threshold it, or resample it again by nearest neighbour."
    return rule + scale_remark(scale)


def scale_remark(scale: Scale | None) -> str:
    """Return the remedy for labels that the scale of their header makes wrong; empty without."""
    if scale is None:
        return ""
    return (
        f" Its header scales the numbers that it stores, by {scale}: if these are the labels, set "
        "scl_slope to 1 and scl_inter to 0."
    )


def _decimals(value: float) -> str:
    """Return a value with the decimals that distinguish it from an integer.

    >>> _decimals(1.0021), _decimals(1.5), _decimals(250000.002)
    ('1.0021', '1.5', '250000.002')
    """
    return f"{value:.4f}".rstrip("0") if abs(value) < 1e9 else f"{value:g}"
