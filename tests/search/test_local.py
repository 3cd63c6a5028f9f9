"""Local search: what it accepts, where it stops, where it restarts."""

import itertools
import math

import numpy as np
import pytest

from mbnas.search.local import local_search
from mbnas.space.genotype import distance, unet_genotype
from mbnas.space.search_space import Space

SPACE = Space()


def climbs(searcher, score, num_climbs):
    """The proposals of the first climbs, one list each, with their scores."""
    found = []
    batch = next(searcher)
    while True:
        if batch.incumbent is None:
            if len(found) == num_climbs:
                return found
            found.append([])
        scores = [score(genotype) for genotype in batch.genotypes]
        found[-1].append((batch, scores))
        batch = searcher.send(scores)


def separable(genotype):
    """A sum over genes, highest at all levels 0, all dense 7, all skips from node 1.

    Levels weigh more than all skips together, since changing one may break those.
    """
    return sum(
        -1000 * node.level + (node.block == "dense") + node.kernel - (node.skip or 20)
        for node in genotype.nodes
    )


@pytest.mark.parametrize("seed", range(5))
def test_it_reaches_the_optimum_of_a_separable_score(seed):
    (climb,) = climbs(local_search(SPACE, np.random.default_rng(seed)), separable, 1)
    optimum = climb[-1][0].incumbent
    cells = "-".join(["0dense7"] * 2 + ["0dense7@1"] * 8)
    assert str(optimum) == cells


def test_it_starts_at_the_given_start_and_restarts_at_a_local_optimum():
    start = unet_genotype()
    rng = np.random.default_rng(0)
    first, second = climbs(local_search(SPACE, rng, start), separable, 2)
    assert [climb[0][0].why for climb in (first, second)] == ["start 1", "start 2"]
    assert first[0][0].genotypes == (start,)
    assert second[0][0].genotypes != (start,)


def test_it_restarts_only_after_a_whole_pass_without_improvement():
    space = Space(num_nodes=4, num_levels=2)
    (climb,) = climbs(local_search(space, np.random.default_rng(3)), separable, 1)
    optimum = climb[-1][0].incumbent
    since = [batch.why for batch, _ in climb if batch.incumbent == optimum]
    can_change = [str(v) for v in space.variables if space.neighbours(optimum, v)]
    assert sorted(since[-len(can_change) :]) == sorted(can_change)
    assert all(
        separable(neighbour) <= separable(optimum)
        for variable in space.variables
        for neighbour in space.neighbours(optimum, variable)
    )


def test_equals_are_not_taken():
    start = unet_genotype()
    searcher = local_search(SPACE, np.random.default_rng(0), start)
    (climb,) = climbs(searcher, lambda _: 0.5, 1)
    assert all(batch.incumbent in (None, start) for batch, _ in climb)
    assert len([batch for batch, _ in climb if batch.incumbent]) <= len(SPACE.variables)


def test_the_best_option_is_taken_if_strictly_better():
    (climb,) = climbs(local_search(SPACE, np.random.default_rng(1)), separable, 1)
    for (batch, scores), (after, _) in itertools.pairwise(climb):
        if batch.incumbent is None:
            assert (after.incumbent,) == batch.genotypes
        elif max(scores) > separable(batch.incumbent):
            assert after.incumbent == batch.genotypes[scores.index(max(scores))]
        else:
            assert after.incumbent == batch.incumbent


def test_a_start_that_cannot_be_scored_is_left_behind():
    start = unet_genotype()

    def score(genotype):
        return -math.inf if genotype == start else -float(distance(genotype, start))

    (climb,) = climbs(local_search(SPACE, np.random.default_rng(0), start), score, 1)
    assert climb[2][0].incumbent != start


def test_variables_are_visited_in_another_order_each_pass():
    searcher = local_search(SPACE, np.random.default_rng(0), unet_genotype())
    first, second = climbs(searcher, lambda _: 0.0, 2)
    assert [b.why for b, _ in first[1:11]] != [b.why for b, _ in second[1:11]]
