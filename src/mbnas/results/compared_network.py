"""One network of a comparison: its metrics on patients and its costs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mbnas.results.metric_summaries import (
    Metric,
    MetricSummaries,
    Quantity,
    contributions,
    metric_summaries,
    overall_means,
    patient_values,
)
from mbnas.scoring.intervals import over_initialisations
from mbnas.study.progress.contenders import Contender
from mbnas.training.training_record import TrainingRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedNetwork:
    """One network of a comparison.

    Attributes:
        name: Its name in the comparison.
        architecture: Its one-line text.
        search_score: Validation Dice as the search scores it, on the prepared grid over the last
            epochs; ``sd`` is over initialisations. Not the Dice of ``validation``, which is on
            the grid of the files.
        validation: On the patients of the folds, each predicted by the network of an
            initialisation that had not trained on them; ``None`` if a training failed.
        held_out: On held-out patients, mean over the networks of all folds; ``None`` if there
            are no such patients or a training failed.
        parameters: Number of weights.
        macs: Multiply-accumulates for one slice of the protocol's size.
        macs_32: Multiply-accumulates for an input of 32 by 32 pixels.
        latency_ms: For one slice.
        training_s: Mean duration of a training.
        trainings: Those from the initialisations compared, by initialisation, then fold.
        dice: Of every training, its Dice on its validation volumes, mean over patients, then
            classes; ``None`` where it is not defined.
        error: Why there is no score, or ``None``.
    """

    name: str
    architecture: str
    search_score: Quantity
    validation: MetricSummaries | None
    held_out: MetricSummaries | None
    parameters: int | None
    macs: int | None
    macs_32: int | None
    latency_ms: float | None
    training_s: float
    trainings: tuple[TrainingRecord, ...]
    dice: tuple[float | None, ...]
    error: str | None = None


def compared_network(
    contender: Contender, initialisations: tuple[int, ...], seed: int
) -> ComparedNetwork:
    """Return the metrics of a network's trainings from some initialisations.

    Args:
        contender: The network, with its fresh trainings.
        initialisations: From which it was trained on every fold.
        seed: The study's, for the bootstrap.
    """
    trainings = tuple(
        each for each in contender.trainings if each.key.initialisation in initialisations
    )
    error = next((each.error for each in trainings if each.error is not None), None)
    sound = () if error else trainings
    validation, held_out = (
        metric_summaries(sound, seed=seed, held_out=each) for each in (False, True)
    )
    return ComparedNetwork(
        name=contender.name,
        architecture=str(contender.architecture),
        search_score=_search_score(sound, len(initialisations)),
        validation=validation,
        held_out=held_out,
        parameters=contender.parameters,
        macs=contender.macs,
        macs_32=contender.macs_32,
        latency_ms=contender.latency_ms,
        training_s=float(np.mean([each.wall_s for each in trainings])) if trainings else 0.0,
        trainings=trainings,
        dice=tuple(_dice(each) for each in trainings),
        error=error,
    )


def patient_means(
    network: ComparedNetwork, metric: Metric, *, held_out: bool = False
) -> dict[str, float]:
    """Return one value for each patient for whom a metric is defined.

    The mean of these values is the network's.
    Where everything is defined it is the patient's mean over classes and initialisations.
    """
    patients, values_IPK = patient_values(network.trainings, metric, held_out=held_out)
    means_P = contributions(values_IPK).tolist() if patients else []
    return {name: mean for name, mean in zip(patients, means_P, strict=True) if mean == mean}


def _search_score(trainings: Sequence[TrainingRecord], num_initialisations: int) -> Quantity:
    """Return the mean score and its spread; trainings are sorted by initialisation."""
    if not trainings:
        return Quantity(mean=None)
    scores = np.array([each.score for each in trainings], dtype=np.float64)
    spread = over_initialisations(scores.reshape(num_initialisations, -1))
    return Quantity(mean=spread.mean, sd=spread.sd)


def _dice(training: TrainingRecord) -> float | None:
    patients, values_1pk = patient_values([training], "dice")
    mean = float(overall_means(values_1pk)[0]) if patients else np.nan
    return None if np.isnan(mean) else mean
