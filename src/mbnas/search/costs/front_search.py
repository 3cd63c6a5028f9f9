"""A search for good networks at every cost, not only for the best one.

The same searcher runs once without a limit and once within each of several limits on cost, in turn.
Each sees only true scores, so what it knows about their noise holds. A model-based one learns from
the scores of all. The best networks of all of them make the front.

Source: the ε-constraint method of Haimes et al. 1971, "On a bicriterion formulation of the problems
of integrated system identification and system optimization".
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import wraps
from typing import Any

import numpy as np

from mbnas.errors import ConfigurationError
from mbnas.search.costs.latency_limit import within_latency
from mbnas.search.searcher import Proposal, Search, Searcher, SharedAnswers, takes
from mbnas.space.cost_limits import CostLimits, CostName, CostOf
from mbnas.space.genotype import Genotype
from mbnas.space.limited_space import LimitedSpace
from mbnas.space.search_space import Space

SHARES = (0.5, 0.25, 0.125)
"""Limits, as shares of the reference's cost."""

_SEPARATOR = ": "


@dataclass(frozen=True, slots=True, kw_only=True)
class Rung:
    """A limit within which a searcher of its own runs.

    Attributes:
        cost: What is limited; ``None`` if nothing is.
        share: The limit, as a share of the reference's cost.
    """

    cost: CostName | None = None
    share: float = 1.0

    def __str__(self) -> str:
        if self.cost is None:
            return "any cost"
        return f"{self.cost} at most {self.share:g} of the reference's"


def along_front(
    search: Search, costs: Sequence[CostName], *, cost_of: CostOf, reference: Genotype
) -> Search:
    """Return a search that runs another one within several limits on cost, in turn.

    It begins a searcher without a limit, and for each cost one within each of :data:`SHARES` of the
    reference's. They make one proposal each, then the next one each. Limits that nothing meets are
    left out. It ends when all of them have.

    Args:
        search: Creates each searcher, and keeps its arguments.
        costs: What a network should have little of, one or more.
        cost_of: Returns costs of genotypes.
        reference: The network whose costs the limits are shares of.
    """

    @wraps(search)
    def front_search(
        space: Space,
        rng: np.random.Generator,
        start: Genotype | None = None,
        *,
        recorded: Sequence[Proposal] = (),
        **options: Any,
    ) -> Searcher:
        if start is not None:
            space.check(start)
        seed = int(rng.integers(2**63))
        shared = SharedAnswers(space=space, answers=[])
        rungs = [Rung(), *(Rung(cost=cost, share=each) for cost in costs for each in SHARES)]
        searchers: deque[_RungSearcher] = deque()
        for number, rung in enumerate(rungs):
            try:
                begun = _begin(search, space, start, rung, cost_of=cost_of, reference=reference)
            except ConfigurationError:
                if rung.cost is None:
                    raise
                continue
            own = np.random.default_rng([seed, number])
            given = options
            if takes(search, "shared") and rung.cost != "latency":
                given = options | {"shared": shared}
            searchers.append(_RungSearcher(str(rung), begun, own, given, takes(search, "recorded")))
        return _in_turn(searchers, shared, recorded)

    return front_search


Begin = Callable[..., Searcher]


def _begin(
    search: Search,
    space: Space,
    start: Genotype | None,
    rung: Rung,
    *,
    cost_of: CostOf,
    reference: Genotype,
) -> Begin:
    """Return what creates the searcher of a rung from a source of randomness.

    Raises:
        ConfigurationError: if nothing is found within its limit.
    """
    if rung.cost is None:
        return lambda rng, **options: search(space, rng, start, **options)
    limit = rung.share * cost_of(reference, rung.cost)
    if rung.cost == "latency":
        timed = within_latency(search, limit, cost_of)
        return lambda rng, **options: timed(space, rng, None, **options)
    limits = space.limits if isinstance(space, LimitedSpace) else CostLimits()
    name = f"max_{rung.cost}"
    most = int(min(limit, getattr(limits, name) or limit))
    limited = LimitedSpace.within(space, replace(limits, **{name: max(1, most)}), cost_of)
    assert limited.count  # raises an error if there is nothing within the limit
    begin = None if start is None else limited.nearest(start)
    return lambda rng, **options: search(limited, rng, begin, **options)


class _RungSearcher:
    """The searcher of one rung, and what it was sent last."""

    def __init__(
        self,
        name: str,
        begin: Begin,
        rng: np.random.Generator,
        options: dict[str, Any],
        takes_recorded: bool,
    ) -> None:
        self.name = name
        self._recorded: list[Proposal] = []
        if takes_recorded:
            options = options | {"recorded": self._recorded}
        self._searcher = begin(rng, **options)
        self._scores: Sequence[float] | None = None

    def next(self, recorded: Proposal | None) -> Proposal | None:
        """Return its next proposal, ``None`` if it has ended.

        Args:
            recorded: That proposal, if it is known.
        """
        if recorded is not None:
            why = recorded.why.removeprefix(self.name + _SEPARATOR)
            self._recorded.append(replace(recorded, why=why))
        try:
            if self._scores is None:
                proposal = next(self._searcher)
            else:
                proposal = self._searcher.send(self._scores)
        except (StopIteration, ConfigurationError):  # nothing is left, or a latency is out of reach
            return None
        return replace(proposal, why=f"{self.name}{_SEPARATOR}{proposal.why}")

    def learn(self, scores: Sequence[float]) -> None:
        """Take the scores of its last proposal."""
        self._scores = scores

    def close(self) -> None:
        """End it."""
        self._searcher.close()


def _in_turn(
    searchers: deque[_RungSearcher], shared: SharedAnswers, recorded: Sequence[Proposal]
) -> Searcher:
    """Yield a proposal of each searcher in turn, until all have ended."""
    every = tuple(searchers)
    number = 0
    try:
        while searchers:
            searcher = searchers.popleft()
            known = recorded[number] if number < len(recorded) else None
            if known is not None and not known.why.startswith(searcher.name + _SEPARATOR):
                continue  # it had ended by then
            if (proposal := searcher.next(known)) is None:
                continue
            number += 1
            scores = yield proposal
            searcher.learn(scores)
            shared.answers.append((proposal, tuple(scores)))
            searchers.append(searcher)
    finally:
        for searcher in every:
            searcher.close()
