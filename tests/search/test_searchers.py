"""The contract of every searcher, in each of the four spaces.

A new searcher is added to ``SEARCHERS``.
"""

import itertools
import math
from functools import partial

import numpy as np
import pytest

from mbnas.errors import GenotypeError
from mbnas.search.bilevel import bilevel_search
from mbnas.search.evolution import evolution_search
from mbnas.search.local import local_search
from mbnas.search.random_search import random_search
from mbnas.search.searcher import Proposal
from mbnas.space.four_spaces import macro_space, micro_space
from mbnas.space.genotype import unet_genotype
from mbnas.space.search_space import Space

BILEVEL = partial(bilevel_search, num_topologies=40)
MIXED = Space(num_nodes=8, num_levels=4)
TINY = Space(num_nodes=3, num_levels=2, blocks=("vgg",), kernels=(3, 5))
TINY_UNET = Space(num_nodes=4, num_levels=2, blocks=("vgg",), kernels=(3, 5))
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
    "bilevel": (BILEVEL, MIXED, TINY),
    "bilevel, random": (partial(BILEVEL, search=random_search), MIXED, TINY),
    "bilevel, evolution": (partial(BILEVEL, search=evolution_search), MIXED, TINY),
}
"""Each with the space that it is tried in, and with one small enough to be used up."""


def score(genotype):
    """A score without structure, and -inf for one network in eight."""
    value = int(genotype.digest, 16)
    return -math.inf if value % 8 == 0 else value / 2**64


def drive(searcher, num_batches, score=score):
    """The first proposals of a searcher that receives ``score`` of each genotype."""
    batches = []
    scores = None
    while len(batches) < num_batches:
        try:
            batches.append(searcher.send(scores))
        except StopIteration:
            break
        scores = [score(genotype) for genotype in batches[-1].genotypes]
    return batches


@pytest.fixture(params=SEARCHERS.values(), ids=SEARCHERS.keys())
def searched(request):
    return request.param


@pytest.fixture
def make(searched):
    search, space, _ = searched
    return lambda seed=0, start=None: search(space, np.random.default_rng(seed), start)


def test_the_same_seed_and_scores_give_the_same_proposals(make):
    assert drive(make(), 100) == drive(make(), 100)


def test_another_seed_gives_other_proposals(make):
    assert drive(make(seed=0), 10) != drive(make(seed=1), 10)


@pytest.mark.parametrize("cut", [1, 2, 17, 60])
def test_resuming_is_replaying(make, cut):
    ledger = {}
    for batch in drive(make(), cut):
        ledger |= {genotype: score(genotype) for genotype in batch.genotypes}
    trained_anew = []

    def remembered(genotype):
        if genotype not in ledger:
            trained_anew.append(genotype)
            ledger[genotype] = score(genotype)
        return ledger[genotype]

    whole = drive(make(), 80)
    assert drive(make(), 80, remembered) == whole
    before = {genotype for batch in whole[:cut] for genotype in batch.genotypes}
    assert before.isdisjoint(trained_anew)


def test_proposals_are_in_the_space_without_duplicates(make, searched):
    _, space, _ = searched
    for batch in drive(make(), 200):
        assert all(genotype in space for genotype in batch.genotypes)
        assert len(set(batch.genotypes)) == len(batch.genotypes) > 0
        assert batch.incumbent not in batch.genotypes
        assert batch.why


def test_the_incumbent_is_the_best_it_has_seen_since_it_started(make):
    seen = {}
    for batch in drive(make(), 200):
        if batch.incumbent is None:
            seen = {}
        else:
            assert score(batch.incumbent) == max(seen.values())
        seen |= {genotype: score(genotype) for genotype in batch.genotypes}


def test_networks_that_cannot_be_scored_do_not_end_it(make):
    assert len(drive(make(), 100, lambda _: -math.inf)) == 100


def test_it_ends_when_the_space_has_nothing_new(searched):
    search, _, space = searched
    batches = drive(search(space, np.random.default_rng(0)), 100_000)
    assert len(batches) < 100_000
    proposed = set(itertools.chain.from_iterable(batch.genotypes for batch in batches))
    if isinstance(search, partial):  # of bilevel: all topologies, and the kernels on one of them
        assert space.num_topologies < search.keywords["num_topologies"]
        assert len(proposed) == space.num_topologies + space.num_fillings - 1
    else:
        assert len(proposed) == space.count


def test_it_starts_at_the_given_start(make):
    start = unet_genotype(4)
    first = next(make(start=start))
    assert (first.genotypes, first.incumbent) == ((start,), None)


def test_a_start_outside_the_space_is_refused(make):
    with pytest.raises(GenotypeError, match=r"has 10 nodes, but this space's genotypes have 8"):
        next(make(start=unet_genotype(5)))


def test_it_refuses_scores_that_do_not_match_the_proposal(make):
    searcher = make()
    batch = next(searcher)
    with pytest.raises(ValueError, match=r"unpack|zip"):
        searcher.send([0.0] * (len(batch.genotypes) + 1))


def test_a_proposal_is_never_empty():
    with pytest.raises(ValueError, match="at least one"):
        Proposal(genotypes=(), incumbent=None, why="nothing")


def test_random_search_proposes_nothing_twice():
    batches = drive(random_search(TINY, np.random.default_rng(0), proposal_size=5), 10_000)
    proposed = [genotype for batch in batches for genotype in batch.genotypes]
    assert len(set(proposed)) == len(proposed)
    assert {len(batch.genotypes) for batch in batches[:-1]} == {5}
