"""The contract of every searcher, in each of the four spaces.

A new searcher is added to ``SEARCHERS``.
"""

import math
from functools import partial

import numpy as np
import pytest

from mbnas.errors import GenotypeError
from mbnas.search.bayesian.bayesian_search import bayesian_search
from mbnas.search.bayesian.choice import leader
from mbnas.search.bilevel import bilevel_search
from mbnas.search.evolution import evolution_search
from mbnas.search.local import local_search
from mbnas.search.random_search import random_search
from mbnas.search.searcher import Proposal
from mbnas.search.testing.searcher_contract import CHECKS, check_it_ends, propose, score
from mbnas.space.cost_limits import CostLimits
from mbnas.space.four_spaces import macro_space, micro_space
from mbnas.space.genotype import unet_genotype
from mbnas.space.limited_space import LimitedSpace
from mbnas.space.search_space import Space

BILEVEL = partial(bilevel_search, num_topologies=40)
MIXED = Space(num_nodes=8, num_levels=4)
TINY = Space(num_nodes=3, num_levels=2, blocks=("vgg",), kernels=(3, 5))
TINY_UNET = Space(num_nodes=4, num_levels=2, blocks=("vgg",), kernels=(3, 5))


def cost(genotype, name):
    """More for large kernels and skips, less at a low resolution."""
    sizes = (each.kernel**2 * (2 if each.skip else 1) / 2**each.level for each in genotype.nodes)
    return float(sum(sizes))


def within(space, max_macs):
    return LimitedSpace.within(space, CostLimits(max_macs=max_macs), cost)


SEARCHERS = {
    "local, mixed": (local_search, MIXED, TINY),
    "local, macro": (local_search, macro_space(MIXED), macro_space(TINY)),
    "local, micro": (local_search, micro_space(MIXED), micro_space(TINY_UNET)),
    "random, mixed": (random_search, MIXED, TINY),
    "random, macro": (random_search, macro_space(MIXED), macro_space(TINY)),
    "random, micro": (random_search, micro_space(MIXED), micro_space(TINY_UNET)),
    "evolution, mixed": (evolution_search, MIXED, TINY),
    "evolution, macro": (evolution_search, macro_space(MIXED), macro_space(TINY)),
    "evolution, micro": (evolution_search, micro_space(MIXED), micro_space(TINY_UNET)),
    "local, limited": (local_search, within(MIXED, 110), within(TINY, 50)),
    "random, limited": (random_search, within(MIXED, 110), within(TINY, 50)),
    "evolution, limited": (evolution_search, within(MIXED, 110), within(TINY, 50)),
    "bilevel": (BILEVEL, MIXED, TINY),
    "bilevel, random": (partial(BILEVEL, search=random_search), MIXED, TINY),
    "bilevel, evolution": (partial(BILEVEL, search=evolution_search), MIXED, TINY),
}
"""Each with the space that it is tried in, and with one small enough to be used up."""

MODEL_BASED = {
    "bayesian, mixed": (bayesian_search, MIXED, TINY),
    "bayesian, macro": (bayesian_search, macro_space(MIXED), macro_space(TINY)),
    "bayesian, micro": (bayesian_search, micro_space(MIXED), micro_space(TINY_UNET)),
    "bayesian, limited": (bayesian_search, within(MIXED, 110), within(TINY, 50)),
    "bilevel, bayesian": (
        partial(bilevel_search, num_topologies=20, search=bayesian_search, best_of=leader),
        MIXED,
        TINY,
    ),
}
EVERY = SEARCHERS | MODEL_BASED


@pytest.fixture(params=SEARCHERS.values(), ids=SEARCHERS.keys())
def searched(request):
    return request.param


@pytest.fixture
def make(searched):
    search, space, _ = searched
    return lambda seed=0, start=None: search(space, np.random.default_rng(seed), start)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("name", EVERY)
def test_it_keeps_the_contract(name, check):
    search, space, _ = EVERY[name]
    check(search, space, 9 if name in MODEL_BASED else 100)


@pytest.mark.parametrize("name", EVERY)
def test_it_ends_when_the_space_has_nothing_new(name):
    search, _, space = EVERY[name]
    if isinstance(search, partial):  # of bilevel: all topologies, and the kernels on one of them
        num_networks = space.num_topologies + space.num_fillings - 1
        assert space.num_topologies < search.keywords["num_topologies"]
        check_it_ends(search, space, num_networks=num_networks)
    else:
        check_it_ends(search, space)


@pytest.mark.parametrize("cut", [1, 2, 17, 60])
def test_resuming_is_replaying(make, cut):
    ledger = {}
    for proposal in propose(make(), cut):
        ledger |= {each: score(each, None) for each in proposal.genotypes}
    trained_again = []

    def remembered(genotype, initialisations):
        if genotype not in ledger:
            trained_again.append(genotype)
            ledger[genotype] = score(genotype, initialisations)
        return ledger[genotype]

    whole = propose(make(), 80)
    assert propose(make(), 80, remembered) == whole
    before = {genotype for proposal in whole[:cut] for genotype in proposal.genotypes}
    assert before.isdisjoint(trained_again)


def test_the_incumbent_is_the_best_it_has_seen_since_it_started(make):
    seen = {}
    for proposal in propose(make(), 200):
        if proposal.incumbent is None:
            seen = {}
        else:
            assert score(proposal.incumbent, None) == max(seen.values())
        seen |= {genotype: score(genotype, None) for genotype in proposal.genotypes}


def test_it_starts_at_the_given_start(make):
    start = unet_genotype(4)
    first = next(make(start=start))
    assert (first.genotypes, first.incumbent) == ((start,), None)


def test_a_start_outside_the_space_is_refused(make):
    with pytest.raises(GenotypeError, match=r"has 10 nodes, but this space's genotypes have 8"):
        next(make(start=unet_genotype(5)))


def test_a_proposal_is_never_empty():
    with pytest.raises(ValueError, match="at least one"):
        Proposal(genotypes=(), incumbent=None, why="nothing")


def test_random_search_proposes_nothing_twice():
    proposals = propose(random_search(TINY, np.random.default_rng(0), proposal_size=5), 10_000)
    proposed = [genotype for proposal in proposals for genotype in proposal.genotypes]
    assert len(set(proposed)) == len(proposed)
    assert {len(proposal.genotypes) for proposal in proposals[:-1]} == {5}


def test_bayesian_search_asks_for_nothing_that_it_knows():
    proposals = propose(bayesian_search(TINY, np.random.default_rng(0)), 10_000)
    asked = [
        (each, proposal.initialisations) for proposal in proposals for each in proposal.genotypes
    ]
    assert len(set(asked)) == len(asked)
    assert all(math.isfinite(score(each, 1)) for each, number in asked if number > 1)
