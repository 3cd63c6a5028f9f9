"""The decision after confirmation: the reference, unless a candidate is shown to be better.

Where costs count, a cheaper candidate may also be chosen if it is shown to be worse by less than a
margin. Each candidate is one test, so their probabilities are corrected together (Holm 1979, A
simple sequentially rejective multiple test procedure, Scandinavian Journal of Statistics 6(2)): the
chance that any candidate is wrongly shown to be better stays below 1 − probability.

Source of the margin: Piaggio et al. 2012, Reporting of noninferiority and equivalence randomized
trials, JAMA 308(24).
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

from mbnas.scoring.superiority import Superiority

Network = TypeVar("Network", bound=Hashable)

Ground = Literal["better", "not worse and cheaper", "not shown", "nothing confirmed"]
"""Why a network is chosen; the last two are grounds to keep the reference."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionRule:
    """When a candidate is chosen instead of the reference.

    Attributes:
        probability: What the corrected probability of a candidate must reach, above 0.5 and
            below 1.
        margin: By how much less Dice a cheaper network may have, 0 or more.

    Raises:
        ValueError: if a number is out of range.
    """

    probability: float = 0.95
    margin: float = 0.005

    def __post_init__(self) -> None:
        if not 0.5 < self.probability < 1:
            raise ValueError(f"probability (={self.probability}) must be above 0.5 and below 1.")
        if not 0 <= self.margin < 1:
            raise ValueError(f"margin (={self.margin}) must be 0 or more and below 1.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision(Generic[Network]):
    """The chosen network, and why.

    Attributes:
        chosen: A candidate, or the reference.
        ground: Why.
        better: Of each candidate, the probability that it is better than the reference, corrected.
        not_worse: Of each candidate, the probability that it is worse by less than the margin,
            corrected.
    """

    chosen: Network
    ground: Ground
    better: Mapping[Network, float]
    not_worse: Mapping[Network, float]

    @property
    def probability(self) -> float | None:
        """The probability that supports the ground; ``None`` if nothing was confirmed.

        If no candidate is shown to be better, it is that of the best supported candidate.
        """
        match self.ground:
            case "nothing confirmed":
                return None
            case "better":
                return self.better[self.chosen]
            case "not worse and cheaper":
                return self.not_worse[self.chosen]
            case "not shown":
                return max(self.better.values())


def decide(
    reference: Network,
    candidates: Mapping[Network, Superiority],
    rule: DecisionRule,
    costs: Mapping[Network, float | int] | None = None,
) -> Decision[Network]:
    """Return which network is chosen.

    Without costs, it is the candidate that is most probably better than the reference, if its
    corrected probability is at least ``rule.probability``. With costs, it is the cheapest
    of the candidates that are shown to be better and of the cheaper ones that are shown to be not
    worse by ``rule.margin``. Otherwise it is the reference. Of equals, the larger difference wins.

    Args:
        reference: Its name.
        candidates: All that were confirmed, each compared with the reference (candidate minus
            reference). Leaving out those that were dropped on the way would make the correction
            too small.
        rule: When a candidate is chosen.
        costs: Of the reference and all candidates, if cost is an objective.

    Raises:
        ValueError: if the reference is a candidate, or a cost is missing or not finite.
    """
    if reference in candidates:
        raise ValueError(f"The reference (={reference}) cannot be a candidate as well.")
    if costs is not None and not all(
        math.isfinite(costs.get(each, math.nan)) for each in (reference, *candidates)
    ):
        raise ValueError("The reference and every candidate need a finite cost.")
    better = corrected({each: found.probability_above(0) for each, found in candidates.items()})
    not_worse = corrected(
        {each: found.probability_above(-rule.margin) for each, found in candidates.items()}
    )

    def keep(chosen: Network, ground: Ground) -> Decision[Network]:
        return Decision(chosen=chosen, ground=ground, better=better, not_worse=not_worse)

    if not candidates:
        return keep(reference, "nothing confirmed")
    shown: dict[Network, Ground] = {
        each: "better" for each in candidates if better[each] >= rule.probability
    }
    if costs is None:
        order = {each: (-better[each], -candidates[each].difference) for each in candidates}
    else:
        order = {each: (costs[each], -candidates[each].difference) for each in candidates}
        for each in candidates:
            if costs[each] < costs[reference] and not_worse[each] >= rule.probability:
                shown.setdefault(each, "not worse and cheaper")
    if not shown:
        return keep(reference, "not shown")
    chosen = min(shown, key=order.__getitem__)
    return keep(chosen, shown[chosen])


def corrected(probabilities: Mapping[Network, float]) -> dict[Network, float]:
    """Return probabilities after Holm's correction of 1 − probability, in the same order.

    >>> {name: round(each, 3) for name, each in corrected({"a": 0.96, "b": 0.99}).items()}
    {'a': 0.96, 'b': 0.98}
    """
    ordered = sorted(probabilities, key=lambda each: -probabilities[each])
    adjusted: dict[Network, float] = {}
    largest = 0.0
    for rank, each in enumerate(ordered):
        largest = max(largest, (len(ordered) - rank) * (1 - probabilities[each]))
        adjusted[each] = 1 - min(1.0, largest)
    return {each: adjusted[each] for each in probabilities}
