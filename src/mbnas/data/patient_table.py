"""A table of cases and their patients, where names do not tell."""

from __future__ import annotations

import csv
from pathlib import Path

from mbnas.errors import DatasetError


def read_patient_table(path: Path) -> dict[str, str]:
    """Return the patient of every case in a CSV file with columns ``case`` and ``patient``.

    Raises:
        DatasetError: if the file cannot be read, lacks a column, or names a case twice.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DatasetError(f"The table of patients {path} cannot be read: {error}.") from error
    table: dict[str, str] = {}
    for row in rows:
        case, patient = row.get("case"), row.get("patient")
        if not case or not patient:
            raise DatasetError(
                f"The table of patients {path} needs the columns case and patient, both filled "
                f"in every row (got {row})."
            )
        if case in table:
            raise DatasetError(
                f"The table of patients {path} names case {case} twice: once will do."
            )
        table[case] = patient
    return table
