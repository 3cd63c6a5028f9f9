"""Confirmation: leaders and references on fresh initialisations, the worse half dropped each round.

A search ends with the best of many noisy scores. Confirmation trains its leaders again together
with the networks that stay until the end: the reference, and baselines if wanted. After each round
the worse half of the leaders is dropped, and the rest of the budget goes to the others. Trainings
are counted in initialisations, all folds each.

Source: Karnin, Koren and Somekh 2013, Almost optimal exploration in multi-armed bandits, ICML,
algorithm 1 (sequential halving). Differences from it are that scores of all rounds count, that
the protected networks are in every round, and that a last round trains only the last leader and
the protected networks.
"""

from __future__ import annotations

import math
from collections.abc import Generator, Hashable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

Network = TypeVar("Network", bound=Hashable)

MIN_INITIALISATIONS = 2
"""Of the last leader and the protected networks; one alone says nothing of the noise."""

MOST_LEADERS = 8
"""More are not worth confirming (:func:`num_worthwhile`)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfirmationRound(Generic[Network]):
    """Networks whose scores confirmation needs before it can continue.

    Attributes:
        networks: The leaders that are left, best first as far as known, then the protected ones.
        initialisations: How many fresh initialisations each shall have in total, all folds each.
    """

    networks: tuple[Network, ...]
    initialisations: int


def sequential_halving(
    leaders: Sequence[Network], protected: Sequence[Network], budget: int
) -> Generator[ConfirmationRound[Network], Sequence[float], tuple[Network, ...]]:
    """Yield the rounds of confirmation; each is sent the scores of its networks, in order.

    A score is the mean over the round's initialisations and all folds, and larger is better; of
    equals, the earlier leader stays. A leader with −inf, which could not be scored, is dropped at
    once. After the last round, the leader that is left and the protected networks have equally many
    initialisations, :data:`MIN_INITIALISATIONS` or more. Without enough budget for all leaders only
    the first :func:`num_confirmable` of them take part; nothing is yielded if that is none.

    Args:
        leaders: Distinct networks, the most promising first; :func:`num_worthwhile` says how many.
        protected: The reference and baselines, one or more; none of them is a leader.
        budget: Initialisations that all networks may have together.

    Returns:
        The leaders that took part, the longest in the race first; none if there was no round.

    Raises:
        ValueError: if a network is given twice, none is protected, or a score is nan.
    """
    if not protected:
        raise ValueError("Confirmation needs at least one protected network: the reference.")
    if len({*leaders, *protected}) < len(leaders) + len(protected):
        raise ValueError(
            "A network was given twice to confirmation. Give each leader and each protected "
            "network once."
        )
    left = list(leaders[: num_confirmable(budget, num_protected=len(protected))])
    done, dropped = 0, list[Network]()
    while left:
        size = len(left) + len(protected)
        rounds = num_rounds(len(left))
        least = max(1, MIN_INITIALISATIONS - done) if rounds == 1 else 1
        reserved = fewest(len(left), len(protected), done=done) - least * size
        share = budget // (rounds * size)  # an equal share of what is left for each round
        more = max(least, min(share, (budget - reserved) // size))
        done, budget = done + more, budget - more * size
        received = yield ConfirmationRound(networks=(*left, *protected), initialisations=done)
        scores = dict(zip((*left, *protected), received, strict=True))
        if any(math.isnan(score) for score in received):
            raise ValueError("A score is nan. Send −inf for a network that could not be scored.")
        ranked = sorted(left, key=lambda network: -scores[network])  # stable: equals keep order
        num_left = 0 if rounds == 1 else math.ceil(len(left) / 2)
        left = [each for each in ranked[:num_left] if scores[each] > -math.inf]
        dropped = [each for each in ranked if each not in left] + dropped
    return tuple(dropped)


def num_kept(budget: int, share: float, *, num_protected: int = 1) -> int:
    """Return how many initialisations of a budget to keep for confirmation.

    It is the share, rounded down, but at least what one leader needs where that is at most half of
    the budget; 0 if the share is 0, or too small for one leader.

    >>> [num_kept(budget, 0.25) for budget in (6, 8, 10, 50, 500)]
    [0, 4, 4, 12, 125]

    Args:
        budget: Initialisations of search and confirmation, summed over networks.
        share: Of confirmation, from 0 to below 1.
        num_protected: The reference and baselines, 1 or more.

    Raises:
        ValueError: if ``share`` is out of range.
    """
    if not 0 <= share < 1:
        raise ValueError(f"share (={share}) must be 0 or more and below 1.")
    least = fewest(1, num_protected)
    kept = int(share * budget)
    if share > 0 and 2 * least <= budget:
        return max(kept, least)
    return kept if kept >= least else 0


def num_worthwhile(budget: int, *, num_protected: int = 1) -> int:
    """Return how many leaders are worth confirming: one for every ten initialisations.

    More leaders than this leave too few initialisations to show that one of them is better, and
    each is one more test to correct for. With more protected networks, a leader needs more. It is
    at most :data:`MOST_LEADERS`; 0 if the budget confirms none.

    >>> [num_worthwhile(budget) for budget in (3, 4, 10, 15, 30, 75, 500)]
    [0, 1, 1, 2, 3, 8, 8]
    """
    worthwhile = math.ceil(budget / (5 * (1 + num_protected)))
    confirmable = num_confirmable(budget, num_protected=num_protected)
    return min(MOST_LEADERS, worthwhile, confirmable)


def num_confirmable(budget: int, *, num_protected: int = 1) -> int:
    """Return how many leaders a budget of initialisations can confirm; 0 if none.

    >>> [num_confirmable(budget) for budget in (3, 4, 5, 10, 19, 36)]
    [0, 1, 2, 4, 8, 16]
    """
    number = 0
    while fewest(number + 1, num_protected) <= budget:
        number += 1
    return number


def fewest(num_leaders: int, num_protected: int = 1, *, done: int = 0) -> int:
    """Return the fewest initialisations, of all networks together, that confirm some leaders.

    Args:
        num_leaders: 1 or more.
        num_protected: The reference and baselines, 1 or more.
        done: Initialisations that each of them has already; they are not counted.
    """
    total = 0
    while num_leaders > 1:
        total, done = total + num_leaders + num_protected, done + 1
        num_leaders = math.ceil(num_leaders / 2)
    return total + max(1, MIN_INITIALISATIONS - done) * (1 + num_protected)


def num_rounds(num_leaders: int) -> int:
    """Return how often leaders are compared until one is left, and once more with that one.

    >>> [num_rounds(number) for number in (1, 2, 3, 4, 5, 8)]
    [1, 2, 3, 3, 4, 4]
    """
    return 1 + math.ceil(math.log2(num_leaders))
