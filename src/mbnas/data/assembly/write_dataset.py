"""Writes cases as a dataset in nnU-Net's raw layout, completely or not at all."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from mbnas.data.datasets.dataset import PATIENT_TABLE
from mbnas.errors import DatasetError
from mbnas.machine.files import check_writable, write_text
from mbnas.machine.folders import making_new_folder
from mbnas.machine.processes import ProgressCallback, map_in_processes

PATIENTS = "patients.csv"
"""The table of patients, which ``dataset.json`` names."""

Source = TypeVar("Source")


def write_dataset(
    root: Path,
    sources: Sequence[Source],
    write_case: Callable[..., None],
    *,
    facts: Mapping[str, Any],
    patients: Mapping[str, str] | None,
    workers: int,
    progress: ProgressCallback | None,
) -> Path:
    """Write a complete dataset, or nothing; return its folder.

    Args:
        root: The folder to create; it may exist if it is empty.
        sources: What each case is made from.
        write_case: Writes the files of a source into ``imagesTr`` and ``labelsTr`` of the folder
            ``root``, its keyword argument; picklable.
        facts: Contents of ``dataset.json``, with :func:`patient_facts`.
        patients: Patient of each case, for a table; ``None`` writes none.
        workers: Number of processes that write files.
        progress: Called after each case.

    Raises:
        DatasetError: if :func:`check_new` raises, or a case cannot be written.
        WriteError: if it cannot be written.
    """
    root = root.absolute()
    with making_new_folder(root) as aside:
        if aside is None:
            raise DatasetError(_refusal(root))
        for folder in ("imagesTr", "labelsTr"):
            (aside / folder).mkdir()
        task = partial(write_case, root=aside)
        map_in_processes(task, sources, workers=workers, progress=progress)
        if patients is not None:
            write_text(aside / PATIENTS, _patient_table(patients))
        write_text(aside / "dataset.json", json.dumps(facts, indent=2, ensure_ascii=False) + "\n")
    return root


def patient_facts(patients: Mapping[str, str] | None) -> dict[str, str]:
    """Return how ``dataset.json`` names the table of patients that is written, if there is one."""
    return {} if patients is None else {PATIENT_TABLE: PATIENTS}


def check_new(root: Path) -> None:
    """Return if a dataset can be written to a folder: it does not exist, or is empty.

    Raises:
        DatasetError: if it is a file, or is not empty.
        WriteError: if it cannot be made where it is to be.
    """
    if root.exists() and not (root.is_dir() and not any(root.iterdir())):
        raise DatasetError(_refusal(root))
    above = next(each for each in root.absolute().parents if each.exists())
    check_writable(above / root.name)


def _refusal(root: Path) -> str:
    what = "is not empty" if root.is_dir() else "is a file"
    return f"{root} {what}: a dataset is written to a new folder. Choose another place for OUT."


def _patient_table(patients: Mapping[str, str]) -> str:
    """Return a table of the patient of each case, as CSV."""
    file = io.StringIO()
    rows = csv.writer(file, lineterminator="\n")
    rows.writerow(("case", "patient"))
    rows.writerows(sorted(patients.items()))
    return file.getvalue()
