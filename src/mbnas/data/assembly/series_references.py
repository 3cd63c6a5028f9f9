"""Pairs DICOM series with the segmentations and structure sets that refer to them.

A series may have several files of references, as where each segment has its own. Segments of one
name are one class, in whichever files they are.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from mbnas.data.datasets.patients import group_by_patient
from mbnas.data.images.file_names import PassedOver, is_image
from mbnas.data.images.formats.dicom.dicom_header import patient_digest
from mbnas.data.images.formats.dicom.dicom_series_file import DicomSeriesFile, open_series
from mbnas.data.images.formats.dicom.reference_masks import (
    is_reference,
    reference_labels,
    referenced_series,
    segment_names,
)
from mbnas.data.images.formats.dicom.series import DicomSeries, dicom_files, find_series
from mbnas.data.images.memory_limit import check_memory
from mbnas.errors import DatasetError, MbnasError, UsageError
from mbnas.machine.processes import ProgressCallback, map_in_processes

_CHANNELS = {"CT": "CT", "MR": "MRI", "PT": "PET"}
_BYTES_A_VOXEL = 9
"""Memory that a voxel and its labels take at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesPair:
    """A series and its references.

    Attributes:
        series: The series.
        references: Segmentations and structure sets that refer to it.
        voxels: Number of voxels of each class.
    """

    series: DicomSeries
    references: tuple[Path, ...]
    voxels: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundReferences:
    """The series with references in two trees of folders.

    Attributes:
        pairs: Sorted by the name of the series.
        classes: Names of the classes; labels are their numbers, from 1.
        channel: Name of the only channel, from the modality of the series.
        patients: Patient of each case, as a number in place of an identity; ``None`` if the files
            do not say.
        without_reference: Names of series that no reference names.
        without_series: References of series that are not there.
        passed_over: DICOM files that are not used.
    """

    pairs: tuple[SeriesPair, ...]
    classes: tuple[str, ...]
    channel: str
    patients: dict[str, str] | None
    without_reference: tuple[str, ...]
    without_series: tuple[Path, ...]
    passed_over: tuple[PassedOver, ...]


def holds_series(folder: Path) -> bool:
    """Return whether a folder has no images of other formats, and DICOM files in it or below."""
    return (
        folder.is_dir()
        and not any(is_image(each.name) for each in folder.iterdir())
        and bool(dicom_files(folder))
    )


def survey_series(
    images: Path,
    references: Path,
    *,
    class_names: Sequence[str] | None = None,
    patient_pattern: str | None = None,
    workers: int = 1,
    progress: ProgressCallback | None = None,
) -> FoundReferences:
    """Return the series in a tree with their references in another; all voxels are read.

    Args:
        images: Folder of the series.
        references: Folder of the references; it may be the same.
        class_names: Segments to use, in order; by default all.
        patient_pattern: Regular expression for the patient in a case's name; by default patients
            are what the files say.
        workers: Number of processes that read files.
        progress: Called after each series.

    Raises:
        DatasetError: if no series has a reference, or one cannot be read on its series.
        UsageError: if a name is that of no segment.
        ConfigurationError: if the pattern is not a regular expression.
    """
    found = find_series(images)
    by_uid = {series.uid: series for series in found.series}
    of_series: dict[str, list[Path]] = defaultdict(list)
    without_series: list[Path] = []
    for path in filter(is_reference, dicom_files(references)):
        uid = referenced_series(path)
        if uid in by_uid:
            of_series[uid].append(path)
        else:
            without_series.append(path)
    pairs = [
        SeriesPair(series=series, references=tuple(of_series[series.uid]))
        for series in found.series
        if series.uid in of_series
    ]
    if not pairs:
        raise DatasetError(
            f"No DICOM segmentation or structure set in {references} refers to one of the "
            f"{len(found.series)} series in {images}. Give the folders of both."
        )
    classes = _classes(pairs, class_names)
    read = map_in_processes(
        partial(_counted, classes=classes), pairs, workers=workers, progress=progress
    )
    reasons = [each for each in read if isinstance(each, str)]
    if reasons:
        more = f" {len(reasons) - 1} more cannot be used." if len(reasons) > 1 else ""
        raise DatasetError(reasons[0] + more)
    counted = tuple(each for each in read if not isinstance(each, str))
    return FoundReferences(
        pairs=counted,
        classes=classes,
        channel=_channel(counted),
        patients=_patients(counted, patient_pattern),
        without_reference=tuple(
            series.name for series in found.series if series.uid not in of_series
        ),
        without_series=tuple(without_series),
        passed_over=tuple(
            PassedOver(file=f"{images}/{each.file}", reason=each.reason)
            for each in found.passed_over
            if not is_reference(images / each.file)
        ),
    )


def labels_on(
    series: DicomSeriesFile, pair: SeriesPair, classes: Sequence[str]
) -> UInt8[np.ndarray, "i j k"]:
    """Return the labels of all references of a series.

    Raises:
        DatasetError: if segments of different classes overlap, or a file cannot be read.
    """
    labels_IJK = np.zeros(series.header.geometry.shape_xyz, np.uint8)
    for path in pair.references:
        more_IJK = reference_labels(path, series, classes)
        both = (labels_IJK != 0) & (more_IJK != 0) & (labels_IJK != more_IJK)
        if both.any():
            one, other = (classes[int(each[both][0]) - 1] for each in (labels_IJK, more_IJK))
            raise DatasetError(
                f"{path} has segment {other!r} that overlaps {one!r} of another file: a voxel has "
                "one label. Name the classes to use with --classes."
            )
        np.copyto(labels_IJK, more_IJK, where=more_IJK != 0)
    return labels_IJK


def _classes(pairs: Sequence[SeriesPair], chosen: Sequence[str] | None) -> tuple[str, ...]:
    names = tuple(
        dict.fromkeys(
            name for pair in pairs for path in pair.references for name in segment_names(path)
        )
    )
    if chosen is None:
        if not names:
            raise DatasetError("The references have no segments: there is nothing to learn.")
        return names
    unknown = [name for name in chosen if name not in names]
    if unknown or len(set(chosen)) < len(chosen):
        raise UsageError(
            f"--classes names {', '.join(unknown or chosen)}: name each segment once, of "
            f"{', '.join(names)}."
        )
    return tuple(chosen)


def _counted(pair: SeriesPair, *, classes: tuple[str, ...]) -> SeriesPair | str:
    """Return a pair with its numbers of voxels, or why it cannot be used."""
    try:
        series = open_series(pair.series.files)
        shape = series.header.geometry.shape_xyz
        check_memory(pair.series.folder, shape, _BYTES_A_VOXEL * int(np.prod(shape)))
        labels_IJK = labels_on(series, pair, classes)
    except MbnasError as error:
        return str(error)
    counts = np.bincount(labels_IJK.ravel(), minlength=len(classes) + 1)
    return replace(pair, voxels=tuple(map(int, counts[1:])))


def _channel(pairs: Sequence[SeriesPair]) -> str:
    first = {pair.series.modality: pair.series.name for pair in pairs}
    if len(first) > 1:
        listed = ", ".join(f"{name} is {modality}" for modality, name in sorted(first.items()))
        raise DatasetError(f"Series have several modalities: {listed}. Give one at a time.")
    modality = next(iter(first))
    return _CHANNELS.get(modality, modality)


def _patients(pairs: Sequence[SeriesPair], pattern: str | None) -> dict[str, str] | None:
    """Return the patient of each case, as a number in the order of cases."""
    if pattern is not None:
        return group_by_patient([pair.series.name for pair in pairs], pattern, None)
    digests = {pair.series.name: patient_digest(pair.series.files[0]) for pair in pairs}
    if None in digests.values():
        return None
    numbers = {digest: number for number, digest in enumerate(dict.fromkeys(digests.values()), 1)}
    return {name: f"patient_{numbers[digest]:03d}" for name, digest in digests.items()}
