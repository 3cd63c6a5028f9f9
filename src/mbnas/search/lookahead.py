"""What a search will ask for next, so that free workers need not wait for its decision.

A searcher is a generator: the same scores always lead to the same proposals. So a second
one, given all scores of the first and then a guess of those that are still missing, shows what
the first will ask for if the guess is right. Trainings that follow a wrong guess stay in the
ledger, and a search that proposes the same network later uses them.

A generator cannot be copied. Each guess therefore needs a new generator, which has to be replayed
from the start: the longer the search, the longer the replay. So a path whose guess came true is
kept, and replays are limited, so that a lookahead costs no more in a long search than in a short
one.
"""

from __future__ import annotations

import itertools
import math
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import replace
from typing import Literal

from mbnas.search.searcher import Proposal
from mbnas.space.genotype import Genotype

Speculation = Literal["possible", "certain", "nothing"]
"""What of a search's next proposals is looked at."""

Proposals = Generator[Proposal, Sequence[float], object]
Best = tuple[float, Genotype | None]
Guess = tuple[float, ...]

REPLAYED_PROPOSALS = 200
"""How many proposals may be replayed, on average, for each proposal of the search."""


class Lookahead:
    """Predicts what one search asks for next.

    Args:
        begin: Creates the search, limited to its budget.
        certain_only: Whether :meth:`possible` yields nothing but what is certain: guesses are of
            no use to a search whose model would learn from them.
    """

    def __init__(self, begin: Callable[[], Proposals], *, certain_only: bool = False) -> None:
        self._begin = begin
        self._certain_only = certain_only
        self._received: list[Sequence[float]] = []
        self._search = begin()
        self._proposal = next(self._search, None)
        self._scores: dict[Genotype, float] = {}
        self._best: Best = (-math.inf, None)
        self._paths: dict[Guess, _Path] = {}
        self._replays_left = REPLAYED_PROPOSALS

    def learn(self, scores: Sequence[float]) -> None:
        """Send the search the scores of its present proposal."""
        assert self._proposal is not None
        genotypes = self._proposal.genotypes
        self._received.append(tuple(scores))
        self._scores |= zip(genotypes, scores, strict=True)
        self._best = _better(self._best, genotypes, scores)
        self._proposal = _next_proposal(self._search, scores)
        self._replays_left = min(self._replays_left, 2 * len(self._received)) + REPLAYED_PROPOSALS
        paths, self._paths = self._paths, {}
        # A path has received guesses in place of scores, from which a model would have learned.
        if self._proposal is not None and not self._certain_only:
            none_better = (-math.inf,) * len(self._proposal.genotypes)
            for path in paths.values():
                if path.came_true(self._proposal, self._best):
                    self._paths[none_better] = path.advanced()
                    return

    def certain(self, scores: Sequence[float | None]) -> Proposal | None:
        """Return what the search asks for next for any values of the missing scores, if anything.

        Two extremes are compared: no missing score is good, or the first is the best. A network
        that is asked for in both cases is considered certain.

        Args:
            scores: Scores of the present proposal, ``None`` where missing.
        """
        lost = self._after(self._guess(scores))
        if None not in scores or lost is None:
            return lost
        won = self._after(self._guess(scores, best=scores.index(None)))
        if won is None or won.initialisations != lost.initialisations:
            return None
        common = tuple(each for each in lost.genotypes if each in set(won.genotypes))
        return replace(lost, genotypes=common) if common else None

    def possible(self, scores: Sequence[float | None]) -> Iterator[Proposal]:
        """Yield what the search may ask for, the most likely first, until every path ends.

        First what follows if no missing score is good, which is most likely; then what follows
        if one of them is the best, for each of them; then further steps of the first path. Paths
        beyond the limit of replays are left out, and all of them if only what is certain counts.

        Args:
            scores: Scores of the present proposal, ``None`` where missing.
        """
        if self._certain_only:
            return
        guess = self._guess(scores)
        wins = (self._guess(scores, best=at) for at, score in enumerate(scores) if score is None)
        for each in itertools.chain([guess], wins):
            if (proposal := self._after(each)) is not None:
                yield proposal
        if (path := self._path(guess)) is not None:
            yield from path.further()

    def _guess(self, scores: Sequence[float | None], *, best: int | None = None) -> Guess:
        """Return scores with a guess of the missing ones; −inf for scores without effect."""
        incumbent = None if self._proposal is None else self._proposal.incumbent
        bar = -math.inf if incumbent is None else self._scores.get(incumbent, -math.inf)
        guess = [-math.inf if score is None or score <= bar else score for score in scores]
        if best is not None:
            guess[best] = math.inf
        return tuple(guess)

    def _after(self, guess: Guess) -> Proposal | None:
        path = self._path(guess)
        return None if path is None else path.next

    def _path(self, guess: Guess) -> _Path | None:
        """Return what follows a guess, ``None`` if no replays are left for it."""
        if guess not in self._paths:
            # The guess that nothing is better may use all replays, the others only half of them.
            num_needed = len(self._received) * (2 if math.inf in guess else 1)
            if self._replays_left < num_needed or self._proposal is None:
                return None
            self._replays_left -= len(self._received)
            best = _better(self._best, self._proposal.genotypes, guess)
            self._paths[guess] = _Path(self._replayed(), guess, best)
        return self._paths[guess]

    def _replayed(self) -> Proposals:
        """Return a second search at the present proposal."""
        proposals = self._begin()
        next(proposals)
        for scores in self._received:
            proposals.send(scores)
        return proposals


class _Path:
    """What a search asks for after a guess, if no better network follows.

    Args:
        proposals: The search, at the proposal whose scores are guessed.
        guess: Its scores.
        best: The best network and its score if the guess is right.
    """

    def __init__(self, proposals: Proposals, guess: Guess, best: Best) -> None:
        self._proposals = proposals
        self._best = best
        self._seen: deque[Proposal] = deque()
        self._look(guess)

    @property
    def next(self) -> Proposal | None:
        """The first proposal; ``None`` if the search ends."""
        return self._seen[0] if self._seen else None

    def further(self) -> Iterator[Proposal]:
        """Yield the following proposals."""
        number = 1
        while number < len(self._seen) or self._look_further():
            yield self._seen[number]
            number += 1

    def came_true(self, proposal: Proposal, best: Best) -> bool:
        """Return whether the search asks for what was predicted and has the best that was guessed.

        The search has received other scores than the path. The same best network ensures that a
        choice of the best of all, as between the phases of a bilevel search, is also the same.
        """
        ahead = self.next
        return (
            ahead is not None
            and ahead.genotypes == proposal.genotypes
            and ahead.initialisations == proposal.initialisations
            and self._best[1] == best[1]
        )

    def advanced(self) -> _Path:
        """Return the path from the next proposal on."""
        if len(self._seen) > 1 or self._look_further():
            self._seen.popleft()
        else:
            self._seen.clear()
        return self

    def _look_further(self) -> bool:
        return bool(self._seen) and self._look((-math.inf,) * len(self._seen[-1].genotypes))

    def _look(self, guess: Guess) -> bool:
        try:
            proposal = _next_proposal(self._proposals, guess)
        except Exception:  # a searcher need not be able to use a guess, which may be infinite
            return False
        if proposal is not None:
            self._seen.append(proposal)
        return proposal is not None


def _better(best: Best, genotypes: Sequence[Genotype], scores: Sequence[float]) -> Best:
    """Return the best so far, the first of equals."""
    for genotype, score in zip(genotypes, scores, strict=True):
        if score > best[0] or best[1] is None:
            best = score, genotype
    return best


def _next_proposal(proposals: Proposals, scores: Sequence[float]) -> Proposal | None:
    try:
        return proposals.send(scores)
    except StopIteration:
        return None
