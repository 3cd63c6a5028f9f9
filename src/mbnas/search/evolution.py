"""Regularised evolution: mutate the best of a sample, and let the oldest networks go.

Source: Real et al. 2019, "Regularized evolution for image classifier architecture search",
algorithm 1. The paper's population is 100 and its sample 25, for 20 000 networks; here both
are smaller, in the same proportion, because budgets are some hundred networks.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Set

import numpy as np

from mbnas.search.searcher import Proposal, Searcher
from mbnas.space.genotype import Genotype
from mbnas.space.search_space import Space

MAX_MUTATIONS = 100
"""After so many mutations in a row without a new network, a network is drawn instead."""


def evolution_search(
    space: Space,
    rng: np.random.Generator,
    start: Genotype | None = None,
    *,
    proposal_size: int = 4,
    population_size: int = 20,
    sample_size: int = 5,
) -> Searcher:
    """Yield mutants of the best of random samples of a population, until the space has no more.

    The first population is drawn uniformly. A proposal has several mutants of the same population;
    once all of them are scored, they replace its oldest networks. A network is proposed once: a
    mutant that was proposed before is mutated again.

    Args:
        space: Where to search.
        rng: Draws the population, the samples and the mutations.
        start: The first network of the population; drawn if ``None``.
        proposal_size: Genotypes of a proposal, 1 or more; the last may have fewer.
        population_size: How many of the youngest networks may have mutants, 1 or more.
        sample_size: How many of them are drawn for each mutant, of which the best is the parent.

    Raises:
        GenotypeError: if ``start`` is not in the space.
    """
    scores: dict[Genotype, float] = {}
    if start is not None:
        space.check(start)
        (score,) = yield Proposal(genotypes=(start,), incumbent=None, why="start")
        scores[start] = score
    population = deque(scores, maxlen=population_size)
    incumbent = start
    while (remaining := space.count - len(scores)) > 0:
        drawn: dict[Genotype, None] = {}  # a set that keeps the order
        is_first = len(scores) < population_size
        size = min(proposal_size, remaining, *([population_size - len(scores)] * is_first))
        while len(drawn) < size:
            known = scores.keys() | drawn.keys()
            if is_first:
                genotype = _new_draw(space, rng, known)
            else:
                sample = rng.integers(len(population), size=sample_size)  # with replacement
                parent = max((population[number] for number in sample), key=scores.__getitem__)
                genotype = _new_mutant(space, rng, parent, known)
            drawn[genotype] = None
        why = "first population" if is_first else "mutation"
        received = yield Proposal(genotypes=tuple(drawn), incumbent=incumbent, why=why)
        scores |= zip(drawn, received, strict=True)
        population.extend(drawn)
        rivals = drawn if incumbent is None else (incumbent, *drawn)
        incumbent = max(rivals, key=scores.__getitem__)  # the first of equals


def mutant(space: Space, rng: np.random.Generator, parent: Genotype) -> Genotype:
    """Return a random neighbour: a variable with other values is drawn, then one of them.

    A genotype without neighbours, in a space that has only one, is returned itself.
    """
    variables = space.variables
    for index in rng.permutation(len(variables)):
        if options := space.neighbours(parent, variables[index]):
            return options[rng.integers(len(options))]
    return parent


def _new_mutant(
    space: Space, rng: np.random.Generator, parent: Genotype, known: Set[Genotype]
) -> Genotype:
    child = parent
    for _ in range(MAX_MUTATIONS):
        child = mutant(space, rng, child)
        if child not in known:
            return child
    return _new_draw(space, rng, known)


def _new_draw(space: Space, rng: np.random.Generator, known: Set[Genotype]) -> Genotype:
    while (genotype := space.sample(rng)) in known:
        pass
    return genotype
