"""Reads a table of cases and their patients, for cases whose names do not include the patient."""

from __future__ import annotations

import csv
from pathlib import Path

from mbnas.errors import DatasetError

_COLUMNS = ("case", "patient")


def read_patient_table(path: Path) -> dict[str, str]:
    """Return the patient of every case in a CSV file with columns ``case`` and ``patient``.

    Spaces around a name are removed: they would make two patients of one, in different folds.
    Further columns are ignored.

    Args:
        path: The file: comma-separated, in UTF-8, with the names of the columns in its first line.

    Raises:
        DatasetError: if the file cannot be read, lacks a column, has an empty name, has a row
            with more fields than columns, or names a case twice.
    """
    if path.exists() and not path.is_file():
        raise DatasetError(f"The table of patients {path} is not a regular file.")
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = [[field.strip() for field in row] for row in csv.reader(file) if row]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DatasetError(f"The table of patients {path} cannot be read: {error}.") from error
    columns = rows[0] if rows else []
    if not set(_COLUMNS) <= set(columns):
        raise DatasetError(
            f"The table of patients {path} needs the columns case and patient, separated by a "
            f"comma (got {', '.join(columns) or 'nothing'})."
        )
    table: dict[str, str] = {}
    for row in rows[1:]:
        case, patient = _names(path, columns, row)
        if case in table:
            raise DatasetError(
                f"The table of patients {path} names case {case} twice: remove one row."
            )
        table[case] = patient
    return table


def _names(path: Path, columns: list[str], row: list[str]) -> tuple[str, str]:
    if len(row) > len(columns):
        raise DatasetError(
            f"A row of the table of patients {path} has more fields than columns: put a name "
            f"that holds a comma in quotes (got {row})."
        )
    fields = dict(zip(columns, row, strict=False))  # a short row has no values for the last columns
    case, patient = (fields.get(column, "") for column in _COLUMNS)
    if not case or not patient:
        raise DatasetError(
            f"The table of patients {path} needs the columns case and patient, both filled "
            f"in every row (got {fields})."
        )
    return case, patient
