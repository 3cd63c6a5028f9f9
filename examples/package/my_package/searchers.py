"""A searcher: a generator that yields proposals and is sent their scores."""

import math

import numpy as np

from mbnas.extending import Genotype, Proposal, Searcher, Space

COOLING = 0.97


def annealing_search(
    space: Space, rng: np.random.Generator, start: Genotype | None = None
) -> Searcher:
    """Walk to random neighbours, at first also to worse ones, later hardly ever.

    All randomness is from `rng`, so that the search can be resumed.

    Source: Kirkpatrick et al. 1983, "Optimization by simulated annealing".
    """
    if start is not None:
        space.check(start)
    current = start or space.sample(rng)
    (score,) = yield Proposal(genotypes=(current,), incumbent=None, why="start")
    temperature = 0.05  # a difference of Dice
    while True:
        near = [each for gene in space.variables for each in space.neighbours(current, gene)]
        if not near:
            return
        candidate = near[rng.integers(len(near))]
        (found,) = yield Proposal(genotypes=(candidate,), incumbent=current, why="annealing")
        if found >= score or rng.random() < math.exp((found - score) / temperature):
            current, score = candidate, found
        temperature *= COOLING
