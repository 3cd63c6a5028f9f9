"""Prepares slices, if they do not exist yet, completely or not at all."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from mbnas.data.datasets.case_rules import Finding, refuse
from mbnas.data.datasets.dataset import Dataset
from mbnas.data.images.geometry import Geometry
from mbnas.data.images.read import read_header
from mbnas.data.slices.fingerprint import Fingerprint, take_fingerprint
from mbnas.data.slices.prepared_slices import Index, PreparationSettings, PreparedVolume
from mbnas.data.slices.slice_axis import choose_slice_axis, median_spacing, slice_findings
from mbnas.data.slices.slice_writer import SliceWriter, slice_bytes
from mbnas.errors import DatasetError
from mbnas.machine.files import writing
from mbnas.machine.folders import making_folder
from mbnas.machine.processes import ProgressCallback


def prepare_slices(
    dataset: Dataset,
    settings: PreparationSettings,
    directory: Path,
    *,
    patients: Mapping[str, str],
    held_out: frozenset[str] = frozenset(),
    allow_empty_cases: bool = False,
    fingerprint: Fingerprint | None = None,
    workers: int = 1,
    progress: ProgressCallback | None = None,
) -> Path:
    """Return the folder of a dataset's prepared slices, which is created if it does not exist.

    Args:
        dataset: The dataset to prepare.
        settings: How volumes become slices.
        directory: Parent of the folder, whose name is the digest of data and settings.
        patients: Patient of each case, by ``group_by_patient``.
        held_out: Patients in no fold, not all. Their slices are prepared like those of the
            others, which do not depend on them.
        allow_empty_cases: Whether cases may have no foreground.
        fingerprint: Fingerprint of all this; computed if ``None``.
        workers: Number of processes that read and prepare volumes.
        progress: Called after each volume; CT is read twice and counts twice.

    Raises:
        DatasetError: if the dataset breaks a rule; nothing is left behind.
        WriteError: if the slices cannot be written; nothing is left behind.
    """
    _check_held_out(held_out, patients)
    geometries = _read_geometries(dataset)
    axis = settings.slice_axis
    seen = [grid for case, grid in geometries.items() if patients[case] not in held_out]
    if axis is None:
        axis = choose_slice_axis(seen)
    findings = slice_findings(geometries, axis, settings.slice_size, settings.context)
    refuse([each for each in findings if each.severity == "error"], dataset)
    fingerprint = fingerprint or take_fingerprint(
        dataset, settings, patients, held_out=held_out, allow_empty_cases=allow_empty_cases
    )
    final = directory / fingerprint.digest
    if final.exists():
        return final
    writer = SliceWriter(
        dataset=dataset,
        unseen=frozenset(case for case, patient in patients.items() if patient in held_out),
        allow_empty=allow_empty_cases,
        workers=workers,
        progress=progress,
    )
    with making_folder(final) as folder:
        if folder is not None:
            normalisation = writer.fit_normalisation()
            index = Index(
                digest=fingerprint.digest,
                settings=settings,
                slice_axis=axis,
                channels=dataset.channels,
                normalisation=normalisation,
                classes=dataset.classes,
                volumes=_volumes(geometries, axis, median_spacing(seen), fingerprint),
                warnings=tuple(each.message for each in findings),
                ignore=dataset.ignore,
            )
            with writing(final, needed_bytes=slice_bytes(index)):
                writer.write_slices(folder, index)
    return final


def _check_held_out(held_out: frozenset[str], patients: Mapping[str, str]) -> None:
    """Check that held-out patients exist and are not all."""
    known = set(patients.values())
    for unknown in sorted(held_out - known):
        raise DatasetError(
            f"Patient {unknown} cannot be held out: no case of the dataset is theirs. "
            "Name patients as their cases do."
        )
    if held_out and held_out == known:
        raise DatasetError(
            f"All {len(known)} patients are held out: none is left to train on. Hold out fewer."
        )


def _read_geometries(dataset: Dataset) -> dict[str, Geometry]:
    """Return the grid of each case from the header of its image, after reading all headers."""
    geometries, findings = {}, []
    for case in dataset.cases:
        try:
            geometries[case.name], *_ = [read_header(path).geometry for path in case.files]
        except DatasetError as error:
            findings.append(
                Finding(severity="error", case=case.name, rule="unreadable", message=str(error))
            )
    refuse(findings, dataset)
    return geometries


def _volumes(
    geometries: Mapping[str, Geometry],
    slice_axis: int,
    spacing_mm: tuple[float, float, float],
    fingerprint: Fingerprint,
) -> tuple[PreparedVolume, ...]:
    """Return the volumes with the position and the transform of their slices."""
    volumes: list[PreparedVolume] = []
    for case in fingerprint.cases:
        geometry = geometries[case.name]
        volumes.append(
            PreparedVolume(
                case=case.name,
                patient=case.patient,
                held_out=case.patient in fingerprint.held_out,
                first_slice=volumes[-1].slices.stop if volumes else 0,
                plane=fingerprint.settings.plane(geometry, slice_axis, spacing_mm),
                geometry=geometry,
                contents=case.contents,
            )
        )
    return tuple(volumes)
