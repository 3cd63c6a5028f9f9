"""The files of a comparison: tables to read, rows and values for other programs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from mbnas.escaping import csv_text
from mbnas.machine.files import check_writable, ready_folder, write_text
from mbnas.report.tables.comparison_notes import failures, footnotes, sentences
from mbnas.report.tables.comparison_table import Table, tables
from mbnas.report.tables.comparison_values import (
    comparison_values,
    difference_rows,
    metric_rows,
    patient_rows,
)
from mbnas.report.tables.difference_tables import difference_tables
from mbnas.report.tables.table_text import as_latex, as_markdown
from mbnas.results.comparison import Comparison

TABLE_COLUMNS = [
    "network",
    "patients",
    "metric",
    "class",
    "mean",
    "sd",
    "low",
    "high",
    "values",
    "undefined",
    "missed",
]
PATIENT_COLUMNS = [
    "network",
    "initialisation",
    "fold",
    "patient",
    "case",
    "held_out",
    "class",
    "dice",
    "hd95_mm",
    "surface_dice",
    "predicted_voxels",
    "reference_voxels",
]

DIFFERENCE_COLUMNS = [
    "first",
    "second",
    "conclusion",
    "unit",
    "patients",
    "mean_difference",
    "low",
    "high",
    "p",
    "p_adjusted",
    "smallest_p",
    "comparisons",
    "wins",
    "ties",
    "losses",
    "method",
]


TABLE = "table.md"
"""The table that a person reads first."""


def ready_comparison(directory: Path) -> None:
    """Make the directory of a comparison, before the trainings that it will show.

    Raises:
        WriteError: if its files cannot be written.
    """
    ready_folder(directory)
    check_writable(directory / TABLE)


def write_comparison(
    comparison: Comparison,
    directory: Path,
    *,
    heading: str,
    study_name: str,
    dataset: str,
    more: Sequence[Table] = (),
    more_notes: Sequence[str] = (),
) -> tuple[str, ...]:
    """Write a comparison's files into a directory, each atomically; return their names.

    Args:
        comparison: What to write.
        directory: Created if it does not exist; ``table.md``, ``table.tex``, ``table.csv``,
            ``patients.csv``, ``differences.csv`` and ``statistics.json`` in it are replaced.
        heading: Of ``table.md``.
        study_name: Begins the labels of ``table.tex``.
        dataset: Named in the captions of ``table.tex``.
        more: Further tables for ``table.md`` and ``table.tex``.
        more_notes: Notes on these tables.

    Raises:
        WriteError: if a file cannot be written.
    """
    texts = comparison_texts(
        comparison,
        heading=heading,
        study_name=study_name,
        dataset=dataset,
        more=more,
        more_notes=more_notes,
    )
    ready_folder(directory)
    for name, text in texts.items():
        write_text(directory / name, text)
    return tuple(texts)


def comparison_texts(
    comparison: Comparison,
    *,
    heading: str,
    study_name: str,
    dataset: str,
    more: Sequence[Table] = (),
    more_notes: Sequence[str] = (),
) -> dict[str, str]:
    """Return the text of every file of a comparison, by file name."""
    further = (*difference_tables(comparison), *more)
    notes, words = (
        (*footnotes(comparison), *failures(comparison), *more_notes),
        sentences(comparison),
    )
    return {
        TABLE: as_markdown((*tables(comparison), *further), notes, words, heading=heading),
        # A page of a paper is narrower than a screen.
        "table.tex": as_latex(
            (*tables(comparison, joined=False), *further),
            (*words, *notes),
            study_name=study_name,
            dataset=dataset,
        ),
        "table.csv": csv_text(TABLE_COLUMNS, table_rows(comparison)),
        "patients.csv": csv_text(PATIENT_COLUMNS, patient_rows(comparison)),
        "differences.csv": csv_text(DIFFERENCE_COLUMNS, difference_rows(comparison)),
        "statistics.json": json.dumps(comparison_values(comparison), indent=2) + "\n",
    }


def table_rows(comparison: Comparison) -> Iterator[dict[str, Any]]:
    """Yield a row for each network, set of patients, metric and class, of :data:`TABLE_COLUMNS`."""
    for network in comparison.networks:
        for row in metric_rows(network, comparison.class_names):
            yield {"network": network.name, **row}
