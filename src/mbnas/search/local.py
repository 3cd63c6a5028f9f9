"""Local search: improve a start by the best value of one gene at a time.

Source: Bosma et al. 2022 (arXiv 2202.11401), section 2.2, after Den Ottelander et al.
2021, "Local search is a remarkably strong baseline for neural architecture search".
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from itertools import count

import numpy as np

from mbnas.search.searcher import Proposal, Searcher
from mbnas.space.genotype import Genotype
from mbnas.space.search_space import Space


def local_search(space: Space, rng: np.random.Generator, start: Genotype | None = None) -> Searcher:
    """Yield the proposals of local search, with a restart at every local optimum.

    The search returns only once every genotype of the space has been proposed.

    Args:
        space: Where to search.
        rng: Draws the starts and the orders of the variables.
        start: The first start; drawn uniformly if ``None``, as is every later start.

    Raises:
        GenotypeError: if ``start`` is not in the space.
    """
    if start is not None:
        space.check(start)
    scores: dict[Genotype, float] = {}
    for number in count(1):
        begin = start if start is not None and number == 1 else space.sample(rng)
        scores |= yield from climb(space, rng, begin, why=f"start {number}")
        if len(scores) >= space.count:
            return


def climb(
    space: Space, rng: np.random.Generator, start: Genotype, *, why: str
) -> Generator[Proposal, Sequence[float], dict[Genotype, float]]:
    """Yield the proposals of one climb from ``start`` to a local optimum.

    A pass visits the variables in random order. For each variable, all other values are
    proposed, and the best (the first of equals) is taken if it is strictly better. A pass
    without improvement ends the climb.

    Returns:
        The score of every proposed genotype; that of the optimum is the highest.
    """
    best = start
    (best_score,) = yield Proposal(genotypes=(start,), incumbent=None, why=why)
    scores = {start: best_score}
    improved = True
    while improved:
        improved = False
        for index in rng.permutation(len(space.variables)):
            variable = space.variables[index]
            options = space.neighbours(best, variable)
            if not options:
                continue
            received = yield Proposal(genotypes=options, incumbent=best, why=str(variable))
            option_scores = dict(zip(options, received, strict=True))
            scores |= option_scores
            option = max(options, key=option_scores.__getitem__)
            if option_scores[option] > best_score:
                best, best_score = option, option_scores[option]
                improved = True
    return scores
