"""Finds the series in a tree of DICOM files, each a volume to be.

A series is what its UID says, in whichever folders its files are. Its name is made of the folders
that the user named, never of what the files say of a patient.
"""

from __future__ import annotations

import hashlib
import os
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path

from mbnas.data.images.file_names import PassedOver, is_hidden
from mbnas.data.images.formats.dicom.dicom_header import (
    DicomHeader,
    is_dicom,
    pydicom_module,
    read_dicom_header,
)
from mbnas.errors import DatasetError

_DIRECTORY = "DICOMDIR"


@dataclass(frozen=True, slots=True, kw_only=True)
class DicomSeries:
    """The files of one series.

    Attributes:
        name: From the folder of its files; it differs from those of the other series.
        uid: UID of the series, which is written nowhere.
        modality: What made it, such as ``CT``.
        folder: The folder of all its files.
        files: Sorted by path.
    """

    name: str
    uid: str
    modality: str
    folder: Path
    files: tuple[Path, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundSeries:
    """The series of a tree.

    Attributes:
        series: Sorted by name.
        passed_over: DICOM files that are no part of a volume, or cannot be read.
    """

    series: tuple[DicomSeries, ...]
    passed_over: tuple[PassedOver, ...]


def find_series(root: Path) -> FoundSeries:
    """Return the series in a folder and all folders below it.

    Raises:
        DatasetError: if pydicom is not installed.
    """
    by_uid: dict[str, list[DicomHeader]] = defaultdict(list)
    passed_over: list[PassedOver] = []
    for path in dicom_files(root):
        pydicom_module(path)
        try:
            header = read_dicom_header(path)
        except DatasetError as error:
            reason = str(error).removeprefix(f"{path} ").rstrip(".")
            passed_over.append(PassedOver(file=str(path.relative_to(root)), reason=reason))
        else:
            by_uid[header.series].append(header)
    folders = {uid: _folder(headers) for uid, headers in by_uid.items()}
    names = _names(root, by_uid, folders)
    series = (
        DicomSeries(
            name=names[uid],
            uid=uid,
            modality=headers[0].modality,
            folder=folders[uid],
            files=tuple(header.file for header in headers),
        )
        for uid, headers in by_uid.items()
    )
    return FoundSeries(
        series=tuple(sorted(series, key=lambda each: each.name)), passed_over=tuple(passed_over)
    )


def dicom_files(root: Path) -> list[Path]:
    """Return the visible DICOM files in a folder and all folders below it, sorted."""
    return [
        path
        for folder, _, names in sorted(os.walk(root))
        for name in sorted(names)
        if not is_hidden(name) and name != _DIRECTORY
        for path in [Path(folder, name)]
        if is_dicom(path)
    ]


def _folder(headers: list[DicomHeader]) -> Path:
    """Return the folder of all files of a series."""
    return Path(os.path.commonpath([header.file.parent for header in headers]))


def _names(
    root: Path, by_uid: dict[str, list[DicomHeader]], folders: dict[str, Path]
) -> dict[str, str]:
    """Return a name for each series, from its folder, and from its number if there are others.

    Series with one number in one folder are told apart by a part of a digest of their UID.
    """
    names = {uid: _folder_name(root, folder) for uid, folder in folders.items()}
    for told_by in (_number, _digest):
        taken = Counter(names.values())
        names = {
            uid: name if taken[name] == 1 else f"{name}_{told_by(uid, by_uid[uid][0])}"
            for uid, name in names.items()
        }
    return names


def _folder_name(root: Path, folder: Path) -> str:
    parts = folder.relative_to(root).parts
    return "_".join(parts) if parts else root.absolute().name or "series"


def _number(_: str, header: DicomHeader) -> str:
    return "series" if header.series_number is None else f"series{header.series_number}"


def _digest(uid: str, _: DicomHeader) -> str:
    return hashlib.sha256(uid.encode()).hexdigest()[:8]
