"""Is this dataset sound? Everything that is wrong with it, at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from mbnas.data.dataset import Case, Dataset, read_dataset
from mbnas.data.examine import Finding, examine_case
from mbnas.data.folds import too_few_patients
from mbnas.data.patients import group_by_patient, suspicious_groups
from mbnas.errors import ConfigurationError, DatasetError
from mbnas.parallel import Progress, map_in_processes

__all__ = ["Finding", "check_dataset"]


def check_dataset(
    root: Path,
    *,
    num_folds: int,
    test_fraction: float = 0.0,
    patient_pattern: str | None = None,
    patient_table: Mapping[str, str] | None = None,
    allow_empty_cases: bool = False,
    workers: int = 1,
    progress: Progress | None = None,
) -> tuple[Finding, ...]:
    """Return all findings, those about the dataset as a whole first.

    Args:
        root: The dataset's folder.
        num_folds: How many folds its patients are to fill.
        test_fraction: How many of them are held out before.
        patient_pattern: Which patient a case belongs to, by its name.
        patient_table: The same as a table; comes before the pattern.
        allow_empty_cases: Whether cases may be without foreground.
        workers: How many processes read files.
        progress: Told of every case read.
    """
    try:
        dataset = read_dataset(root)
    except DatasetError as error:
        file = str(root / "dataset.json")
        return (Finding(severity="error", file=file, rule="dataset-json", message=str(error)),)
    declared = replace(dataset, cases=())
    task = partial(_check_case, dataset=declared, allow_empty=allow_empty_cases)
    checked = map_in_processes(task, dataset.cases, workers=workers, progress=progress)
    return (
        *patient_findings(
            dataset, num_folds, patient_pattern, patient_table, test_fraction=test_fraction
        ),
        *_class_findings(dataset, checked),
        *(finding for case in checked for finding in case.findings),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _CheckedCase:
    """What remains of an examination once the voxels are dropped."""

    findings: tuple[Finding, ...]
    present: frozenset[int] | None


def _check_case(case: Case, *, dataset: Dataset, allow_empty: bool) -> _CheckedCase:
    examination = examine_case(case, dataset, allow_empty=allow_empty)
    labels_XYZ = examination.labels_XYZ
    return _CheckedCase(
        findings=examination.findings,
        present=None if labels_XYZ is None else frozenset(np.unique(labels_XYZ).tolist()),
    )


def patient_findings(
    dataset: Dataset,
    num_folds: int,
    pattern: str | None,
    table: Mapping[str, str] | None,
    *,
    test_fraction: float = 0.0,
) -> list[Finding]:
    """Return what is wrong, or looks wrong, with how cases belong to patients.

    Args:
        dataset: Its cases' names are looked at, and no file.
        num_folds: How many folds its patients are to fill.
        pattern: Which patient a case belongs to, by its name.
        table: The same as a table; comes before the pattern.
        test_fraction: How many of the patients are held out before.
    """
    names = [case.name for case in dataset.cases]
    try:
        patients = group_by_patient(names, pattern, table)
    except (DatasetError, ConfigurationError) as error:
        return [Finding(severity="error", rule="patient-grouping", message=str(error))]
    findings = []
    if message := too_few_patients(len(set(patients.values())), num_folds, test_fraction):
        findings.append(Finding(severity="error", rule="too-few-patients", message=message))
    apart = [
        group for group in suspicious_groups(names) if len({patients[name] for name in group}) > 1
    ]
    if apart:
        findings.append(
            Finding(
                severity="warning",
                rule="suspicious-names",
                message=f"{', '.join(apart[0])} look like one patient's volumes, but count as "
                f"{len(apart[0])} patients{_more(len(apart) - 1)}: a patient split over folds "
                "makes scores too good. If they are one, set data.patient_pattern.",
            )
        )
    return findings


def _class_findings(dataset: Dataset, checked: list[_CheckedCase]) -> list[Finding]:
    if any(case.present is None for case in checked):
        return []
    present = frozenset[int]().union(*(case.present or () for case in checked))
    return [
        Finding(
            severity="warning",
            rule="class-absent",
            message=f"No case holds label {label.value} ({label.name}), though dataset.json "
            "declares it: a network cannot learn it. Remove it, or correct the labels.",
        )
        for index, label in enumerate(dataset.classes, start=1)
        if index not in present
    ]


def _more(count: int) -> str:
    return f" (and {count} more such groups)" if count else ""
