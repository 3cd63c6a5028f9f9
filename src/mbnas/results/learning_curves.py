"""How networks learned in a search: training loss and validation Dice by epoch.

A page shows the curves of at most 60 networks, of up to eight classes and 60 epochs each, so that
its size is bounded however many trainings there are.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from mbnas.study.ledger.ledger import Ledger
from mbnas.study.progress.search_status import ScoredNetwork
from mbnas.training.training_record import EpochRecord

MOST_CURVES = 60
"""Most networks with curves."""

MOST_CLASSES = 8
"""Most classes with a curve; of more, those of the lowest final Dice."""

MOST_POINTS = 60
"""Most epochs of a curve; of more, an even selection with the first and the last."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """A value by epoch, over the trainings of a network.

    Attributes:
        epochs: Ascending, from 1.
        mean: Over the trainings that have a value.
        low: The lowest of them.
        high: The highest of them.
    """

    epochs: tuple[int, ...]
    mean: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LearningCurves:
    """How one network learned.

    Attributes:
        num_trainings: Over which values are averaged.
        num_epochs: Of the longest of them.
        loss: Of training; an epoch whose loss is not finite in any training is left out.
        classes: Validation Dice by index of the class, from 0; empty if nothing was validated.
        num_classes: Of the dataset, of which ``classes`` may have fewer.
    """

    num_trainings: int
    num_epochs: int
    loss: Curve
    classes: Mapping[int, Curve]
    num_classes: int


def learning_curves(
    trainings: Sequence[Sequence[EpochRecord]], num_classes: int
) -> LearningCurves | None:
    """Return how a network learned, ``None`` if no epoch is recorded.

    Args:
        trainings: The epochs of each training.
        num_classes: Foreground classes.
    """
    trainings = [each for each in trainings if each]
    if not trainings:
        return None
    records = [record for each in trainings for record in each]
    classes = {
        index: curve
        for index in range(num_classes)
        if (
            curve := _curve(
                (record.epoch, dice)
                for record in records
                if record.class_dice is not None and (dice := record.class_dice[index]) is not None
            )
        ).epochs
    }
    lowest = sorted(classes, key=lambda index: classes[index].mean[-1])[:MOST_CLASSES]
    return LearningCurves(
        num_trainings=len(trainings),
        num_epochs=max(record.epoch for record in records),
        loss=_curve((each.epoch, each.loss) for each in records if math.isfinite(each.loss)),
        classes={index: classes[index] for index in sorted(lowest)},
        num_classes=num_classes,
    )


def read_learning_curves(
    ledger: Ledger,
    evaluations: Sequence[ScoredNetwork],
    first: Iterable[str],
    *,
    num_classes: int,
) -> dict[str, LearningCurves]:
    """Return how networks learned, by digest: some first, then the latest and the best.

    Args:
        ledger: Of the study, open for reading at least.
        evaluations: Those of the search whose trainings have ended, in order.
        first: Digests of networks to include in any case.
        num_classes: Foreground classes.
    """
    protocol = ledger.facts()["protocol"]
    found = {}
    for network in _with_curves(evaluations, first):
        epochs = ledger.epochs_of(network, protocol)
        if (curves := learning_curves(epochs, num_classes)) is not None:
            found[network] = curves
    return found


def _with_curves(evaluations: Sequence[ScoredNetwork], first: Iterable[str]) -> list[str]:
    """Return the digests of at most :data:`MOST_CURVES` networks."""
    best = sorted(evaluations, key=lambda each: each.score or -1.0, reverse=True)
    latest = reversed(evaluations)
    in_turn = [each for pair in zip(best, latest, strict=True) for each in pair]
    digests = dict.fromkeys([*first, *(each.record.network for each in in_turn)])
    return list(digests)[:MOST_CURVES]


def _curve(points: Iterable[tuple[int, float]]) -> Curve:
    values: dict[int, list[float]] = defaultdict(list)
    for epoch, value in points:
        values[epoch].append(value)
    epochs = _thinned(sorted(values))
    return Curve(
        epochs=tuple(epochs),
        mean=tuple(math.fsum(values[each]) / len(values[each]) for each in epochs),
        low=tuple(min(values[each]) for each in epochs),
        high=tuple(max(values[each]) for each in epochs),
    )


def _thinned(epochs: list[int]) -> list[int]:
    if len(epochs) <= MOST_POINTS:
        return epochs
    step = (len(epochs) - 1) / (MOST_POINTS - 1)
    return [epochs[round(step * number)] for number in range(MOST_POINTS)]
