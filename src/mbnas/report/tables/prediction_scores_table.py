"""An evaluation of predictions as a table, notes, and plain values for other programs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from mbnas.data.images.file_names import passed_over_sentences
from mbnas.report.tables.comparison_notes import DEFINITIONS
from mbnas.report.tables.comparison_table import HEADS, Cell, Table, quantity_cell
from mbnas.results.metric_summaries import METRICS, Counts
from mbnas.results.prediction_scores import PredictionScores
from mbnas.wording import counted

CASE_COLUMNS = (
    *("case", "label", "class", "dice", "hd95_mm", "surface_dice"),
    *("predicted_voxels", "reference_voxels"),
)

_MEANS = (
    "Mean ± standard deviation over cases, then over classes; in brackets the 95 % interval of "
    "the mean over cases (BCa bootstrap). Lower is better for HD95."
)
_EMPTY = (
    "Undefined: in how many cases a class is absent from prediction and reference; these are left "
    "out. Missed: in how many it is absent from one of them alone; Dice and surface Dice are then "
    "0, and HD95 is the diagonal of the volume."
)


def scores_table(scores: PredictionScores) -> Table:
    """Return a row a class, and one of the mean over classes where there are several."""
    summary = scores.summary
    rows = [
        (
            Cell(text=each.name),
            *(quantity_cell(summary.metrics[metric].per_class[k], metric) for metric in METRICS),
            _count_cell(summary.counts[k]),
        )
        for k, each in enumerate(scores.classes)
    ]
    if len(rows) != 1:
        mean = (quantity_cell(summary.metrics[m].overall, m, bold=True) for m in METRICS)
        rows.append((Cell(text="mean", bold=True), *mean, _count_cell(summary.total)))
    return Table(
        title=counted(len(scores.cases), "case"),
        heads=("Class", *(HEADS[metric] for metric in METRICS), "Undefined (missed)"),
        rows=tuple(rows),
    )


def _count_cell(counts: Counts) -> Cell:
    return Cell(text=f"{counts.num_undefined} ({counts.num_missed})")


def scores_notes(scores: PredictionScores) -> tuple[str, ...]:
    """Return by which conventions the table was made, and what is not in it."""
    notes = [_MEANS, DEFINITIONS, _EMPTY]
    if scores.missing:
        notes.append(
            f"{counted(len(scores.missing), 'reference')} without a prediction, in no mean: "
            f"{_listed(scores.missing)}."
        )
    if scores.without_reference:
        notes.append(
            f"{counted(len(scores.without_reference), 'file')} without a reference, not looked at: "
            f"{_listed(scores.without_reference)}."
        )
    if scores.failed:
        notes.append(
            f"{counted(len(scores.failed), 'case')} that could not be measured, in no mean: "
            f"{_listed(tuple(scores.failed))}."
        )
    return (*notes, *passed_over_sentences(scores.passed_over))


def _listed(names: Sequence[str], most: int = 10) -> str:
    """Return names, the first of them if there are many.

    >>> _listed(["a", "b", "c"], most=2)
    'a, b and 1 more'
    """
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def scores_values(scores: PredictionScores) -> dict[str, Any]:
    """Return an evaluation as JSON has it, with stable keys."""
    return {
        "cases": list(scores.cases),
        "classes": [asdict(each) for each in scores.classes],
        "missing": list(scores.missing),
        "without_reference": list(scores.without_reference),
        "failed": [{"case": case, "reason": reason} for case, reason in scores.failed.items()],
        "passed_over": [asdict(each) for each in scores.passed_over],
        "measures": list(_measure_rows(scores)),
        "values": list(case_rows(scores)),
    }


def _measure_rows(scores: PredictionScores) -> Iterator[dict[str, Any]]:
    summary = scores.summary
    for metric in METRICS:
        measured = summary.metrics[metric]
        names = [None, *(each.name for each in scores.classes)]
        quantities = [measured.overall, *measured.per_class]
        counts = [summary.total, *summary.counts]
        for name, quantity, count in zip(names, quantities, counts, strict=True):
            interval = quantity.interval
            yield {
                "metric": metric,
                "class": name,
                "mean": quantity.mean,
                "sd": quantity.sd,
                "low": None if interval is None else interval.low,
                "high": None if interval is None else interval.high,
                "values": count.num_values,
                "undefined": count.num_undefined,
                "missed": count.num_missed,
            }


def case_rows(scores: PredictionScores) -> Iterator[dict[str, Any]]:
    """Yield a row for every case and class, with :data:`CASE_COLUMNS`."""
    for case, of_case in zip(scores.cases, scores.metrics, strict=True):
        for label, measures in zip(scores.classes, of_case, strict=True):
            yield {
                "case": case,
                "label": label.value,
                "class": label.name,
                "dice": measures.dice,
                "hd95_mm": measures.hd95_mm,
                "surface_dice": measures.surface_dice,
                "predicted_voxels": measures.predicted_voxels,
                "reference_voxels": measures.reference_voxels,
            }
