"""What a searcher is: a generator that yields batches of genotypes and receives scores.

The algorithm then reads as in its paper, and a search resumes by running again: the
same seed and the same scores give the same batches. A searcher knows nothing of
folds, workers, files or its budget; whoever drives it stops asking when that is spent.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass

import numpy as np

from mbnas.space.genotype import Genotype
from mbnas.space.search_space import Space


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """Genotypes whose scores a searcher needs before it can go on.

    They may have been asked for before; whoever drives the search remembers.

    Attributes:
        genotypes: One or more.
        incumbent: The genotype that they compete with, or ``None`` where there is none.
        why: What the searcher is doing, for people: ``"start 1"``, ``"node 3 level"``.

    Raises:
        ValueError: if there are no genotypes; a searcher that yields none is wrong.
    """

    genotypes: tuple[Genotype, ...]
    incumbent: Genotype | None
    why: str

    def __post_init__(self) -> None:
        if not self.genotypes:
            raise ValueError("A batch needs at least one genotype.")


Searcher = Generator[Proposal, Sequence[float], None]
"""Yields batches and is sent their scores in order, larger being better.

``-inf`` is the score of a network that could not be scored. A searcher that has
nothing left to propose returns.
"""

Search = Callable[[Space, np.random.Generator, Genotype | None], Searcher]
"""Makes a searcher of a space that draws from a generator and starts at a genotype, if given."""
