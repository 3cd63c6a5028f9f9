"""A searcher of your own: a generator that yields proposals and is sent their scores.

    python examples/06_own_searcher.py

`pyproject.toml` in this folder offers it to mbnas under the entry point `mbnas.searchers`: after
`pip install --no-deps ./examples`, `mbnas search … --searcher annealing` searches by it.
"""

import math

import numpy as np

import mbnas
from mbnas.search.searcher import Proposal, Searcher
from mbnas.space.genotype import Genotype
from mbnas.space.search_space import Space
from mbnas.testing import searcher_contract

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


def toy_score(network: mbnas.Network) -> float:
    """Return a score that dense blocks at a low resolution raise, in place of a training."""
    return sum(0.02 * node.level * (node.block == "dense") for node in network.genotype.nodes)


if __name__ == "__main__":
    for check in searcher_contract.CHECKS:
        check(annealing_search, Space(num_nodes=4, num_levels=3), 20)
    print(f"The searcher keeps the contract, in {len(searcher_contract.CHECKS)} checks.")

    search = mbnas.Search(searcher=annealing_search, networks=100, num_nodes=4, num_levels=3)
    while asked := search.ask():
        for each in asked:
            search.tell(each.network, toy_score(each.network))
    print(f"Best: {search.best}")
