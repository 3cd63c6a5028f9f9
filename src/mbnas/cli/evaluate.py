"""``mbnas evaluate``: what label maps are worth, whoever made them."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from mbnas.cli.comparison_display import on_screen, print_notes
from mbnas.cli.display import counting, note, note_reasons
from mbnas.cli.tables import console, print_csv, print_json
from mbnas.data.dataset import read_dataset
from mbnas.errors import UsageError
from mbnas.files import remove_leftovers, write_text
from mbnas.report.comparison_text import as_markdown
from mbnas.report.evaluate import evaluate_pairs, find_pairs
from mbnas.report.evaluation import (
    CASE_COLUMNS,
    Evaluation,
    case_rows,
    evaluation_notes,
    evaluation_table,
    evaluation_values,
)


def evaluate(arguments: argparse.Namespace) -> int:
    """Print and write what predictions are worth; 1 if any is missing or cannot be measured."""
    workers = os.cpu_count() or 1 if arguments.workers is None else arguments.workers
    if workers < 1:
        raise UsageError(f"--workers (={workers}) must be 1 or more.")
    classes = None if arguments.dataset is None else read_dataset(arguments.dataset).classes
    pairs = find_pairs(arguments.predictions, arguments.references)
    with counting("Measuring") as progress:
        evaluation = evaluate_pairs(pairs, classes, workers=workers, progress=progress)
    if arguments.json:
        print_json(evaluation_values(evaluation))
    elif arguments.csv:
        print_csv(CASE_COLUMNS, case_rows(evaluation))
    else:
        out = console()
        out.print_table(on_screen(evaluation_table(evaluation)))
        print_notes(out, evaluation_notes(evaluation))
    if arguments.markdown is not None:
        _write_markdown(evaluation, arguments.markdown, heading=str(arguments.predictions))
    note_reasons(evaluation.failed, "measured", "; --json lists all")
    if evaluation.missing and not arguments.allow_missing:
        note(
            f"{len(evaluation.missing)} of {len(evaluation.missing) + len(evaluation.cases)} "
            f"references have no prediction, such as {evaluation.missing[0]}: predict them, or say "
            "that this is meant with --allow-missing."
        )
        return 1
    return 1 if evaluation.failed else 0


def _write_markdown(evaluation: Evaluation, path: Path, *, heading: str) -> None:
    remove_leftovers(path.parent)
    table, notes = evaluation_table(evaluation), evaluation_notes(evaluation)
    write_text(path, as_markdown([table], notes, (), heading=f"Evaluation: {heading}"))
