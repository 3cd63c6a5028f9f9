"""What a search will ask for next, so that free workers need not wait for a decision.

A searcher is a generator that the same scores lead the same way. So a second one, told all
that the first was told and then a guess of what is still open, shows what the first will ask
for if the guess comes true. What is run on a wrong guess stays in the ledger, for a search
that comes by there later.

A generator cannot be copied, so every wrong guess costs one that is told all again, which takes
the longer the longer the search has run. So whichever guess comes true is followed on, and how
much is told again is rationed: a look ahead costs a long search no more than a short one.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence

from mbnas.search.searcher import Proposal
from mbnas.space.genotype import Genotype

Proposals = Generator[Proposal, Sequence[float], object]
Best = tuple[float, Genotype | None]
Guess = tuple[float, ...]

TOLD_AGAIN = 200
"""How many batches are told again, on average, for every batch that the search goes on by."""


class Lookahead:
    """Looks ahead of one search.

    Args:
        begin: Makes the search anew, within its budget.
    """

    def __init__(self, begin: Callable[[], Proposals]) -> None:
        self._begin = begin
        self._told: list[Sequence[float]] = []
        self._search = begin()
        self._batch = next(self._search, None)
        self._scores: dict[Genotype, float] = {}
        self._best: Best = (-math.inf, None)
        self._paths: dict[Guess, _Path] = {}
        self._ration = TOLD_AGAIN

    def learn(self, scores: Sequence[float]) -> None:
        """Remember what the search was told of the batch that it waited for."""
        assert self._batch is not None
        genotypes = self._batch.genotypes
        self._told.append(tuple(scores))
        self._scores |= zip(genotypes, scores, strict=True)
        self._best = _better(self._best, genotypes, scores)
        self._batch = _following(self._search, scores)
        self._ration = min(self._ration, 2 * len(self._told)) + TOLD_AGAIN
        paths, self._paths = self._paths, {}
        if self._batch is not None:
            lost = (-math.inf,) * len(self._batch.genotypes)
            for path in paths.values():
                if path.came_true(self._batch, self._best):
                    self._paths[lost] = path.going_on()
                    return

    def certain(self, scores: Sequence[float | None]) -> tuple[Genotype, ...]:
        """Return what the search asks for after its present batch, whatever is still open.

        The extremes are compared: none of the open networks is any good, or the first is the
        best. A network asked for in both is taken for certain.

        Args:
            scores: Of the present batch, ``None`` where open.
        """
        lost = self._after(self._guess(scores))
        if None not in scores or not lost:
            return lost
        won = set(self._after(self._guess(scores, best=scores.index(None))))
        return tuple(genotype for genotype in lost if genotype in won)

    def possible(self, scores: Sequence[float | None]) -> Iterator[Genotype]:
        """Yield what the search may ask for, the likeliest first, until it ends on every path.

        First what follows if none of the open networks is any good, as most are not; then what
        follows if one of them is the best, for each; then further along the first path. Paths
        for which nothing more may be told again are left out.

        Args:
            scores: Of the present batch, ``None`` where open.
        """
        guess = self._guess(scores)
        yield from self._after(guess)
        for number, score in enumerate(scores):
            if score is None:
                yield from self._after(self._guess(scores, best=number))
        if (path := self._path(guess)) is not None:
            for genotypes in path.further():
                yield from genotypes

    def _guess(self, scores: Sequence[float | None], *, best: int | None = None) -> Guess:
        """Return scores with a guess of the open ones; a score that does not matter is −inf."""
        incumbent = None if self._batch is None else self._batch.incumbent
        bar = -math.inf if incumbent is None else self._scores.get(incumbent, -math.inf)
        guess = [-math.inf if score is None or score <= bar else score for score in scores]
        if best is not None:
            guess[best] = math.inf
        return tuple(guess)

    def _after(self, guess: Guess) -> tuple[Genotype, ...]:
        path = self._path(guess)
        return () if path is None else path.next

    def _path(self, guess: Guess) -> _Path | None:
        """Return what follows a guess, ``None`` where the ration does not reach for it."""
        if guess not in self._paths:
            # What may always come, that nothing is better, is worth what is left.
            num_left = len(self._told) * (2 if math.inf in guess else 1)
            if self._ration < num_left or self._batch is None:
                return None
            self._ration -= len(self._told)
            best = _better(self._best, self._batch.genotypes, guess)
            self._paths[guess] = _Path(self._told_again(), guess, best)
        return self._paths[guess]

    def _told_again(self) -> Proposals:
        """Return the search at its present batch."""
        proposals = self._begin()
        next(proposals)
        for scores in self._told:
            proposals.send(scores)
        return proposals


class _Path:
    """What a search asks for after a guess and no good network ever again.

    Args:
        proposals: At the batch that is guessed.
        guess: Its scores.
        best: The best network and its score, if they are right.
    """

    def __init__(self, proposals: Proposals, guess: Guess, best: Best) -> None:
        self._proposals = proposals
        self._best = best
        self._seen: deque[tuple[Genotype, ...]] = deque()
        self._look(guess)

    @property
    def next(self) -> tuple[Genotype, ...]:
        """What is asked for first; nothing if the search ends."""
        return self._seen[0] if self._seen else ()

    def further(self) -> Iterator[tuple[Genotype, ...]]:
        """Yield what is asked for after that, batch by batch."""
        number = 1
        while number < len(self._seen) or self._look_further():
            yield self._seen[number]
            number += 1

    def came_true(self, batch: Proposal, best: Best) -> bool:
        """Whether the search asks for what was foreseen and has the best that was guessed.

        It has been told other scores than the path, so the same best makes sure that a choice
        of the best of all, as between the phases of a bilevel search, is the same too.
        """
        return self.next == batch.genotypes and self._best[1] == best[1]

    def going_on(self) -> _Path:
        """Return the path from the next batch on."""
        if len(self._seen) > 1 or self._look_further():
            self._seen.popleft()
        else:
            self._seen.clear()
        return self

    def _look_further(self) -> bool:
        return bool(self._seen) and self._look((-math.inf,) * len(self._seen[-1]))

    def _look(self, guess: Guess) -> bool:
        batch = _following(self._proposals, guess)
        if batch is not None:
            self._seen.append(batch.genotypes)
        return batch is not None


def _better(best: Best, genotypes: Sequence[Genotype], scores: Sequence[float]) -> Best:
    """Return the best of all so far, the first of equals."""
    for genotype, score in zip(genotypes, scores, strict=True):
        if score > best[0] or best[1] is None:
            best = score, genotype
    return best


def _following(proposals: Proposals, scores: Sequence[float]) -> Proposal | None:
    try:
        return proposals.send(scores)
    except StopIteration:
        return None
