"""A network chosen from a front within limits on cost, and what is known of it.

Whether it is as good as the reference is a test of non-inferiority on fresh trainings of both: the
probability that its Dice is not lower by more than a margin.

Source: Piaggio et al. 2012, Reporting of noninferiority and equivalence randomized trials, JAMA
308(24).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mbnas.errors import StudyError
from mbnas.results.fronts.search_front import FrontNetwork, SearchFront
from mbnas.scoring.overlap import mean_defined
from mbnas.scoring.superiority import Superiority, superiority
from mbnas.search.decision import DecisionRule
from mbnas.space.cost_limits import CostName, limit_text
from mbnas.training.training_record import TrainingRecord, VolumeRecord
from mbnas.wording import counted, difference_text

_WORDS = {1 / 2: "half", 1 / 3: "a third", 1 / 4: "a quarter", 1 / 5: "a fifth", 1 / 10: "a tenth"}
_NEARLY = 0.05  # relative difference that a word for a share may have
_NOUNS: dict[CostName, str] = {
    "parameters": "parameters",
    "macs": "multiply-accumulates",
    "latency": "latency",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkChoice:
    """A network chosen from a front.

    Attributes:
        network: It.
        reference: The U-Net of the space, ``None`` if it has no score.
        costs: Those of the front.
        comparison: With the reference, over fresh trainings of both; ``None`` if there are none.
        rule: The margin, and the probability that the comparison must reach.
    """

    network: FrontNetwork
    reference: FrontNetwork | None
    costs: tuple[CostName, ...]
    comparison: Superiority | None
    rule: DecisionRule

    @property
    def probability(self) -> float | None:
        """The probability that it is not worse than the reference by the margin, if known."""
        if self.comparison is None:
            return None
        return self.comparison.probability_above(-self.rule.margin)

    @property
    def is_shown(self) -> bool:
        """Whether it is shown to be not worse than the reference."""
        return self.probability is not None and self.probability >= self.rule.probability

    def share(self, name: CostName) -> float | None:
        """Return its cost as a share of the reference's, ``None`` if one is unknown."""
        if self.reference is None:
            return None
        own, other = self.network.cost(name), self.reference.cost(name)
        return own / other if own and other else None


def choose_network(
    front: SearchFront,
    limits: Sequence[tuple[CostName, float]] = (),
    *,
    fresh: Sequence[TrainingRecord] = (),
    rule: DecisionRule | None = None,
) -> NetworkChoice:
    """Return the network of the highest score within limits, the cheapest of equals.

    Args:
        front: Of a search.
        limits: The largest costs that it may have.
        fresh: Trainings of the study on fresh initialisations, with volumes.
        rule: What counts as not worse.

    Raises:
        StudyError: if no scored network is within the limits.
    """
    within = [each for each in front.networks if all(_is_within(each, *limit) for limit in limits)]
    if not within:
        bounds = " and ".join(f"{_NOUNS[name]} ≤ {limit_text(name, most)}" for name, most in limits)
        raise StudyError(
            f"No scored network has {bounds or 'known costs'}. "
            + ("Raise the limit, or search with it." if limits else "Search first.")
        )
    chosen = min(
        within, key=lambda each: (-each.score, *(each.cost(name) or 0.0 for name in front.costs))
    )
    comparison = None
    if front.reference is not None and chosen.genotype != front.reference.genotype:
        comparison = fresh_comparison(_of(fresh, chosen), _of(fresh, front.reference))
    return NetworkChoice(
        network=chosen,
        reference=front.reference,
        costs=front.costs,
        comparison=comparison,
        rule=rule or DecisionRule(),
    )


def fresh_comparison(
    first: Sequence[TrainingRecord], second: Sequence[TrainingRecord]
) -> Superiority | None:
    """Return how two networks compare in Dice on the grid of the files, patient by patient.

    Held-out patients decide where there are any; otherwise the patients of the folds.

    Args:
        first: Trainings of one network, with volumes; failed ones do not count.
        second: Of the other, which count where both have the same fold and initialisation.
    """
    held_out = any(volume.held_out for each in first for volume in each.volumes)
    ours, theirs = (_dice_of_patients(each, held_out=held_out) for each in (first, second))
    common = ours.keys() & theirs.keys()
    if not common:
        return None
    rows = sorted({row for row, _, _ in common})
    patients = sorted({(fold, patient) for _, fold, patient in common})
    values = np.full((2, len(rows), len(patients)), np.nan)
    for row, fold, patient in common:
        place = rows.index(row), patients.index((fold, patient))
        values[0][place] = ours[row, fold, patient]
        values[1][place] = theirs[row, fold, patient]
    folds_P = None if held_out else np.array([fold for fold, _ in patients])
    return superiority(values[0], values[1], folds_P)


_Place = tuple[tuple[int, int], int, str]
"""A row, a fold and a patient. A row is an initialisation, or a training for held-out patients."""


def _dice_of_patients(
    trainings: Sequence[TrainingRecord], *, held_out: bool
) -> dict[_Place, float]:
    values: dict[_Place, list[float]] = {}
    for training in trainings:
        key = training.key
        row, fold = (
            ((key.initialisation, key.fold), 0) if held_out else ((key.initialisation, 0), key.fold)
        )
        for volume in training.volumes:
            dice = _dice(volume)
            if volume.held_out == held_out and dice is not None:
                values.setdefault((row, fold, volume.patient), []).append(dice)
    return {place: float(np.mean(found)) for place, found in values.items()}


def _dice(volume: VolumeRecord) -> float | None:
    return mean_defined(tuple(each.dice for each in volume.measures))


def _of(trainings: Sequence[TrainingRecord], network: FrontNetwork) -> list[TrainingRecord]:
    digest = network.genotype.digest
    return [each for each in trainings if each.key.network == digest and each.error is None]


def _is_within(network: FrontNetwork, name: CostName, limit: float) -> bool:
    cost = network.cost(name)
    return cost is not None and cost <= limit


def share_text(share: float) -> str:
    """Return a share as text.

    >>> [share_text(each) for each in (0.0987, 0.26, 0.117, 1.4)]
    ['a tenth', 'a quarter', '12 %', '140 %']
    """
    for exact, word in _WORDS.items():
        if abs(share / exact - 1) <= _NEARLY:
            return word
    return f"{100 * share:.3g} %" if share < 0.01 else f"{100 * share:.0f} %"


def choice_sentence(choice: NetworkChoice) -> str:
    """Return what is shown of a chosen network beside the reference, in a sentence or two."""
    if choice.reference is None:
        return "The U-Net has no score in this search, so nothing can be said relative to it."
    if choice.network.genotype == choice.reference.genotype:
        return "It is the U-Net itself."
    shares = [(name, share) for name in choice.costs if (share := choice.share(name)) is not None]
    parts = [(share_text(share), _NOUNS[name]) for name, share in shares]
    cost = " and ".join(f"{share} of the U-Net's {noun}" for share, noun in parts)
    margin, found = choice.rule.margin, choice.comparison
    if found is None:
        return (
            f"It has {cost}. Whether it is as good as the U-Net is not shown: both need trainings "
            "on fresh initialisations."
        )
    assert choice.probability is not None
    chance = f"{choice.probability:.2f}"
    basis = (
        f"Dice {difference_text(found.difference)} (standard error {found.standard_error:.3f}), "
        f"not lower by more than {margin:g} with probability {chance}, over "
        f"{counted(found.num_patients, 'patient')} and {counted(found.num_trainings, 'training')}"
    )
    if choice.is_shown:
        its = " and ".join(f"{share} of its {noun}" for share, noun in parts)
        return f"As good as the U-Net at {its}: {basis}."
    return (
        f"It has {cost}, but is not shown to be as good as the U-Net: {basis}, where "
        f"{choice.rule.probability:g} is needed."
    )
