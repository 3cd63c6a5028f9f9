"""Scores of predictions against their references: of every case and class, and summaries.

A mean is over the cases in which the metric is defined, then over classes; spread and
interval are over cases. :mod:`mbnas.scoring.surface_distance` defines the metrics.

Shape suffixes: P cases, K foreground classes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from mbnas.data.datasets.label_scheme import LabelClass
from mbnas.data.images.file_names import PassedOver
from mbnas.data.images.geometry import Unit
from mbnas.results.metric_summaries import (
    METRICS,
    Metric,
    MetricSummaries,
    MetricSummary,
    Quantity,
    contributions,
    counts_of,
    overall_means,
)
from mbnas.scoring.class_metrics import ClassMetrics
from mbnas.scoring.intervals import bootstrap_mean
from mbnas.seeds import generator

ABSENT = ClassMetrics(
    dice=None, hd95_mm=None, surface_dice=None, predicted_voxels=0, reference_voxels=0
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PredictionScores:
    """The scores of predictions against their references.

    Attributes:
        classes: Those that were measured: classes by ascending value, or regions.
        cases: Name of every case that has a prediction and a reference.
        metrics: Of every case, those of each class.
        missing: References without a prediction; they are in no mean.
        without_reference: Predictions without a reference; they are not read.
        failed: Why other cases could not be measured, by name; they are in no mean.
        passed_over: Files that look like images and cannot be read.
        unit: Of HD95 and of the tolerance of surface Dice.
        summary: Every metric over the cases.
    """

    classes: tuple[LabelClass, ...]
    cases: tuple[str, ...]
    metrics: tuple[tuple[ClassMetrics, ...], ...]
    missing: tuple[str, ...]
    without_reference: tuple[str, ...]
    failed: Mapping[str, str]
    passed_over: tuple[PassedOver, ...]
    unit: Unit
    summary: MetricSummaries


def prediction_scores(
    measured: Mapping[str, Mapping[int, ClassMetrics]],
    classes: Sequence[LabelClass] | None = None,
    *,
    missing: Sequence[str] = (),
    without_reference: Sequence[str] = (),
    failed: Mapping[str, str] | None = None,
    passed_over: Sequence[PassedOver] = (),
    unit: Unit = "mm",
) -> PredictionScores:
    """Return the scores of measured cases.

    Args:
        measured: For every case, the metrics of the classes in prediction or reference, by label
            value.
        classes: All classes; by default every value found is one.
        missing: References without a prediction.
        without_reference: Predictions without a reference.
        failed: Why other cases could not be measured, by name.
        passed_over: Files that look like images and cannot be read.
        unit: What lengths were measured in.
    """
    if classes is None:
        values = sorted({value for of_case in measured.values() for value in of_case})
        classes = [LabelClass(value=value, name=str(value)) for value in values]
    metrics = tuple(
        tuple(of_case.get(each.value, ABSENT) for each in classes) for of_case in measured.values()
    )
    return PredictionScores(
        classes=tuple(classes),
        cases=tuple(measured),
        metrics=metrics,
        missing=tuple(missing),
        without_reference=tuple(without_reference),
        failed=dict(failed or {}),
        passed_over=tuple(passed_over),
        unit=unit,
        summary=_summary(metrics, len(classes)),
    )


def _summary(of_cases: tuple[tuple[ClassMetrics, ...], ...], num_classes: int) -> MetricSummaries:
    summaries: dict[Metric, MetricSummary] = {}
    for metric in METRICS:
        values = [[getattr(each, metric) for each in of_case] for of_case in of_cases]
        values_PK = np.array(values, dtype=np.float64).reshape(len(of_cases), num_classes)
        summaries[metric] = MetricSummary(
            overall=_quantity(values_PK),
            per_class=tuple(_quantity(values_PK[:, k : k + 1]) for k in range(num_classes)),
        )
    return MetricSummaries(
        metrics=summaries,
        counts=tuple(counts_of([each[k] for each in of_cases]) for k in range(num_classes)),
    )


def _quantity(values_PK: Float[np.ndarray, "P K"]) -> Quantity:
    """Return mean, spread and interval over the contributions of cases to the mean."""
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
