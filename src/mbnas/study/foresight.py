"""What a search will ask for next, so that free workers need not wait for a decision.

A searcher is a generator that the same scores lead the same way. So a second one, told all
that the first was told and then a guess of what is still open, shows what the first will ask
for if the guess comes true. What is run on a wrong guess stays in the ledger, for a search
that comes by there later.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Iterator, Sequence

from mbnas.genotype.genotype import Genotype
from mbnas.search.searcher import Batch

Proposals = Generator[Batch, Sequence[float], object]


class Foresight:
    """Looks ahead of one search.

    Args:
        begin: Makes the search anew, within its budget.
    """

    def __init__(self, begin: Callable[[], Proposals]) -> None:
        self._begin = begin
        self._told: list[Sequence[float]] = []

    def learn(self, scores: Sequence[float]) -> None:
        """Remember what the search was told of the batch that it waited for."""
        self._told.append(tuple(scores))

    def certain(self, scores: Sequence[float | None]) -> tuple[Genotype, ...]:
        """Return what the search asks for after its present batch, whatever is still open.

        The extremes are compared: none of the open networks is any good, or the first is the
        best. A network asked for in both is taken for certain.

        Args:
            scores: Of the present batch, ``None`` where open.
        """
        lost = _following(self._told_again(), _guess(scores))
        if None not in scores or lost is None:
            return () if lost is None else lost.genotypes
        won = _following(self._told_again(), _guess(scores, best=scores.index(None)))
        if won is None:
            return ()
        wanted = set(won.genotypes)
        return tuple(genotype for genotype in lost.genotypes if genotype in wanted)

    def possible(self, scores: Sequence[float | None]) -> Iterator[Genotype]:
        """Yield what the search may ask for, the likeliest first, until it ends on every path.

        First what follows if none of the open networks is any good, as most are not; then what
        follows if one of them is the best, for each; then further along the first path.

        Args:
            scores: Of the present batch, ``None`` where open.
        """
        path = self._path(_guess(scores))
        yield from next(path, ())
        for number, score in enumerate(scores):
            if score is None:
                after = _following(self._told_again(), _guess(scores, best=number))
                yield from after.genotypes if after else ()
        for genotypes in path:
            yield from genotypes

    def _path(self, scores: Sequence[float]) -> Iterator[tuple[Genotype, ...]]:
        """Yield what is asked for after ``scores`` and no good network ever again."""
        proposals = self._told_again()
        batch = _following(proposals, scores)
        while batch is not None:
            yield batch.genotypes
            batch = _following(proposals, [-math.inf] * len(batch.genotypes))

    def _told_again(self) -> Proposals:
        """Return the search at its present batch."""
        proposals = self._begin()
        next(proposals)
        for scores in self._told:
            proposals.send(scores)
        return proposals


def _guess(scores: Sequence[float | None], *, best: int | None = None) -> list[float]:
    guess = [-math.inf if score is None else score for score in scores]
    if best is not None:
        guess[best] = math.inf
    return guess


def _following(proposals: Proposals, scores: Sequence[float]) -> Batch | None:
    try:
        return proposals.send(scores)
    except StopIteration:
        return None
