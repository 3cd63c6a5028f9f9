"""What a searcher is: a generator that yields proposals and receives their scores.

The algorithm then reads as in its paper, and a search resumes by running again: the same seed and
the same scores give the same proposals. A searcher knows nothing of folds, workers, files or its
budget; its caller stops the search when the budget is spent.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass

import numpy as np

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

Search = Callable[[Space, np.random.Generator, Genotype | None], Searcher]
"""Creates a searcher from a space, a source of randomness and an optional start."""
