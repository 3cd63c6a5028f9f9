"""Prediction scores as a table, notes, and plain values for other programs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from mbnas.data.images.file_names import passed_over_sentences
from mbnas.report.tables.comparison_notes import definitions
from mbnas.report.tables.comparison_table import Cell, Table, heads, quantity_cell
from mbnas.results.metric_summaries import METRICS, Counts
from mbnas.results.prediction_scores import PredictionScores
from mbnas.wording import counted

CASE_COLUMNS = (
    *("case", "label", "class", "dice", "hd95_mm", "surface_dice"),
    *("predicted_voxels", "reference_voxels"),
)

_MEANS = (
    "Mean ± standard deviation over cases, then over classes; in brackets: the 95 % interval of "
    "the mean over cases (BCa bootstrap). Lower is better for HD95."
)
_EMPTY = (
    "Undefined: number of cases in which a class is absent from prediction and reference; these "
    "are left out. Missed: number of cases in which it is absent from only one of them; Dice and "
    "surface Dice are then 0, and HD95 is the diagonal of the image."
)


def scores_table(scores: PredictionScores) -> Table:
    """Return one row per class, and one for the mean over classes if there are several."""
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
        heads=("Class", *(heads(scores.unit)[metric] for metric in METRICS), "Undefined (missed)"),
        rows=tuple(rows),
    )


def _count_cell(counts: Counts) -> Cell:
    return Cell(text=f"{counts.num_undefined} ({counts.num_missed})")


def scores_notes(scores: PredictionScores) -> tuple[str, ...]:
    """Return the conventions of the table."""
    return (_MEANS, definitions(scores.unit), _EMPTY)


def left_out(scores: PredictionScores) -> tuple[str, ...]:
    """Return which files are not in the table, and why."""
    notes = []
    if scores.missing:
        notes.append(
            f"{counted(len(scores.missing), 'reference')} without a prediction, in no mean: "
            f"{_listed(scores.missing)}."
        )
    if scores.without_reference:
        notes.append(
            f"{counted(len(scores.without_reference), 'file')} without a reference, not read: "
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
    """Return prediction scores as JSON values; the keys are stable."""
    return {
        "length_unit": scores.unit,
        "cases": list(scores.cases),
        "classes": [
            {"value": each.value, "name": each.name, "labels": list(each.labels)}
            for each in scores.classes
        ],
        "missing": list(scores.missing),
        "without_reference": list(scores.without_reference),
        "failed": [{"case": case, "reason": reason} for case, reason in scores.failed.items()],
        "passed_over": [asdict(each) for each in scores.passed_over],
        "measures": list(_metric_rows(scores)),
        "values": list(case_rows(scores)),
    }


def _metric_rows(scores: PredictionScores) -> Iterator[dict[str, Any]]:
    summary = scores.summary
    for metric in METRICS:
        of_metric = summary.metrics[metric]
        names = [None, *(each.name for each in scores.classes)]
        quantities = [of_metric.overall, *of_metric.per_class]
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
        for label, metrics in zip(scores.classes, of_case, strict=True):
            yield {
                "case": case,
                "label": label.value,
                "class": label.name,
                "dice": metrics.dice,
                "hd95_mm": metrics.hd95_mm,
                "surface_dice": metrics.surface_dice,
                "predicted_voxels": metrics.predicted_voxels,
                "reference_voxels": metrics.reference_voxels,
            }
