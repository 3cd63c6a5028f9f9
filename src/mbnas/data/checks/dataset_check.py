"""Checks a whole dataset: a summary of its contents, and all findings at once."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from mbnas.data.checks.dataset_contents import (
    CaseContents,
    DatasetContents,
    PatientRule,
    dataset_contents,
)
from mbnas.data.checks.rare_classes import rarity_findings
from mbnas.data.datasets.case_rules import Finding, constant_findings, examine_case
from mbnas.data.datasets.dataset import Case, Dataset, read_dataset
from mbnas.data.datasets.folds import (
    Fold,
    advice_to_hold_out,
    draw_held_out,
    make_folds,
    too_few_patients,
)
from mbnas.data.datasets.patients import (
    merged_by_patient,
    suggested_pattern,
    suspicious_groups,
)
from mbnas.data.images.file_names import passed_over_sentences
from mbnas.data.slices.prepared_slices import PreparationSettings
from mbnas.data.slices.slice_axis import shrinking_advice, slice_findings
from mbnas.errors import ConfigurationError, DatasetError
from mbnas.machine.processes import ProgressCallback, map_in_processes

__all__ = ["DatasetCheck", "Finding", "check_dataset"]

_MAX_UNSCALED = 50.0
"""Larger absolute values of ``noNorm`` channels give a warning."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetCheck:
    """The contents of a dataset, and its findings.

    Attributes:
        findings: Findings, those about the whole dataset first.
        contents: ``None`` if ``dataset.json`` cannot be used.
    """

    findings: tuple[Finding, ...]
    contents: DatasetContents | None

    @property
    def num_errors(self) -> int:
        """The number of findings that stop a search."""
        return sum(finding.severity == "error" for finding in self.findings)

    @property
    def is_sound(self) -> bool:
        """Whether a search would accept the dataset."""
        return self.num_errors == 0


def check_dataset(
    root: Path,
    *,
    num_folds: int,
    test_fraction: float = 0.0,
    seed: int = 0,
    patient_pattern: str | None = None,
    patient_table: Mapping[str, str] | None = None,
    allow_empty_cases: bool = False,
    preparation: PreparationSettings | None = None,
    workers: int = 1,
    progress: ProgressCallback | None = None,
) -> DatasetCheck:
    """Return the contents of a dataset, and all findings.

    Args:
        root: The dataset's folder.
        num_folds: Number of folds.
        test_fraction: Share of patients that are held out.
        seed: Seed of the folds and of the held-out patients.
        patient_pattern: Regular expression for the patient in the name of a case.
        patient_table: Patient of each case; takes precedence over the pattern.
        allow_empty_cases: Whether cases may have no foreground.
        preparation: How volumes become slices; by default as in a search.
        workers: Number of processes that read files.
        progress: Called after each case.
    """
    try:
        dataset = read_dataset(root)
    except DatasetError as error:
        file = str(root / "dataset.json")
        finding = Finding(severity="error", file=file, rule="dataset-json", message=str(error))
        return DatasetCheck(findings=(finding,), contents=None)
    preparation = preparation or PreparationSettings()
    declared = replace(dataset, cases=())
    task = partial(_check_case, dataset=declared, allow_empty=allow_empty_cases)
    checked = map_in_processes(task, dataset.cases, workers=workers, progress=progress)
    of_patients = patient_findings(
        dataset, num_folds, patient_pattern, patient_table, test_fraction=test_fraction
    )
    can_be_split = not any(finding.severity == "error" for finding in of_patients)
    split = _Split(folds=num_folds, test_fraction=test_fraction, seed=seed)
    patients = _patients(dataset, patient_pattern, patient_table)
    contents = dataset_contents(
        dataset,
        [case.contents for case in checked],
        patients=patients,
        patients_by=_rule(dataset, patient_pattern, patient_table),
        preparation=preparation,
    )
    return DatasetCheck(
        findings=(
            *_listing_findings(dataset),
            *of_patients,
            *_class_findings(dataset, checked, patients, split if can_be_split else None),
            *_slice_findings(contents, checked),
            *_channel_findings(contents, dataset, checked),
            *(finding for case in checked for finding in case.findings),
        ),
        contents=contents,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Split:
    """How patients are split."""

    folds: int
    test_fraction: float
    seed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _CheckedCase:
    """An examination without the voxels."""

    findings: tuple[Finding, ...]
    contents: CaseContents


def _check_case(case: Case, *, dataset: Dataset, allow_empty: bool) -> _CheckedCase:
    examined = examine_case(case, dataset, allow_empty=allow_empty)
    return _CheckedCase(
        findings=examined.findings, contents=CaseContents.of(case.name, examined, dataset)
    )


def _rule(dataset: Dataset, pattern: str | None, table: Mapping[str, str] | None) -> PatientRule:
    if table is not None:
        return "table"
    if pattern is not None:
        return "pattern"
    return "case" if dataset.patients is None else "dataset"


def _patients(
    dataset: Dataset, pattern: str | None, table: Mapping[str, str] | None
) -> dict[str, str] | None:
    """Return the patient of each case; ``None`` if a finding says why it is unknown."""
    try:
        return dataset.patient_of_case(pattern, table)
    except (DatasetError, ConfigurationError):
        return None


def _listing_findings(dataset: Dataset) -> list[Finding]:
    """Return the findings about cases that may be missing."""
    passed_over = passed_over_sentences(dataset.passed_over)
    return [
        Finding(
            severity="warning",
            rule="passed-over" if message in passed_over else "num-training",
            message=message,
        )
        for message in dataset.remarks
    ]


def patient_findings(
    dataset: Dataset,
    num_folds: int,
    pattern: str | None,
    table: Mapping[str, str] | None,
    *,
    test_fraction: float = 0.0,
) -> list[Finding]:
    """Return the findings about the grouping of cases by patient.

    Args:
        dataset: The dataset; only the names of its cases are used, no file is read.
        num_folds: Number of folds.
        pattern: Regular expression for the patient in the name of a case.
        table: Patient of each case; takes precedence over the pattern.
        test_fraction: Share of patients that are held out.
    """
    names = [case.name for case in dataset.cases]
    try:
        patients = dataset.patient_of_case(pattern, table)
    except (DatasetError, ConfigurationError) as error:
        return [Finding(severity="error", rule="patient-grouping", message=str(error))]
    findings = []
    num_patients = len(set(patients.values()))
    if message := too_few_patients(num_patients, num_folds, test_fraction):
        findings.append(Finding(severity="error", rule="too-few-patients", message=message))
    if message := advice_to_hold_out(num_patients, test_fraction):
        findings.append(Finding(severity="advice", rule="none-held-out", message=message))
    split = [
        group for group in suspicious_groups(names) if len({patients[name] for name in group}) > 1
    ]
    if split:
        findings.append(
            Finding(
                severity="warning",
                rule="suspicious-names",
                message=f"{', '.join(split[0])} look like one patient's cases, but count as "
                f"{len(split[0])} patients{_more(len(split) - 1)}: a patient split over folds "
                f"makes scores too good. If they are one, {_pattern_advice(names)}.",
            )
        )
    return findings


def _pattern_advice(names: Sequence[str]) -> str:
    """Return how to group cases by patient, with a pattern that suits their names if one does."""
    pattern = suggested_pattern(names)
    if pattern is None:
        return "set data.patient_pattern"
    return f"add --set {shlex.quote(f'data.patient_pattern={pattern}')}"


def _class_findings(
    dataset: Dataset,
    checked: Sequence[_CheckedCase],
    patients: Mapping[str, str] | None,
    split: _Split | None,
) -> list[Finding]:
    """Return the findings about rare classes; none if some labels cannot be used."""
    if not all(case.contents.class_voxels for case in checked):
        return []
    classes_of = merged_by_patient(
        ((patients or {}).get(case.contents.name, case.contents.name), case.contents.classes)
        for case in checked
    )
    held_out, folds = frozenset[str](), tuple[Fold, ...]()
    if split is not None:
        held_out = draw_held_out(
            classes_of, split.test_fraction, num_folds=split.folds, seed=split.seed
        )
        in_folds = {each: classes for each, classes in classes_of.items() if each not in held_out}
        folds = make_folds(in_folds, split.folds, split.seed)
    return rarity_findings(dataset.classes, classes_of, folds, held_out=held_out)


def _slice_findings(contents: DatasetContents, checked: Sequence[_CheckedCase]) -> list[Finding]:
    if contents.slices is None:
        return []
    grids = {
        case.contents.name: case.contents.geometry
        for case in checked
        if case.contents.geometry is not None
    }
    cut = contents.slices
    found = slice_findings(grids, cut.axis, cut.size, cut.context)
    return [*found, *shrinking_advice(grids, cut.axis, cut.size)]


def _channel_findings(
    contents: DatasetContents, dataset: Dataset, checked: Sequence[_CheckedCase]
) -> list[Finding]:
    constant = {case.contents.name: case.contents.constant_channels for case in checked}
    findings = constant_findings(constant, dataset)
    for number, channel in enumerate(contents.channels):
        if channel.scheme != "noNorm" or channel.low is None or channel.high is None:
            continue
        if max(abs(channel.low), abs(channel.high)) > _MAX_UNSCALED:
            findings.append(
                Finding(
                    severity="warning",
                    rule="raw-intensities",
                    message=f"Channel {number} ({channel.name}) is used as it is, with values from "
                    f"{channel.low:g} to {channel.high:g}: networks train best on values of about "
                    "1. Declare it CT, zscore or rescale_to_0_1 unless this is wanted.",
                )
            )
    return findings


def _more(count: int) -> str:
    return f" (and {count} more such groups)" if count else ""
