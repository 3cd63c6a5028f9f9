"""Random search: the baseline of every other searcher.

Source: Bergstra and Bengio 2012, "Random search for hyper-parameter optimization".
"""

from __future__ import annotations

import numpy as np

from mbnas.search.searcher import Proposal, Searcher
from mbnas.space.genotype import Genotype
from mbnas.space.search_space import Space


def random_search(
    space: Space,
    rng: np.random.Generator,
    start: Genotype | None = None,
    *,
    proposal_size: int = 8,
) -> Searcher:
    """Yield genotypes drawn uniformly without replacement, until the space has no more.

    Args:
        space: Where to search.
        rng: Draws the genotypes.
        start: The first proposal, if given.
        proposal_size: Genotypes of a proposal; the last may have fewer.

    Raises:
        GenotypeError: if ``start`` is not in the space.
    """
    scores: dict[Genotype, float] = {}
    if start is not None:
        space.check(start)
        (score,) = yield Proposal(genotypes=(start,), incumbent=None, why="start")
        scores[start] = score
    incumbent = start
    while (remaining := space.count - len(scores)) > 0:
        drawn: dict[Genotype, None] = {}  # a set that keeps the order
        while len(drawn) < min(proposal_size, remaining):
            genotype = space.sample(rng)
            if genotype not in scores:
                drawn[genotype] = None
        received = yield Proposal(genotypes=tuple(drawn), incumbent=incumbent, why="random draw")
        scores |= zip(drawn, received, strict=True)
        known = drawn if incumbent is None else (incumbent, *drawn)
        incumbent = max(known, key=scores.__getitem__)  # the first of equals
