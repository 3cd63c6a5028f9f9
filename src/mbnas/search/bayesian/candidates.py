"""Networks that may be proposed: mutants of the leaders beside draws from the whole space."""

from __future__ import annotations

from collections.abc import Container, Sequence

import numpy as np

from mbnas.search.evolution import mutant
from mbnas.space.genotype import Genotype
from mbnas.space.search_space import Space

NUM_DRAWS = 150
NUM_MUTANTS = 100
MAX_MUTATIONS = 3
"""Genes that change in a mutant, at most."""


def new_candidates(
    space: Space, rng: np.random.Generator, leaders: Sequence[Genotype], known: Container[Genotype]
) -> list[Genotype]:
    """Return distinct networks that were never proposed, one at least.

    They are all neighbours of the leaders in one gene, mutants of them in up to
    :data:`MAX_MUTATIONS` genes, and uniform draws.

    Args:
        space: Where to search; some of it was never proposed.
        rng: Draws mutations and networks.
        leaders: Networks whose surroundings are candidates; there may be none.
        known: Networks that were proposed.
    """
    near = neighbourhood(space, leaders)
    found = dict.fromkeys(near)
    for _ in range(NUM_MUTANTS if near else 0):
        child = near[rng.integers(len(near))]
        for _ in range(rng.integers(1, MAX_MUTATIONS)):
            child = mutant(space, rng, child)
        found[child] = None
    found |= dict.fromkeys(space.sample(rng) for _ in range(NUM_DRAWS))
    new = [genotype for genotype in found if genotype not in known]
    return new or [new_draw(space, rng, known)]


def neighbourhood(space: Space, leaders: Sequence[Genotype]) -> list[Genotype]:
    """Return all networks that differ from a leader in one gene, and their repairs."""
    return [
        option
        for leader in leaders
        for variable in space.variables
        for option in space.neighbours(leader, variable)
    ]


def new_draw(space: Space, rng: np.random.Generator, known: Container[Genotype]) -> Genotype:
    """Return a uniform draw that was never proposed; there has to be one."""
    while (genotype := space.sample(rng)) in known:
        pass
    return genotype
