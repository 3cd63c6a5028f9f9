"""What a ledger says of networks trained anew, on initialisations that no search has seen.

The score by which a search picked a network is optimistic: it is the best of many noisy
ones. Fresh initialisations, on the same folds, are not picked by anyone.
"""

from __future__ import annotations

import statistics
from dataclasses import dataclass

from mbnas.genotype.genotype import Genotype, unet_genotype
from mbnas.network.architecture import Architecture, title_of
from mbnas.scoring.metrics import mean_defined
from mbnas.study.ledger import Ledger
from mbnas.study.standing import Standing
from mbnas.training.record import TrainingRecord

FIRST_FRESH = 1000
"""Initialisations from here on are kept from every search."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contender:
    """One network of a comparison.

    Attributes:
        name: What to call it.
        architecture: The network.
        trainings: On fresh initialisations, by initialisation, then fold.
        parameters: Of the network.
        macs: Multiply-accumulates for one slice.
        macs_32: Multiply-accumulates for an input of 32 by 32 pixels.
        latency_ms: Of one slice.
    """

    name: str
    architecture: Architecture
    trainings: tuple[TrainingRecord, ...]
    parameters: int | None
    macs: int | None
    macs_32: int | None = None
    latency_ms: float | None = None

    @property
    def mean(self) -> float | None:
        """Mean score over trainings; ``None`` if one failed."""
        scores = [each.score for each in self.trainings]
        return None if None in scores else mean_defined(tuple(scores))

    @property
    def sd(self) -> float | None:
        """Standard deviation over initialisations of the mean over folds; needs two."""
        by_initialisation: dict[int, list[float]] = {}
        for each in self.trainings:
            if each.score is not None:
                by_initialisation.setdefault(each.key.initialisation, []).append(each.score)
        means = [statistics.fmean(scores) for scores in by_initialisation.values()]
        return statistics.stdev(means) if len(means) > 1 and self.mean is not None else None

    @property
    def class_means(self) -> tuple[float | None, ...]:
        """Mean Dice of every foreground class over scored epochs and trainings."""
        dice = [
            epoch.class_dice
            for each in self.trainings
            for epoch in each.epochs
            if epoch.class_dice is not None
        ]
        return tuple(mean_defined(of_class) for of_class in zip(*dice, strict=True))


def read_comparison(ledger: Ledger, standing: Standing) -> tuple[Contender, ...]:
    """Return the networks that the ledger holds fresh trainings of, the best found first."""
    fresh: dict[str, list[TrainingRecord]] = {}
    for record in ledger.trainings(protocol=ledger.facts()["protocol"]):
        if record.key.initialisation >= FIRST_FRESH:
            fresh.setdefault(record.key.network, []).append(record)
    networks = ledger.networks()
    best = standing.best.genotype.digest if standing.best else None
    return tuple(
        Contender(
            name=_name(networks[digest].architecture, is_best=digest == best),
            architecture=networks[digest].architecture,
            trainings=tuple(
                sorted(fresh[digest], key=lambda each: (each.key.initialisation, each.key.fold))
            ),
            parameters=networks[digest].parameters,
            macs=networks[digest].macs,
            macs_32=networks[digest].macs_32,
            latency_ms=networks[digest].latency_ms,
        )
        for digest in sorted(fresh, key=lambda digest: digest != best)
    )


def in_words(first: Contender, second: Contender) -> str:
    """Return what the trainings that two networks have in common say, with the numbers."""
    pairs = paired_differences(first, second)
    if len(pairs) < 2:
        return "Too few trainings in common to compare."
    mean, spread = statistics.fmean(pairs), statistics.stdev(pairs)
    wins = sum(difference > 0 for difference in pairs)
    return (
        f"{first.name} minus {second.name}: {mean:+.4f} Dice on average over {len(pairs)} pairs of "
        f"trainings on the same fold and initialisation seed (standard deviation {spread:.4f}), "
        f"higher in {wins} of them."
    )


def paired_differences(first: Contender, second: Contender) -> tuple[float, ...]:
    """Return the score differences over the (fold, initialisation) that both were trained on."""
    other = {(each.key.fold, each.key.initialisation): each.score for each in second.trainings}
    differences = []
    for each in first.trainings:
        score = other.get((each.key.fold, each.key.initialisation))
        if score is not None and each.score is not None:
            differences.append(each.score - score)
    return tuple(differences)


def _name(architecture: Architecture, *, is_best: bool) -> str:
    title = title_of(architecture)
    if not is_best:
        return title
    is_unet = isinstance(architecture, Genotype) and architecture == unet_genotype(
        architecture.num_levels
    )
    return f"{title} (the best found)" if is_unet else "Best found"
