"""The frames of a DICOM segmentation, as masks of the slices of its series.

A frame belongs to the slice at its position, whatever instances the file refers to.

Source: DICOM PS3.3 C.8.20, Segmentation Image Module.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Integer

from mbnas.data.images.formats.dicom.dicom_header import frame_slices, functional_group, quietly
from mbnas.data.images.formats.dicom.dicom_series_file import DicomSeriesFile
from mbnas.data.images.formats.dicom.slice_stack import Slice
from mbnas.errors import DatasetError

PLACE_TOLERANCE = 0.1
"""Largest distance of a corner of a frame from its place in the series, in voxels."""


def segmentation_names(data: Any) -> list[str]:
    """Return the names of the segments."""
    return [_name(segment) for segment in data.SegmentSequence]


def segmentation_masks(
    path: Path, data: Any, series: DicomSeriesFile
) -> Iterator[tuple[str, int, Bool[np.ndarray, "row column"]]]:
    """Yield for each frame the name of its segment, the number of its slice, and its pixels.

    Raises:
        DatasetError: if the file is on another grid, or stores fractions.
    """
    with quietly(path):
        kind = str(data.SegmentationType)
        if kind not in ("BINARY", "LABELMAP"):
            raise DatasetError(
                f"{path} is a {kind.lower()} segmentation: binary ones and label maps are read. "
                "Threshold it."
            )
        names = {int(each.SegmentNumber): _name(each) for each in data.SegmentSequence}
        slices = frame_slices(path, data)
        frames = np.asarray(data.pixel_array).reshape(-1, int(data.Rows), int(data.Columns))
        if kind == "BINARY":
            numbers = [_number(data, frame) for frame in range(len(slices))]
            if set(numbers) - names.keys():
                raise DatasetError(f"{path} has frames of segments that it does not list.")
    if len(frames) != len(slices):
        raise DatasetError(f"{path} has positions for other frames than it has. Export it again.")
    for index, (each, frame_JI) in enumerate(zip(slices, frames, strict=True)):
        place = _place(path, each, series)
        if kind == "BINARY":
            yield names[numbers[index]], place, frame_JI != 0
        else:
            for number, mask_JI in _labels(frame_JI, names):
                yield names[number], place, mask_JI


def _labels(
    frame_JI: Integer[np.ndarray, "row column"], names: dict[int, str]
) -> Iterator[tuple[int, Bool[np.ndarray, "row column"]]]:
    for number in np.unique(frame_JI).tolist():
        if number in names and number != 0:
            yield number, frame_JI == number


def _name(segment: Any) -> str:
    return str(segment.get("SegmentLabel", "") or f"segment {segment.SegmentNumber}").strip()


def _number(data: Any, frame: int) -> int:
    return int(
        functional_group(data, frame, "SegmentIdentificationSequence").ReferencedSegmentNumber
    )


def _place(path: Path, frame: Slice, series: DicomSeriesFile) -> int:
    """Return the number of the slice at the position of a frame."""
    lps = np.asarray(series.stack.lps)
    first = series.stack.slices[0]
    corners = np.array([[0, 0], [frame.columns - 1, 0], [0, frame.rows - 1]])
    columns, rows = np.reshape(frame.directions, (2, 3))
    steps = np.stack([columns * frame.spacing_mm[1], rows * frame.spacing_mm[0]])
    points = np.asarray(frame.position_mm) + corners @ steps
    found = np.linalg.solve(lps[:3, :3], (points - lps[:3, 3]).T).T
    place = round(float(found[0, 2]))
    expected = np.column_stack([corners, np.full(3, place)])
    same_size = (frame.rows, frame.columns) == (first.rows, first.columns)
    if (
        not same_size
        or not 0 <= place < len(series.stack.slices)
        or np.abs(found - expected).max() > PLACE_TOLERANCE
    ):
        raise DatasetError(
            f"{path} has a frame that is on no slice of its series: a segmentation has the grid of "
            "its series. Resample it."
        )
    return place
