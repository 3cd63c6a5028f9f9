"""Summaries of the metrics of many volumes: means, spreads, intervals over patients.

A mean is over patients for whom the metric is defined (each the mean over their volumes and
the networks that predicted them), then over classes, then over initialisations.

Shape suffixes: I initialisations, P patients, K foreground classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float

from mbnas.scoring.class_metrics import ClassMetrics
from mbnas.scoring.intervals import Interval, bootstrap_mean, over_initialisations
from mbnas.scoring.overlap import mean_defined
from mbnas.seeds import generator
from mbnas.training.training_record import TrainingRecord

Metric = Literal["dice", "hd95_mm", "surface_dice"]
METRICS: tuple[Metric, ...] = ("dice", "hd95_mm", "surface_dice")
LOWER_IS_BETTER: frozenset[Metric] = frozenset({"hd95_mm"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantity:
    """The mean of a metric of one network, with its spread and interval.

    Attributes:
        mean: Over initialisations; ``None`` where it is not defined for one of them.
        sd: Sample standard deviation over initialisations, or over cases for predictions on disk;
            ``None`` with fewer than two.
        interval: Of the mean over patients, by bootstrap; ``None`` with fewer than two.
    """

    mean: float | None
    sd: float | None = None
    interval: Interval | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """How often one class was measured, and how often it was absent.

    Attributes:
        num_values: Predictions of volumes.
        num_undefined: Those with the class in neither prediction nor reference, which are left out.
        num_missed: Those with the class in exactly one of them.
    """

    num_values: int
    num_undefined: int
    num_missed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricSummary:
    """One metric of one network on some patients.

    Attributes:
        overall: Mean over the classes.
        per_class: Of each foreground class.
    """

    overall: Quantity
    per_class: tuple[Quantity, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricSummaries:
    """Every metric of one network on some patients, and counts of absent classes.

    Attributes:
        metrics: By metric.
        counts: Of each foreground class; the same for all metrics.
    """

    metrics: dict[Metric, MetricSummary]
    counts: tuple[Counts, ...]

    @property
    def total(self) -> Counts:
        """The counts of all classes together."""
        return Counts(
            num_values=sum(each.num_values for each in self.counts),
            num_undefined=sum(each.num_undefined for each in self.counts),
            num_missed=sum(each.num_missed for each in self.counts),
        )


def metric_summaries(
    trainings: Sequence[TrainingRecord], *, seed: int, held_out: bool = False
) -> MetricSummaries | None:
    """Return every metric of one network, or ``None`` if no volume was measured.

    Args:
        trainings: Of the network, from one or more initialisations.
        seed: The study's, for the bootstrap.
        held_out: Whether on held-out patients rather than on those of the folds.
    """
    volumes = _volumes(trainings, held_out=held_out)
    if not volumes:
        return None
    num_classes = len(volumes[0][-1])
    metrics = {}
    for metric in METRICS:
        _, values_IPK = patient_values(trainings, metric, held_out=held_out)
        metrics[metric] = MetricSummary(
            overall=_quantity(values_IPK, seed),
            per_class=tuple(
                _quantity(values_IPK[:, :, k : k + 1], seed) for k in range(num_classes)
            ),
        )
    return MetricSummaries(
        metrics=metrics,
        counts=tuple(counts_of([each[k] for _, _, each in volumes]) for k in range(num_classes)),
    )


def patient_values(
    trainings: Sequence[TrainingRecord], metric: Metric, *, held_out: bool = False
) -> tuple[tuple[str, ...], Float[np.ndarray, "I P K"]]:
    """Return patients in order, and a metric by initialisation, patient and class.

    A value is the mean over the patient's volumes and the networks of the initialisation that
    predicted them: one network if the patient is in a fold, those of all folds if held out. It is
    nan where the metric is not defined.
    """
    volumes = _volumes(trainings, held_out=held_out)
    initialisations = sorted({initialisation for initialisation, _, _ in volumes})
    patients = sorted({patient for _, patient, _ in volumes})
    values: dict[tuple[int, int, int], list[float | None]] = {}
    for initialisation, patient, metrics in volumes:
        i, p = initialisations.index(initialisation), patients.index(patient)
        for k, of_class in enumerate(metrics):
            values.setdefault((i, p, k), []).append(getattr(of_class, metric))
    num_classes = 1 + max((k for _, _, k in values), default=-1)
    values_IPK = np.full((len(initialisations), len(patients), num_classes), np.nan)
    for place, found in values.items():
        mean = mean_defined(tuple(found))
        values_IPK[place] = np.nan if mean is None else mean
    return tuple(patients), values_IPK


def overall_means(values_IPK: Float[np.ndarray, "I P K"]) -> Float[np.ndarray, " I"]:
    """Return each initialisation's mean over patients, then classes; nan where not defined."""
    return _mean_known(_mean_known(values_IPK, axis=1), axis=1)


def contributions(values_IPK: Float[np.ndarray, "I P K"]) -> Float[np.ndarray, " P"]:
    """Return one value per patient; their mean is that over patients, classes, initialisations.

    Where everything is defined it is the patient's own mean. Elsewhere a patient's deviation
    from the mean of a class weighs more the fewer patients have the class, so that the bootstrap
    is of the mean in the table. It is nan for a patient for whom nothing is defined.

    Source:
        Efron and Tibshirani 1993, An introduction to the bootstrap, chapter 22 (the
        nonparametric delta method).
    """
    is_known_IPK = ~np.isnan(values_IPK)
    is_known_P = is_known_IPK.any(axis=(0, 2))
    num_patients_IK = is_known_IPK.sum(axis=1)
    num_classes_I = (num_patients_IK > 0).sum(axis=1)
    num_parts_IK = num_patients_IK * num_classes_I[:, None] * values_IPK.shape[0]
    weight_IK = is_known_P.sum() / np.maximum(num_parts_IK, 1)
    deviation_IPK = np.where(is_known_IPK, values_IPK - _mean_known(values_IPK, 1)[:, None], 0.0)
    of_patient_P = (deviation_IPK * weight_IK[:, None]).sum(axis=(0, 2))
    return np.where(is_known_P, overall_means(values_IPK).mean() + of_patient_P, np.nan)


def _quantity(values_IPK: Float[np.ndarray, "I P K"], seed: int) -> Quantity:
    means_I = overall_means(values_IPK)
    if np.isnan(means_I).any():
        return Quantity(mean=None)
    spread = over_initialisations(means_I[:, None])
    of_patients_P = contributions(values_IPK)
    return Quantity(
        mean=spread.mean,
        sd=spread.sd,
        interval=bootstrap_mean(
            of_patients_P[~np.isnan(of_patients_P)], rng=generator(seed, "bootstrap")
        ),
    )


def _mean_known(values: Float[np.ndarray, " *shape"], axis: int) -> Float[np.ndarray, " *rest"]:
    """Return the mean over an axis of the values that are not nan; nan if all are."""
    num_known = (~np.isnan(values)).sum(axis=axis)
    total: Float[np.ndarray, " *rest"] = np.nansum(values, axis=axis)
    return np.where(num_known > 0, total / np.maximum(num_known, 1), np.nan)


def counts_of(metrics: Sequence[ClassMetrics]) -> Counts:
    """Return how often a class was measured, and how often it was absent."""
    present = [(each.predicted_voxels > 0, each.reference_voxels > 0) for each in metrics]
    return Counts(
        num_values=len(present),
        num_undefined=present.count((False, False)),
        num_missed=present.count((True, False)) + present.count((False, True)),
    )


def _volumes(
    trainings: Sequence[TrainingRecord], *, held_out: bool
) -> list[tuple[int, str, tuple[ClassMetrics, ...]]]:
    """Return initialisation, patient and metrics of every volume that a network predicted."""
    return [
        (record.key.initialisation, volume.patient, volume.measures)
        for record in trainings
        for volume in record.volumes
        if volume.held_out == held_out
    ]
