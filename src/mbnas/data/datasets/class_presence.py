"""Which classes each patient has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial

import numpy as np
from jaxtyping import UInt8

from mbnas.data.datasets.case_rules import class_indices, voxels_by_class
from mbnas.data.datasets.dataset import Case, Dataset
from mbnas.data.datasets.patients import merged_by_patient
from mbnas.data.images.read import read_label
from mbnas.machine.processes import ProgressCallback, map_in_processes


def present_classes(labels: UInt8[np.ndarray, "*grid"]) -> tuple[int, ...]:
    """Return the indices of the classes in a label map, without background, ascending.

    >>> present_classes(np.array([[0, 3], [3, 1]], np.uint8))
    (1, 3)
    """
    counts = voxels_by_class(labels, 256)
    return tuple(index for index in np.flatnonzero(counts).tolist() if index > 0)


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
    return present_classes(class_indices(labels_XYZ, dataset))
