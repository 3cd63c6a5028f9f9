"""Whether searchers within several limits on cost should learn from each other's scores.

In simulated worlds (`noise_world.py`), Bayesian search looks for a front of Dice and
multiply-accumulates: within each limit once with a model of each searcher's own scores, and once
with one of all scores. Printed is, within each limit, the true Dice of the network with the highest
estimate by a model of all scores, the same in both arms, minus that of the U-Net, times 1000; and
the difference of the arms over worlds.

    .venv/bin/python benchmarks/fronts.py --worlds 20
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

import numpy as np
from noise_world import SPACE, UNET, Landscape, World

from mbnas.network.cost.genotype_cost import GenotypeCost
from mbnas.network.interface import Interface
from mbnas.search.bayesian.bayesian_search import bayesian_search
from mbnas.search.bayesian.choice import posterior
from mbnas.search.costs.front_search import along_front
from mbnas.search.searcher import Answer, Proposal, Search, Searcher
from mbnas.space.cost_limits import CostName
from mbnas.space.genotype import Genotype
from mbnas.space.search_space import Space

FOLDS = 3
BUDGETS = (30, 60, 100)
"""Initialisations, each of all folds, without what is kept for a confirmation."""

LIMITS = (1.0, 0.5, 0.25)
_COUNT = GenotypeCost(interface=Interface(in_channels=1, num_classes=3, size=48), base_channels=8)


def main() -> None:
    """Print a line for each budget and limit."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--worlds", type=int, default=20)
    number = parser.parse_args().worlds
    gains = np.array([[gains_of(seed, search) for search in (alone, together)]
                      for seed in range(number)])  # fmt: skip
    print("| budget | limit | alone | together | together − alone ± standard error |")
    print("| --- | --- | --- | --- | --- |")
    for row, budget in enumerate(BUDGETS):
        for column, limit in enumerate(LIMITS):
            one, both = 1000 * gains[:, 0, row, column], 1000 * gains[:, 1, row, column]
            difference = both - one
            error = difference.std(ddof=1) / np.sqrt(number)
            print(f"| {budget} | {limit:g} | {one.mean():.1f} | {both.mean():.1f} "
                  f"| {difference.mean():+.1f} ± {error:.1f} |")  # fmt: skip


def alone(
    space: Space,
    rng: np.random.Generator,
    start: Genotype | None = None,
    *,
    recorded: Sequence[Proposal] = (),
) -> Searcher:
    """Return Bayesian search that does not declare that it can learn from others."""
    return bayesian_search(space, rng, start, recorded=recorded)


together = bayesian_search


def gains_of(seed: int, search: Search) -> list[list[float]]:
    """Return the gain over the U-Net of every budget and limit, in one world."""
    landscape = Landscape(world=World(), seed=seed)
    searcher = along_front(search, ("macs",), cost_of=cost_of, reference=UNET)(
        SPACE, np.random.default_rng(seed), UNET
    )
    answers: list[Answer] = []
    spent = 0
    gains: list[list[float]] = []
    proposal = next(searcher)
    while len(gains) < len(BUDGETS):
        wanted = proposal.initialisations or 1
        scores = tuple(
            float(landscape.measured(each, wanted, FOLDS).mean()) for each in proposal.genotypes
        )
        answers.append((proposal, scores))
        spent += len(proposal.genotypes)
        if spent >= BUDGETS[len(gains)]:
            gains.append([gain_within(limit, answers, landscape) for limit in LIMITS])
        proposal = searcher.send(scores)
    return gains


def gain_within(limit: float, answers: Sequence[Answer], landscape: Landscape) -> float:
    """Return the true gain of the network with the highest estimate within a limit."""
    observations, surrogate = posterior(SPACE, tuple(answers))
    most = limit * cost_of(UNET, "macs") if limit < 1 else np.inf
    within = np.array([cost_of(each, "macs") <= most for each in observations.genotypes])
    means = np.where(within, surrogate.means_of(observations), -np.inf)
    best = observations.genotypes[int(means.argmax())]
    return landscape.true(best) - landscape.true(UNET)


def cost_of(genotype: Genotype, name: CostName) -> float:
    """Return one cost of a genotype that can be counted."""
    return _COUNT(genotype).named(name)


if __name__ == "__main__":
    main()
