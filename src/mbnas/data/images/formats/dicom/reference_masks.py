"""Reference labels in DICOM: segmentations and structure sets, on the grid of their series.

Both name their segments. A label map has one number for each voxel, so that segments that overlap
are refused.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, UInt8

from mbnas.data.images.formats.dicom.dicom_header import quietly, read_dataset
from mbnas.data.images.formats.dicom.dicom_series_file import DicomSeriesFile
from mbnas.data.images.formats.dicom.segmentation_frames import (
    segmentation_masks,
    segmentation_names,
)
from mbnas.data.images.formats.dicom.structure_contours import structure_masks, structure_names
from mbnas.errors import DatasetError

_MAX_CLASSES = 255


def is_reference(path: Path) -> bool:
    """Return whether a DICOM file is a segmentation or a structure set."""
    with quietly(path):
        data = read_dataset(path, tags=("Modality",))
        return str(data.get("Modality", "")) in ("SEG", "RTSTRUCT")


def segment_names(path: Path) -> tuple[str, ...]:
    """Return the names of a file's segments, in its order.

    Raises:
        DatasetError: if it is neither a segmentation nor a structure set.
    """
    data = _read(path, pixels=False)
    with quietly(path):
        names = segmentation_names(data) if _is_segmentation(data) else structure_names(data)
    return tuple(dict.fromkeys(names))


def referenced_series(path: Path) -> str | None:
    """Return the UID of the series that a file belongs to; ``None`` if it names none."""
    data = _read(path, pixels=False)
    with quietly(path):
        if _is_segmentation(data):
            listed = data.get("ReferencedSeriesSequence", None) or ()
        else:
            listed = [
                series
                for frame in data.get("ReferencedFrameOfReferenceSequence", None) or ()
                for study in frame.get("RTReferencedStudySequence", None) or ()
                for series in study.get("RTReferencedSeriesSequence", None) or ()
            ]
        uids = {str(each.SeriesInstanceUID) for each in listed}
    return uids.pop() if len(uids) == 1 else None


def reference_labels(
    path: Path, series: DicomSeriesFile, names: Sequence[str]
) -> UInt8[np.ndarray, "i j k"]:
    """Return the labels of a file on the grid of its series.

    Args:
        path: A segmentation or a structure set.
        series: The series.
        names: Names of the segments that become labels 1, 2 and so on; others are background.

    Raises:
        DatasetError: if the file is on another grid, or segments overlap.
    """
    if len(names) > _MAX_CLASSES:
        raise DatasetError(f"{path} has {len(names)} segments: at most {_MAX_CLASSES} are read.")
    numbers = {name: number for number, name in enumerate(names, start=1)}
    labels_KJI = np.zeros(series.header.geometry.shape_xyz[::-1], np.uint8)
    data = _read(path, pixels=True)
    for name, place, mask_JI in _masks(path, data, series):
        number = numbers.get(name)
        if number is None:
            continue
        plane_JI = labels_KJI[place]
        taken = mask_JI & (plane_JI != 0) & (plane_JI != number)
        if taken.any():
            other = names[int(plane_JI[taken][0]) - 1]
            raise DatasetError(
                f"{path} has segments {other!r} and {name!r} that overlap: a voxel has one label. "
                "Leave one out, or correct it."
            )
        plane_JI[mask_JI] = number
    return labels_KJI.transpose(2, 1, 0)


def _masks(
    path: Path, data: Any, series: DicomSeriesFile
) -> Iterator[tuple[str, int, Bool[np.ndarray, "row column"]]]:
    """Yield parts of segments: name, number of the slice, pixels."""
    if _is_segmentation(data):
        yield from segmentation_masks(path, data, series)
    else:
        yield from structure_masks(path, data, series)


def _read(path: Path, *, pixels: bool) -> Any:
    with quietly(path):
        data = read_dataset(path, pixels=pixels)
        modality = str(data.get("Modality", ""))
    if modality not in ("SEG", "RTSTRUCT"):
        raise DatasetError(f"{path} is neither a DICOM segmentation nor a structure set.")
    return data


def _is_segmentation(data: Any) -> bool:
    return str(data.Modality) == "SEG"
