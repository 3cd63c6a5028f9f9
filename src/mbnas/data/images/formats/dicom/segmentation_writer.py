"""Writes a label map of a DICOM series as a DICOM segmentation, by highdicom.

The file refers to every slice of the series, and has the patient and the study of the series, as
the standard demands: it goes back to the archive from which the series came. Nothing else that
mbnas writes has them.

Source: DICOM PS3.3 A.51, Segmentation IOD.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Integer

from mbnas.data.images.formats.dicom.dicom_header import quietly, read_dataset
from mbnas.data.images.formats.dicom.dicom_series_file import DicomSeriesFile, open_series
from mbnas.data.images.geometry import Geometry
from mbnas.errors import DatasetError
from mbnas.machine.files import replacing
from mbnas.version import RESEARCH_SOFTWARE, __version__

_SCHEME = "99MBNAS"
"""A private scheme of codes: the classes of a dataset have no codes of a standard."""

_MAX_LONG_STRING = 64
_SERIES_NUMBER = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """A class, or a region of several labels.

    Attributes:
        name: Its name.
        values: Its values in label maps.
    """

    name: str
    values: tuple[int, ...]


def write_segmentation(
    path: Path,
    labels_XYZ: Integer[np.ndarray, "x y z"],
    geometry: Geometry,
    files: Sequence[Path],
    segments: Sequence[Segment],
) -> None:
    """Write labels as a segmentation of a series, completely or not at all.

    Args:
        path: File to write.
        labels_XYZ: Class numbers in canonical orientation.
        geometry: The grid of the series.
        files: The files of the series.
        segments: What to write, in order; they may overlap.

    Raises:
        DatasetError: if the series lacks what a segmentation must have.
        WriteError: if the file cannot be written.
    """
    highdicom = _highdicom(path)
    series = open_series(files)
    sources, order = _sources(series)
    labels_KJI = geometry.from_canonical(labels_XYZ).transpose(2, 1, 0)[order]
    pixels = _pixels(labels_KJI, segments)
    with quietly(files[0].parent):
        try:
            segmentation = highdicom.seg.Segmentation(
                source_images=sources,
                pixel_array=pixels,
                segmentation_type="BINARY",
                segment_descriptions=_descriptions(highdicom, segments),
                series_instance_uid=highdicom.UID(),
                series_number=_SERIES_NUMBER,
                sop_instance_uid=highdicom.UID(),
                instance_number=1,
                manufacturer="mbnas",
                manufacturer_model_name="mbnas",
                software_versions=__version__,
                device_serial_number="0",
                content_description=RESEARCH_SOFTWARE[:_MAX_LONG_STRING],
                specific_character_set="ISO_IR 192",
                omit_empty_frames=bool(pixels.any()),
            )
        except AttributeError as error:
            raise DatasetError(
                f"{files[0].parent} cannot be the source of a DICOM segmentation: its slices lack "
                f"{error.name}. Leave --dicom-seg out."
            ) from None
    with replacing(path) as aside:
        segmentation.save_as(aside)


def _highdicom(path: Path) -> Any:
    """Return the module highdicom, which needs not be installed.

    Raises:
        DatasetError: if it is not.
    """
    try:
        import highdicom.seg
    except ImportError as error:
        raise DatasetError(
            f"{path} needs highdicom, which is not installed. Install it with: pip install "
            "'mbnas[images]'"
        ) from error
    return highdicom


def _sources(series: DicomSeriesFile) -> tuple[list[Any], Any]:
    """Return the slices without pixels, and the place in the stack of each of their frames."""
    slices = series.stack.slices
    files = list(dict.fromkeys(each.file for each in slices))
    if 1 < len(files) < len(slices):
        raise DatasetError(
            f"{files[0].parent} has several files with several slices each: a segmentation refers "
            "to one such file, or to files with one slice. Leave --dicom-seg out."
        )
    sources = []
    for file in files:
        with quietly(file):
            sources.append(read_dataset(file))
    if len(files) == 1:
        return sources, np.argsort([each.frame for each in slices])
    return sources, slice(None)


def _pixels(
    labels_KJI: Integer[np.ndarray, "k j i"], segments: Sequence[Segment]
) -> Integer[np.ndarray, "k j i *segment"]:
    """Return the numbers of the segments, or a mask for each along a last axis if they overlap."""
    values = [value for segment in segments for value in segment.values]
    if len(set(values)) == len(values):
        numbers_KJI = np.zeros(labels_KJI.shape, np.uint16)
        for number, segment in enumerate(segments, start=1):
            numbers_KJI[np.isin(labels_KJI, segment.values)] = number
        return numbers_KJI
    masks = [np.isin(labels_KJI, segment.values) for segment in segments]
    return np.stack(masks, axis=-1).astype(np.uint8)


def _descriptions(highdicom: Any, segments: Sequence[Segment]) -> list[Any]:
    coded = highdicom.sr.CodedConcept
    intelligence = coded("123110", "DCM", "Artificial Intelligence")
    algorithm = highdicom.AlgorithmIdentificationSequence("mbnas", intelligence, __version__)
    return [
        highdicom.seg.SegmentDescription(
            segment_number=number,
            segment_label=_plain(segment.name),
            segmented_property_category=coded("structure", _SCHEME, "Structure of a dataset"),
            segmented_property_type=coded(f"segment-{number}", _SCHEME, _plain(segment.name)),
            algorithm_type="AUTOMATIC",
            algorithm_identification=algorithm,
        )
        for number, segment in enumerate(segments, start=1)
    ]


def _plain(name: str) -> str:
    r"""Return a name as DICOM allows it: a line of at most 64 characters without backslash.

    >>> _plain("left\\lung\n")
    'left_lung_'
    """
    kept = "".join(each if each.isprintable() and each != "\\" else "_" for each in name)
    return kept.strip()[:_MAX_LONG_STRING] or "unnamed"
