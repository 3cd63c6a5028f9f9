"""What every searcher keeps to; a new one is one line in ``SEARCHERS``."""

import itertools
import math

import numpy as np
import pytest

from mbnas.genotype.space import Space
from mbnas.search.local import local_search
from mbnas.search.random_search import random_search
from mbnas.search.searcher import Batch

SEARCHERS = {"local": local_search, "random": random_search}
SPACE = Space(num_nodes=6, num_levels=3)
TINY = Space(num_nodes=3, num_levels=2, blocks=("vgg",), kernels=(3, 5))


def score(genotype):
    """A score without structure, and -inf for one network in eight."""
    value = int(genotype.digest, 16)
    return -math.inf if value % 8 == 0 else value / 2**64


def drive(searcher, num_batches, score=score):
    """The first batches of a searcher that receives ``score`` of each genotype."""
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
def make(request):
    return lambda space=SPACE, seed=0: request.param(space, np.random.default_rng(seed))


def test_the_same_seed_and_scores_give_the_same_batches(make):
    assert drive(make(), 100) == drive(make(), 100)


def test_another_seed_gives_other_batches(make):
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


def test_what_is_proposed_lies_in_the_space_and_is_told_apart(make):
    for batch in drive(make(), 200):
        assert all(genotype in SPACE for genotype in batch.genotypes)
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


def test_it_ends_when_the_space_holds_nothing_new(make):
    batches = drive(make(TINY), 10_000)
    assert len(batches) < 10_000
    proposed = set(itertools.chain.from_iterable(batch.genotypes for batch in batches))
    assert len(proposed) == TINY.count


def test_it_refuses_scores_that_do_not_match_the_batch(make):
    searcher = make()
    batch = next(searcher)
    with pytest.raises(ValueError, match=r"unpack|zip"):
        searcher.send([0.0] * (len(batch.genotypes) + 1))


def test_a_batch_is_never_empty():
    with pytest.raises(ValueError, match="at least one"):
        Batch(genotypes=(), incumbent=None, why="nothing")


def test_random_search_proposes_nothing_twice():
    batches = drive(random_search(TINY, np.random.default_rng(0), batch_size=5), 10_000)
    proposed = [genotype for batch in batches for genotype in batch.genotypes]
    assert len(set(proposed)) == len(proposed)
    assert {len(batch.genotypes) for batch in batches[:-1]} == {5}
