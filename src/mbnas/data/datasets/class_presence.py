"""Which classes or regions each patient has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial

from mbnas.data.datasets.dataset import Case, Dataset
from mbnas.data.datasets.patients import merged_by_patient
from mbnas.data.images.read import read_label
from mbnas.machine.processes import ProgressCallback, map_in_processes


def classes_by_patient(
    dataset: Dataset,
    patients: Mapping[str, str],
    *,
    workers: int = 1,
    progress: ProgressCallback | None = None,
) -> dict[str, frozenset[int]]:
    """Return the classes that each patient has in any of their cases, by patient, sorted.

    Only label files are read.

    Args:
        dataset: The dataset.
        patients: Patient of each case.
        workers: Number of processes that read files.
        progress: Called after each case.

    Raises:
        DatasetError: if a label file cannot be read.
    """
    task = partial(_classes_of_case, dataset=replace(dataset, cases=()))
    found = map_in_processes(task, dataset.cases, workers=workers, progress=progress)
    return merged_by_patient(
        (patients[case.name], classes) for case, classes in zip(dataset.cases, found, strict=True)
    )


def _classes_of_case(case: Case, *, dataset: Dataset) -> tuple[int, ...]:
    labels_XYZ, _ = read_label(case.label)
    labels = dataset.labels
    return labels.targets.present(labels.prepared(labels_XYZ))
