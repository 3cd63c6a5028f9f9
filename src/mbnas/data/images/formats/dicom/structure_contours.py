"""The contours of a DICOM structure set, as masks of the slices of its series.

The contours of a structure on one slice are combined by exclusive or: one inside another is a hole.
Pixels belong to a structure if their centre is inside. Nothing is filled in between slices.

Source: DICOM PS3.3 C.8.8.6, ROI Contour Module.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool

from mbnas.data.images.formats.dicom.dicom_header import quietly
from mbnas.data.images.formats.dicom.dicom_series_file import DicomSeriesFile
from mbnas.data.images.formats.dicom.polygons import filled
from mbnas.errors import DatasetError

PLANE_TOLERANCE = 0.25
"""Largest distance of a contour's points from their slice, in distances between slices."""

_CLOSED = ("CLOSED_PLANAR", "CLOSEDPLANAR_XOR")


def structure_names(data: Any) -> list[str]:
    """Return the names of the structures that have closed contours."""
    names = _names(data)
    return [
        names[int(roi.ReferencedROINumber)]
        for roi in data.get("ROIContourSequence", None) or ()
        if _closed(roi)
    ]


def structure_masks(
    path: Path, data: Any, series: DicomSeriesFile
) -> Iterator[tuple[str, int, Bool[np.ndarray, "row column"]]]:
    """Yield for each structure and slice its name, the number of the slice, and its pixels.

    Raises:
        DatasetError: if a contour is on no slice of the series.
    """
    with quietly(path):
        names = _names(data)
        structures = [
            (
                names[int(roi.ReferencedROINumber)],
                [np.array(each.ContourData, np.float64).reshape(-1, 3) for each in _closed(roi)],
            )
            for roi in data.get("ROIContourSequence", None) or ()
        ]
    lps = np.asarray(series.stack.lps)
    first = series.stack.slices[0]
    shape = (first.rows, first.columns)
    for name, contours in structures:
        by_slice: dict[int, list[np.ndarray]] = defaultdict(list)
        for points in contours:
            indices = np.linalg.solve(lps[:3, :3], (points - lps[:3, 3]).T).T
            by_slice[_place(path, name, indices, series)].append(indices[:, :2])
        for place, polygons in sorted(by_slice.items()):
            mask_JI = np.zeros(shape, bool)
            for polygon in polygons:
                mask_JI ^= filled(polygon, shape)
            yield name, place, mask_JI


def _names(data: Any) -> dict[int, str]:
    return {
        int(roi.ROINumber): str(roi.get("ROIName", "") or f"structure {roi.ROINumber}").strip()
        for roi in data.StructureSetROISequence
    }


def _closed(roi: Any) -> list[Any]:
    return [
        contour
        for contour in roi.get("ContourSequence", None) or ()
        if str(contour.get("ContourGeometricType", "")) in _CLOSED
    ]


def _place(path: Path, name: str, indices: np.ndarray, series: DicomSeriesFile) -> int:
    """Return the number of the slice on which a contour is drawn."""
    if len(indices) and np.isfinite(indices).all():
        place = round(float(indices[:, 2].mean()))
        apart = float(np.abs(indices[:, 2] - place).max())
        if apart <= PLANE_TOLERANCE and 0 <= place < len(series.stack.slices):
            return place
    raise DatasetError(
        f"{path} has a contour of {name!r} that is on no slice of its series: contours are drawn "
        "on slices. Export it again for this series."
    )
