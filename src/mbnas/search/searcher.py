"""What a searcher is: a generator that yields proposals and receives their scores.

The algorithm then reads as in its paper, and a search resumes by running again: the same seed and
the same scores give the same proposals. A searcher knows nothing of folds, workers, files or its
budget; its caller stops the search when the budget is spent.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from functools import wraps

import numpy as np

from mbnas.errors import UsageError
from mbnas.space.genotype import Genotype
from mbnas.space.search_space import Space


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """Genotypes whose scores a searcher needs before it can continue.

    Some may have been proposed before; the caller remembers their scores.

    Attributes:
        genotypes: One or more.
        incumbent: The genotype that they compete with, or ``None``.
        why: What the searcher is doing, as text: ``"start 1"``, ``"node 3 level"``.
        initialisations: From how many initialisations each of them shall be trained in total, all
            folds from each; ``None`` is all that the protocol has.

    Raises:
        ValueError: if there are no genotypes, or ``initialisations`` is below 1.
    """

    genotypes: tuple[Genotype, ...]
    incumbent: Genotype | None
    why: str
    initialisations: int | None = None

    def __post_init__(self) -> None:
        if not self.genotypes:
            raise ValueError("A proposal needs at least one genotype.")
        if self.initialisations is not None and self.initialisations < 1:
            raise ValueError(f"initialisations (={self.initialisations}) must be 1 or more.")


Searcher = Generator[Proposal, Sequence[float], None]
"""Yields proposals and is sent their scores in order; larger is better.

A score is the mean over all folds and the initialisations that the proposal asks for.

``-inf`` is the score of a network that could not be scored. A searcher returns when it has
nothing left to propose.
"""

Answer = tuple[Proposal, tuple[float, ...]]
"""A proposal and the scores that were sent for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedAnswers:
    """What searchers that run in turn know together.

    Attributes:
        space: Of all of them; each may search a part of it.
        answers: To the proposals of all, in order. Who runs them appends each answer before any of
            them is asked for its next proposal.
    """

    space: Space
    answers: list[Answer]


Search = Callable[..., Searcher]
"""Creates a searcher from a space, a source of randomness and an optional start, in this order.

Three keyword arguments are optional, and a search that has one declares something by it:

- ``proposal_size: int``: it can be told how many genotypes a proposal has;
- ``recorded: Sequence[Proposal]``: it is model-based. Proposals that were made before a search was
  resumed are given back to it. It yields them again without deriving them, because a model that
  is fitted on another machine, or by another version of a library, may differ in its last digits;
- ``shared: SharedAnswers``: it can learn from what other searchers were sent. It then adds no
  answer itself.
"""


def checked_search(search: Search) -> Search:
    """Return a search that says what a searcher is if this one is none or yields no proposals.

    Raises:
        UsageError: if it cannot be called with a space, a source of randomness and a start.
    """
    words = (
        f"The searcher {getattr(search, '__qualname__', search)} must be a generator function of a "
        "space, a source of randomness and a start, which yields proposals (mbnas.extending)."
    )
    try:
        inspect.signature(search).bind(None, None, None)
    except (TypeError, ValueError):
        raise UsageError(words) from None

    @wraps(search)
    def begin(*args: object, **options: object) -> Searcher:
        searcher = search(*args, **options)
        if not isinstance(searcher, Generator):
            raise UsageError(words)
        return checked_proposals(searcher)

    def checked_proposals(searcher: Searcher) -> Searcher:
        scores: Sequence[float] | None = None
        try:
            while True:
                proposal = next(searcher) if scores is None else searcher.send(scores)
                if not isinstance(proposal, Proposal):
                    raise UsageError(words)
                scores = yield proposal
        except StopIteration:
            return
        finally:
            searcher.close()

    return begin


def takes(search: Search, argument: str) -> bool:
    """Return whether a search has an optional argument, by its signature."""
    return argument in inspect.signature(search).parameters


def begin_search(
    search: Search,
    space: Space,
    rng: np.random.Generator,
    start: Genotype | None = None,
    *,
    recorded: Sequence[Proposal] = (),
) -> Searcher:
    """Return a new searcher, and give a model-based one what it proposed before.

    Args:
        search: Creates the searcher.
        space: Where to search.
        rng: Source of randomness of the search.
        start: The first network; drawn if ``None``.
        recorded: The first proposals, in order; a search that is not model-based derives them
            again from its seed and the scores.
    """
    if takes(search, "recorded"):
        return search(space, rng, start, recorded=recorded)
    return search(space, rng, start)
