"""Predictions beside their references as one value: every case and class, and what they come to.

A mean is over the cases in which the measure is defined, then over classes; spread and
interval are over cases. What is measured is told in :mod:`mbnas.scoring.surface`.

Shape suffixes: P cases, K foreground classes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from mbnas.data.dataset import LabelClass
from mbnas.data.naming import PassedOver, passed_over_sentences
from mbnas.report.comparison_notes import DEFINITIONS
from mbnas.report.comparison_table import HEADS, Cell, Table, quantity_cell
from mbnas.report.measures import (
    METRICS,
    Counts,
    Measured,
    Measures,
    Metric,
    Quantity,
    contributions,
    counts_of,
    overall_means,
)
from mbnas.report.wording import counted
from mbnas.scoring.intervals import bootstrap_mean
from mbnas.scoring.measures import ClassMeasures
from mbnas.seeds import generator

ABSENT = ClassMeasures(
    dice=None, hd95_mm=None, surface_dice=None, predicted_voxels=0, reference_voxels=0
)
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """What predictions are worth.

    Attributes:
        classes: That were measured, by ascending value.
        cases: Name of every case that has a prediction and a reference.
        measures: Of every case each class.
        missing: References without a prediction; they are in no mean.
        strange: Predictions without a reference, which are not looked at.
        failed: Why other cases could not be measured, by name; they are in no mean.
        passed_over: Files that look like images and cannot be read.
        summary: Every metric over the cases.
    """

    classes: tuple[LabelClass, ...]
    cases: tuple[str, ...]
    measures: tuple[tuple[ClassMeasures, ...], ...]
    missing: tuple[str, ...]
    strange: tuple[str, ...]
    failed: Mapping[str, str]
    passed_over: tuple[PassedOver, ...]
    summary: Measures


def evaluation_of(
    measured: Mapping[str, Mapping[int, ClassMeasures]],
    classes: Sequence[LabelClass] | None = None,
    *,
    missing: Sequence[str] = (),
    strange: Sequence[str] = (),
    failed: Mapping[str, str] | None = None,
    passed_over: Sequence[PassedOver] = (),
) -> Evaluation:
    """Return the evaluation of measured cases.

    Args:
        measured: For every case, by label value, the classes in prediction or reference.
        classes: All that there are; by default every value found is one.
        missing: References without a prediction.
        strange: Predictions without a reference.
        failed: Why other cases could not be measured, by name.
        passed_over: Files that look like images and cannot be read.
    """
    if classes is None:
        values = sorted({value for of_case in measured.values() for value in of_case})
        classes = [LabelClass(value=value, name=str(value)) for value in values]
    measures = tuple(
        tuple(of_case.get(each.value, ABSENT) for each in classes) for of_case in measured.values()
    )
    return Evaluation(
        classes=tuple(classes),
        cases=tuple(measured),
        measures=measures,
        missing=tuple(missing),
        strange=tuple(strange),
        failed=dict(failed or {}),
        passed_over=tuple(passed_over),
        summary=_summary(measures, len(classes)),
    )


def _summary(measures: tuple[tuple[ClassMeasures, ...], ...], num_classes: int) -> Measures:
    metrics: dict[Metric, Measured] = {}
    for metric in METRICS:
        values = [[getattr(each, metric) for each in of_case] for of_case in measures]
        values_PK = np.array(values, dtype=np.float64).reshape(len(measures), num_classes)
        metrics[metric] = Measured(
            overall=_quantity(values_PK),
            per_class=tuple(_quantity(values_PK[:, k : k + 1]) for k in range(num_classes)),
        )
    return Measures(
        metrics=metrics,
        counts=tuple(counts_of([each[k] for each in measures]) for k in range(num_classes)),
    )


def _quantity(values_PK: Float[np.ndarray, "P K"]) -> Quantity:
    """Return mean, spread and interval over cases; a case stands for its part of the mean."""
    mean = float(overall_means(values_PK[None])[0])
    if np.isnan(mean):
        return Quantity(mean=None)
    of_cases_P = contributions(values_PK[None])
    known = of_cases_P[~np.isnan(of_cases_P)]
    return Quantity(
        mean=mean,
        sd=float(known.std(ddof=1)) if known.size > 1 else None,
        interval=bootstrap_mean(known, rng=generator(0, "bootstrap")),
    )


def evaluation_table(evaluation: Evaluation) -> Table:
    """Return a row a class, and one of the mean over classes where there are several."""
    summary = evaluation.summary
    rows = [
        (
            Cell(text=each.name),
            *(quantity_cell(summary.metrics[metric].per_class[k], metric) for metric in METRICS),
            _count_cell(summary.counts[k]),
        )
        for k, each in enumerate(evaluation.classes)
    ]
    if len(rows) != 1:
        mean = (quantity_cell(summary.metrics[m].overall, m, bold=True) for m in METRICS)
        rows.append((Cell(text="mean", bold=True), *mean, _count_cell(summary.total)))
    return Table(
        title=counted(len(evaluation.cases), "case"),
        heads=("Class", *(HEADS[metric] for metric in METRICS), "Undefined (missed)"),
        rows=tuple(rows),
    )


def _count_cell(counts: Counts) -> Cell:
    return Cell(text=f"{counts.num_undefined} ({counts.num_missed})")


def evaluation_notes(evaluation: Evaluation) -> tuple[str, ...]:
    """Return by which conventions the table was made, and what is not in it."""
    notes = [_MEANS, DEFINITIONS, _EMPTY]
    if evaluation.missing:
        notes.append(
            f"{counted(len(evaluation.missing), 'reference')} without a prediction, in no mean: "
            f"{_listed(evaluation.missing)}."
        )
    if evaluation.strange:
        notes.append(
            f"{counted(len(evaluation.strange), 'file')} without a reference, not looked at: "
            f"{_listed(evaluation.strange)}."
        )
    if evaluation.failed:
        notes.append(
            f"{counted(len(evaluation.failed), 'case')} that could not be measured, in no mean: "
            f"{_listed(tuple(evaluation.failed))}."
        )
    return (*notes, *passed_over_sentences(evaluation.passed_over))


def _listed(names: Sequence[str], most: int = 10) -> str:
    """Return names, the first of them if there are many.

    >>> _listed(["a", "b", "c"], most=2)
    'a, b and 1 more'
    """
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def evaluation_values(evaluation: Evaluation) -> dict[str, Any]:
    """Return an evaluation as JSON has it, with stable keys."""
    return {
        "cases": list(evaluation.cases),
        "classes": [asdict(each) for each in evaluation.classes],
        "missing": list(evaluation.missing),
        "without_reference": list(evaluation.strange),
        "failed": [{"case": case, "reason": reason} for case, reason in evaluation.failed.items()],
        "passed_over": [asdict(each) for each in evaluation.passed_over],
        "measures": list(_measure_rows(evaluation)),
        "values": list(case_rows(evaluation)),
    }


def _measure_rows(evaluation: Evaluation) -> Iterator[dict[str, Any]]:
    summary = evaluation.summary
    for metric in METRICS:
        measured = summary.metrics[metric]
        names = [None, *(each.name for each in evaluation.classes)]
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


def case_rows(evaluation: Evaluation) -> Iterator[dict[str, Any]]:
    """Yield a row for every case and class, with :data:`CASE_COLUMNS`."""
    for case, of_case in zip(evaluation.cases, evaluation.measures, strict=True):
        for label, measures in zip(evaluation.classes, of_case, strict=True):
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
