"""Bilevel search: topologies within their share, then kernels on the best of them."""

import itertools

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

from mbnas.errors import ConfigurationError, GenotypeError
from mbnas.search.bilevel import bilevel_search
from mbnas.search.local import local_search
from mbnas.search.random_search import random_search
from mbnas.search.searcher import Proposal
from mbnas.space.four_spaces import kernel_space, macro_space
from mbnas.space.genotype import Genotype, unet_genotype
from mbnas.space.search_space import Space

SPACE = Space(num_nodes=4, num_levels=2)
SMALL = Space(num_nodes=3, num_levels=2)
seeds = st.integers(0, 2**32)
shares = st.integers(1, 2 * macro_space(SMALL).count)


def score(genotype):
    return int(genotype.digest, 16) / 2**64


def proposed(searcher):
    """The distinct genotypes of a searcher's proposals, in order."""
    found, scores = {}, None
    while True:
        try:
            batch = searcher.send(scores)
        except StopIteration:
            return list(found)
        found |= dict.fromkeys(batch.genotypes)
        scores = [score(genotype) for genotype in batch.genotypes]


def is_vgg_3(genotype):
    return all((node.block, node.kernel) == ("vgg", 3) for node in genotype.nodes)


@pytest.mark.parametrize("search", [local_search, random_search])
@settings(max_examples=20)
@given(seed=seeds, share=shares)
def test_only_kernels_change_after_the_topologies(search, seed, share):
    rng = np.random.default_rng(seed)
    found = proposed(bilevel_search(SMALL, rng, num_topologies=share, search=search))
    share = min(share, macro_space(SMALL).count)
    first, second = found[:share], found[share:]
    best = max(first, key=score)
    assert all(is_vgg_3(genotype) for genotype in first)
    assert second
    for genotype in second:
        assert genotype.topology == best.topology
        assert {node.block for node in genotype.nodes} == {"vgg"}


@settings(max_examples=20)
@given(seed=seeds, share=shares)
def test_the_first_phase_is_a_search_of_the_macro_space(seed, share):
    whole = proposed(local_search(macro_space(SMALL), np.random.default_rng(seed)))
    found = proposed(bilevel_search(SMALL, np.random.default_rng(seed), num_topologies=share))
    assert found[:share][: len(whole)] == whole[:share]


def test_the_second_phase_starts_at_the_best_and_restarts_on_its_topology():
    searcher = bilevel_search(SPACE, np.random.default_rng(0), num_topologies=10)
    batches, scores, seen = [], None, {}
    while True:
        try:
            batch = searcher.send(scores)
        except StopIteration:
            break
        batches.append((batch, len(seen)))
        scores = [score(genotype) for genotype in batch.genotypes]
        seen |= dict(zip(batch.genotypes, scores, strict=True))
    best = max(itertools.islice(seen, 10), key=score)
    starts = [
        batch.genotypes[0] for batch, known in batches if batch.incumbent is None and known >= 10
    ]
    assert starts[0] == best
    assert len(starts) > 1
    assert {start.topology for start in starts} == {best.topology}
    assert len(seen) == 10 + 3**4 - 1


def test_one_kernel_leaves_nothing_to_the_second_phase():
    space = Space(num_nodes=4, num_levels=2, kernels=(3,))
    found = proposed(bilevel_search(space, np.random.default_rng(0), num_topologies=5))
    assert len(found) == 5


def test_each_phase_is_given_what_it_proposed():
    given = []

    def model_based(space, rng, start=None, *, recorded=()):
        given.append(list(recorded))
        for proposal in recorded:  # noqa: UP028
            yield proposal
        while True:
            yield Proposal(genotypes=(space.sample(rng),), incumbent=None, why="drawn")

    topologies = [macro_space(SPACE).genotype_at(number) for number in range(6)]
    first = [
        Proposal(genotypes=tuple(genotypes), incumbent=incumbent, why="model")
        for genotypes, incumbent in (
            (topologies[:2], None),
            (topologies[2:3], None),
            (topologies[:2], topologies[2]),
            (topologies[3:5], topologies[0]),
        )
    ]
    best = max(topologies[:5], key=score)
    second = [
        Proposal(genotypes=(best,), incumbent=None, why="model"),
        Proposal(
            genotypes=(kernel_space(SPACE, best).genotype_at(7),), incumbent=best, why="model"
        ),
    ]
    searcher = bilevel_search(
        SPACE,
        np.random.default_rng(0),
        num_topologies=5,
        search=model_based,
        recorded=[*first, *second],
    )
    scores = None
    for proposal in (*first, *second):
        assert searcher.send(scores) == proposal
        scores = [score(genotype) for genotype in proposal.genotypes]
    assert given == [first, second]


def test_it_starts_with_vgg_3():
    start = unet_genotype(2)
    rng = np.random.default_rng(0)
    assert next(bilevel_search(SPACE, rng, start, num_topologies=5)).genotypes == (start,)
    other = Genotype.parse("0vgg3-1vgg5-0vgg3-0vgg3")
    with pytest.raises(GenotypeError, match=r"Node 2 has kernel 5, .* not allow: choose from 3"):
        next(bilevel_search(SPACE, rng, other, num_topologies=5))


def test_a_space_without_vgg_3_is_refused():
    space = Space(num_nodes=4, num_levels=2, kernels=(5, 7))
    with pytest.raises(ConfigurationError, match="must contain 3"):
        next(bilevel_search(space, np.random.default_rng(0), num_topologies=5))
