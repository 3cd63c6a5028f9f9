"""A limited searcher makes the first proposals of the unlimited one."""

import itertools

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

from mbnas.search.limit import limited
from mbnas.search.local import local_search
from mbnas.search.random_search import random_search
from mbnas.search.searcher import Proposal
from mbnas.space.search_space import Space

SPACE = Space(num_nodes=3, num_levels=2, blocks=("vgg",), kernels=(3,))


def score(genotype):
    return int(genotype.digest, 16) / 2**64


def run(searcher):
    """Return all proposals of a searcher that receives ``score``, and its return value."""
    batches, scores = [], None
    while True:
        try:
            batches.append(searcher.send(scores))
        except StopIteration as ended:
            return batches, ended.value
        scores = [score(genotype) for genotype in batches[-1].genotypes]


def in_order(batches):
    return list(dict.fromkeys(itertools.chain.from_iterable(each.genotypes for each in batches)))


def batches_of(*groups):
    """A searcher that proposes the genotypes of these numbers."""
    for group in groups:
        genotypes = tuple(SPACE.genotype_at(index) for index in group)
        yield Proposal(genotypes=genotypes, incumbent=None, why="told")


@pytest.mark.parametrize("search", [local_search, random_search])
@settings(max_examples=20)
@given(num_networks=st.integers(1, 2 * SPACE.count), seed=st.integers(0, 2**32))
def test_it_proposes_the_first_networks_of_the_whole_search(search, num_networks, seed):
    whole, _ = run(search(SPACE, np.random.default_rng(seed)))
    cut, scores = run(limited(search(SPACE, np.random.default_rng(seed)), num_networks))
    assert in_order(cut) == in_order(whole)[:num_networks]
    assert cut[:-1] == whole[: len(cut) - 1]
    assert list(scores.items()) == [(genotype, score(genotype)) for genotype in in_order(cut)]


@pytest.mark.parametrize(
    ("groups", "num_networks", "proposed"),
    [
        ([(0, 1, 2)], 2, [(0, 1)]),
        ([(0, 1), (2, 3)], 2, [(0, 1)]),
        ([(0, 1), (1, 2, 0, 3, 4)], 3, [(0, 1), (1, 2, 0)]),
        ([(0, 1), (1, 0), (2,)], 3, [(0, 1), (1, 0), (2,)]),
        ([(0, 0, 1, 1, 2)], 2, [(0, 0, 1, 1)]),
        ([(0,), (1,)], 9, [(0,), (1,)]),
        ([], 1, []),
    ],
)
def test_proposals_by_example(groups, num_networks, proposed):
    cut, scores = run(limited(batches_of(*groups), num_networks))
    assert cut == list(batches_of(*proposed))
    assert list(scores) == in_order(cut)


@pytest.mark.parametrize("num_networks", [1, 3, 99])
def test_its_searcher_is_closed(num_networks):
    searcher = batches_of((0, 1), (2, 3))
    run(limited(searcher, num_networks))
    assert searcher.gi_frame is None


def test_closing_it_closes_its_searcher():
    searcher = batches_of((0, 1), (2, 3))
    cut = limited(searcher, 9)
    next(cut)
    cut.close()
    assert searcher.gi_frame is None


def test_it_refuses_scores_that_do_not_match_the_proposal():
    cut = limited(batches_of((0, 1)), 9)
    next(cut)
    with pytest.raises(ValueError, match="zip"):
        cut.send([0.0])
