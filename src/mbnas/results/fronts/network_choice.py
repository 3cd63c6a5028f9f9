"""A network chosen from a front within limits on cost, and what is known of it.

Whether it is as good as the reference is a test of non-inferiority on fresh trainings of both: the
probability that its Dice is not lower by more than a margin.

Source: Piaggio et al. 2012, Reporting of noninferiority and equivalence randomized trials, JAMA
308(24).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mbnas.errors import StudyError
from mbnas.results.choice.cost_words import COST_NOUNS, share_text
from mbnas.results.choice.fresh_comparison import fresh_comparison
from mbnas.results.fronts.search_front import FrontNetwork, SearchFront
from mbnas.scoring.superiority import Superiority
from mbnas.search.decision import DecisionRule
from mbnas.space.cost_limits import CostName, limit_text
from mbnas.training.training_record import TrainingRecord
from mbnas.wording import counted, difference_text


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
        bounds = " and ".join(
            f"{COST_NOUNS[name]} ≤ {limit_text(name, most)}" for name, most in limits
        )
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


def _of(trainings: Sequence[TrainingRecord], network: FrontNetwork) -> list[TrainingRecord]:
    digest = network.genotype.digest
    return [each for each in trainings if each.key.network == digest and each.error is None]


def _is_within(network: FrontNetwork, name: CostName, limit: float) -> bool:
    cost = network.cost(name)
    return cost is not None and cost <= limit


def choice_sentence(choice: NetworkChoice) -> str:
    """Return what is shown of a chosen network beside the reference, in a sentence or two."""
    if choice.reference is None:
        return "The U-Net has no score in this search, so nothing can be said relative to it."
    if choice.network.genotype == choice.reference.genotype:
        return "It is the U-Net itself."
    shares = [(name, share) for name in choice.costs if (share := choice.share(name)) is not None]
    parts = [(share_text(share), COST_NOUNS[name]) for name, share in shares]
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
