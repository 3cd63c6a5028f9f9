from collections import Counter
from functools import partial

import numpy as np
import pytest

from mbnas.errors import GenotypeError
from mbnas.search.bayesian.bayesian_search import bayesian_search
from mbnas.search.costs.front_search import SHARES, Rung, along_front
from mbnas.search.evolution import evolution_search
from mbnas.search.local import local_search
from mbnas.search.random_search import random_search
from mbnas.search.searcher import begin_search
from mbnas.search.testing.searcher_contract import (
    check_it_is_deterministic,
    check_it_resumes,
    propose,
)
from mbnas.space.genotype import unet_genotype
from mbnas.space.search_space import Space

SPACE = Space(num_nodes=8, num_levels=4)
UNET = unet_genotype(4)


def macs(genotype):
    return sum(
        (2.0 if node.skip else 1.0) * node.kernel**2 / 2**node.level for node in genotype.nodes
    )


def cost_of(genotype, name):
    return float(genotype.nodes[0].kernel) if name == "latency" else macs(genotype)


DEAREST = max((SPACE.sample(np.random.default_rng(n)) for n in range(50)), key=macs)
SLOWEST = next(each for each in map(SPACE.genotype_at, range(99)) if each.nodes[0].kernel == 7)
SEARCHES = {
    "local": local_search,
    "random": partial(random_search, proposal_size=3),
    "evolution": evolution_search,
    "bayesian": bayesian_search,
}


def front(search, costs=("macs",)):
    return along_front(search, costs, cost_of=cost_of, reference=DEAREST)


@pytest.mark.parametrize("name", SEARCHES)
def test_every_limit_has_its_turn_and_is_kept(name):
    rng = np.random.default_rng(0)
    proposals = propose(front(SEARCHES[name])(SPACE, rng), 16)
    assert {*Counter(each.why.split(": ")[0] for each in proposals).values()} == {4}
    for share in SHARES:
        within = [
            each for each in proposals if each.why.startswith(str(Rung(cost="macs", share=share)))
        ]
        assert within
        limit = share * macs(DEAREST)
        assert all(macs(genotype) <= limit for each in within for genotype in each.genotypes)


@pytest.mark.parametrize("check", [check_it_is_deterministic, check_it_resumes])
@pytest.mark.parametrize("name", SEARCHES)
def test_it_keeps_the_contract(name, check):
    check(front(SEARCHES[name]), SPACE, 14)


def test_a_limit_that_ends_leaves_the_others_their_turns():
    """And its proposals are given back to the others, which a model-based one relies on."""
    small = Space(num_nodes=3, num_levels=2, blocks=("vgg",), kernels=(3, 5))
    dearest = max(map(small.genotype_at, range(small.count)), key=macs)
    search = along_front(bayesian_search, ("macs",), cost_of=cost_of, reference=dearest)
    whole = propose(search(small, np.random.default_rng(0)), 200)
    for cut in (3, len(whole) - 1):
        resumed = begin_search(search, small, np.random.default_rng(0), recorded=whole[:cut])
        assert propose(resumed, 200) == whole
    proposed = {genotype for each in whole for genotype in each.genotypes}
    assert len(proposed) == small.count


def test_a_model_learns_from_the_searchers_within_other_limits():
    """None draws first networks once all together have enough, and none repeats another's."""
    proposals = propose(front(bayesian_search)(SPACE, np.random.default_rng(0), UNET), 30)
    whys = Counter(each.why.split(": ")[1] for each in proposals)
    assert whys["start"] == 1 + len(SHARES)
    assert 0 < whys["first networks"] <= 3
    new = [
        genotype
        for each in proposals
        if each.why.split(": ")[1] in ("first networks", "new network")
        for genotype in each.genotypes
    ]
    assert len(new) == len(set(new))


def test_a_model_of_all_scores_prefers_what_is_good_within_a_limit():
    """Kernels of 7 are good and dear: a searcher within a limit learns it from the others."""

    def good(genotype, _):
        return sum(node.kernel == 7 for node in genotype.nodes) / 10

    proposals = propose(front(bayesian_search)(SPACE, np.random.default_rng(0)), 60, good)
    limited = [each for each in proposals if each.why.startswith("macs at most 0.5")]
    early, late = (
        np.mean([good(genotype, 1) for each in part for genotype in each.genotypes])
        for part in (limited[:3], limited[-3:])
    )
    assert late > early + 0.1


def test_a_latency_is_limited_too():
    search = along_front(local_search, ("latency",), cost_of=cost_of, reference=SLOWEST)
    proposals = propose(search(SPACE, np.random.default_rng(1)), 12)
    timed = [each for each in proposals if each.why.startswith("latency at most 0.5")]
    assert timed
    assert all(
        2 * genotype.nodes[0].kernel <= SLOWEST.nodes[0].kernel
        for each in timed
        for genotype in each.genotypes
    )


def test_it_starts_at_the_start_and_near_it_within_the_limits():
    first, *others = propose(front(local_search)(SPACE, np.random.default_rng(0), UNET), 4)
    assert first.genotypes == (UNET,)
    for proposal, share in zip(others, SHARES, strict=False):
        assert macs(proposal.genotypes[0]) <= share * macs(DEAREST)


def test_a_start_outside_the_space_is_refused():
    with pytest.raises(GenotypeError, match="has 10 nodes"):
        front(local_search)(SPACE, np.random.default_rng(0), unet_genotype(5))
