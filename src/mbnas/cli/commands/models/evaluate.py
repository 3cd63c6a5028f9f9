"""``mbnas evaluate``: scores of label maps, from any program."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from mbnas.cli.show.comparison_display import on_screen, print_notes
from mbnas.cli.show.messages import counting, note, note_reasons
from mbnas.cli.show.printing import console, print_csv, print_json
from mbnas.cli.terminal import words
from mbnas.data.datasets.declared_labels import read_labels
from mbnas.errors import UsageError
from mbnas.machine.files import check_writable, remove_leftovers, write_text
from mbnas.report.tables.prediction_scores_table import (
    CASE_COLUMNS,
    case_rows,
    left_out,
    scores_notes,
    scores_table,
    scores_values,
)
from mbnas.report.tables.table_text import as_markdown
from mbnas.results.label_pairs import declared_beside, evaluate_pairs, find_pairs
from mbnas.results.prediction_scores import PredictionScores


def evaluate(arguments: argparse.Namespace) -> int:
    """Print and write prediction scores; return 1 if a case is missing or cannot be measured."""
    workers = os.cpu_count() or 1 if arguments.workers is None else arguments.workers
    if workers < 1:
        raise UsageError(f"--workers (={workers}) must be 1 or more.")
    if arguments.markdown is not None:
        check_writable(arguments.markdown)
    pairs = find_pairs(arguments.predictions, arguments.references)
    dataset = arguments.dataset or declared_beside(arguments.references)
    labels = None if dataset is None else read_labels(dataset)
    if arguments.dataset is None and dataset is not None:
        note(f"Classes are those of {dataset / 'dataset.json'}.")
    with counting("Measuring") as progress:
        scores = evaluate_pairs(pairs, labels, workers=workers, progress=progress)
    if arguments.json:
        print_json(scores_values(scores))
    elif arguments.csv:
        print_csv(CASE_COLUMNS, case_rows(scores))
    else:
        out = console()
        out.print_table(on_screen(scores_table(scores)))
        for sentence in left_out(scores):
            out.print(words(sentence))
        print_notes(out, scores_notes(scores), shown=arguments.notes)
    if arguments.markdown is not None:
        _write_markdown(scores, arguments.markdown, heading=str(arguments.predictions))
    note_reasons(scores.failed, "measured", "; --json lists all")
    if scores.missing and not arguments.allow_missing:
        note(
            f"{len(scores.missing)} of {len(scores.missing) + len(scores.cases)} "
            f"references have no prediction, such as {scores.missing[0]}: predict them, or accept "
            "this with --allow-missing."
        )
        return 1
    return 1 if scores.failed else 0


def _write_markdown(scores: PredictionScores, path: Path, *, heading: str) -> None:
    remove_leftovers(path.parent)
    table, notes = scores_table(scores), (*scores_notes(scores), *left_out(scores))
    write_text(path, as_markdown([table], notes, (), heading=f"Evaluation: {heading}"))
