"""Search settings: the searcher, its start, and the split of a bilevel budget."""

from contextlib import suppress
from dataclasses import replace

import numpy as np
import pytest

from mbnas.errors import ConfigurationError
from mbnas.search.limit import Budget, limited
from mbnas.search.named_search import SEARCHES
from mbnas.search.settings import SearchSettings, make_searcher
from mbnas.space.four_spaces import SPACE_NAMES, SpaceSettings
from mbnas.space.genotype import unet_genotype
from mbnas.space.reference import reference_genotype

SPACES = {name: SpaceSettings(name=name, num_nodes=6, num_levels=3) for name in SPACE_NAMES}


def score(genotype):
    return int(genotype.digest, 16) / 2**64


def proposed(search, space):
    """The distinct genotypes that a search proposes within its budget, in order."""
    found, scores = {}, None
    searcher = limited(make_searcher(search, space, np.random.default_rng(0)), search.evaluations)
    while True:
        try:
            batch = searcher.send(scores)
        except StopIteration:
            return list(found)
        found |= dict.fromkeys(batch.genotypes)
        scores = [score(genotype) for genotype in batch.genotypes]


@pytest.mark.parametrize("searcher", SEARCHES)
@pytest.mark.parametrize("space", SPACES.values(), ids=SPACES.keys())
def test_proposals_are_in_the_announced_space(searcher, space):
    num_networks = 30 if searcher == "bayesian" else 100
    found = proposed(SearchSettings(searcher=searcher, evaluations=num_networks), space)
    assert 20 <= len(found) <= num_networks  # some are trained more than once
    assert all(genotype in space.searched for genotype in found)
    assert found[0] in space.first


def test_the_searchers_differ():
    searches = [SearchSettings(searcher=each, evaluations=25) for each in SEARCHES]
    found = {tuple(proposed(search, SPACES["mixed"])) for search in searches}
    assert len(found) == len(SEARCHES)


@pytest.mark.parametrize("space", [SPACES["mixed"], SPACES["bilevel"]], ids=["mixed", "bilevel"])
def test_the_size_of_a_proposal_is_a_setting(space):
    search = SearchSettings(searcher="random", proposal_size=3)
    searcher = make_searcher(search, space, np.random.default_rng(0))
    assert len(next(searcher).genotypes) == 3


# The split of a bilevel search


@pytest.mark.parametrize(
    ("evaluations", "topologies", "expected"),
    [(150, None, 75), (9, None, 4), (1, None, 1), (9, 7, 7)],
)
def test_half_of_the_evaluations_search_topologies_by_default(evaluations, topologies, expected):
    search = SearchSettings(evaluations=evaluations, topology_evaluations=topologies)
    assert search.num_topologies == expected
    assert search.split_resolved(SPACES["bilevel"]).topology_evaluations == expected
    assert search.split_resolved(SPACES["mixed"]) == search


def test_more_evaluations_do_not_change_a_resolved_split():
    few = SearchSettings(evaluations=10).split_resolved(SPACES["bilevel"])
    many = SearchSettings(evaluations=40, topology_evaluations=few.topology_evaluations)
    before, after = (proposed(each, SPACES["bilevel"]) for each in (few, many))
    assert after[:10] == before
    assert len({genotype.topology for genotype in after[5:]}) == 1


def test_all_evaluations_may_search_topologies():
    search = SearchSettings(evaluations=10, topology_evaluations=20)
    found = proposed(search, SPACES["bilevel"])
    assert len(found) == 10
    assert all(genotype in SPACES["macro"].searched for genotype in found)


# Where it starts


@pytest.mark.parametrize("searcher", SEARCHES)
@pytest.mark.parametrize("space", SPACES.values(), ids=SPACES.keys())
def test_it_starts_at_the_unet_or_at_a_genotype(searcher, space):
    for start in ("unet", str(unet_genotype(3))):
        search = SearchSettings(searcher=searcher, evaluations=5, start=start)
        assert search.start_in(space) == unet_genotype(3)
        assert proposed(search, space)[0] == unet_genotype(3)


def test_a_random_start_is_drawn():
    assert SearchSettings().start_in(SPACES["mixed"]) is None
    firsts = {
        next(make_searcher(SearchSettings(), SPACES["micro"], np.random.default_rng(seed)))
        for seed in range(5)
    }
    assert len(firsts) == 5


@pytest.mark.parametrize(
    ("name", "start", "message"),
    [
        (
            "mixed",
            "u-net",
            r"\(=u-net\) must be random, unet or a genotype\. Node 'u' cannot be read",
        ),
        (
            "mixed",
            "0vgg3-1vgg3",
            r"search\.start \(=0vgg3-1vgg3\) must be in the mixed space, .* has 2 nodes",
        ),
        ("macro", "0vgg3-0vgg3-0vgg3-0vgg3-0vgg3-0dense3", r"in the macro space.*Node 6 has block"),
        ("micro", "0vgg3-0vgg3-0vgg3-0vgg3-0vgg3-0vgg3", r"in the micro space.*Node 2 has level 0"),
        (
            "bilevel",
            "0vgg3-1vgg5-2vgg3-1vgg3-0vgg3-0vgg3",
            r"in the macro space, in which a search of space\.name \(=bilevel\) starts.*kernel 5",
        ),
    ],
)
def test_an_invalid_start_is_refused(name, start, message):
    with pytest.raises(ConfigurationError, match=message):
        SearchSettings(start=start).start_in(SPACES[name])


@pytest.mark.parametrize("num_nodes", [1, 3, 7])
def test_a_unet_of_another_size_starts_at_the_nearest_network(num_nodes):
    space = SpaceSettings(num_nodes=num_nodes, num_levels=3)
    assert SearchSettings(start="unet").start_in(space) == reference_genotype(space.searched)


def proposals(search, space=SPACES["mixed"], num=3):
    """The first proposals of a search whose scores are all 0."""
    searcher = make_searcher(search, space, np.random.default_rng(0))
    found = [next(searcher)]
    while len(found) < num:
        found.append(searcher.send([0.0] * len(found[-1].genotypes)))
    return found


@pytest.mark.parametrize("start", ["random", "unet"])
def test_the_reference_is_evaluated_first_and_changes_nothing_else(start):
    without = proposals(SearchSettings(start=start))
    found = proposals(SearchSettings(start=start, reference=True), num=4)
    assert found[0].genotypes == (reference_genotype(SPACES["mixed"].searched),)
    assert found[-3:] == without if start == "random" else found[:3] == without


def test_a_budget_is_split_between_search_and_confirmation():
    search = SearchSettings(evaluations=10, confirmation=0.25)
    assert search.num_confirming(3) == 7
    assert search.budget(3) == Budget(initialisations=23, per_network=3)
    assert SearchSettings(evaluations=10).budget(3).initialisations == 30
    assert SearchSettings(evaluations=1, confirmation=0.9).budget(1).initialisations == 1
    assert SearchSettings(evaluations=10, confirmation=0.1).num_confirming(1) == 4
    assert SearchSettings(evaluations=7, confirmation=0.1).num_confirming(1) == 0


@pytest.mark.parametrize("share", [-0.1, 1.0])
def test_a_share_of_the_budget_that_is_none_is_refused(share):
    with pytest.raises(ConfigurationError, match=r"search\.confirmation \(="):
        SearchSettings(confirmation=share)


@pytest.mark.parametrize("key", ["evaluations", "topology_evaluations"])
def test_a_budget_is_one_network_at_least(key):
    with pytest.raises(ConfigurationError, match=rf"search\.{key} \(=0\) must be 1 or more"):
        SearchSettings(**{key: 0})


# Limits on cost


def weight(genotype, name):
    """More for large kernels, less at a low resolution; parameters are a tenth."""
    total = sum(node.kernel**2 / 2**node.level for node in genotype.nodes)
    if name == "latency":
        return float(genotype.nodes[-1].kernel)
    return float(total if name == "macs" else total / 10)


def proposed_within(search, space):
    make = make_searcher(search, space, np.random.default_rng(0), cost_of=weight)
    scores, found = None, []
    searcher = limited(make, search.evaluations)
    while True:
        try:
            batch = searcher.send(scores)
        except StopIteration:
            return found
        found += batch.genotypes
        scores = [score(genotype) for genotype in batch.genotypes]


@pytest.mark.parametrize("searcher", ["local", "random", "evolution"])
@pytest.mark.parametrize("space", SPACES.values(), ids=SPACES.keys())
def test_every_searcher_keeps_to_the_limits(searcher, space):
    unet = reference_genotype(space.first)
    most = int(1.05 * weight(unet, "macs"))
    search = SearchSettings(searcher=searcher, evaluations=40, max_macs=most, max_parameters=most)
    found = proposed_within(search, space)
    assert len(set(found)) > (1 if space.name == "micro" else 10)
    assert all(weight(genotype, "macs") <= most for genotype in found)
    assert all(genotype in space.searched for genotype in found)


def test_the_reference_is_evaluated_whatever_it_costs():
    space = SPACES["mixed"]
    unet = reference_genotype(space.first)
    most = int(0.7 * weight(unet, "macs"))
    search = SearchSettings(start="unet", reference=True, evaluations=20, max_macs=most)
    reference, start, *others = proposed_within(search, space)
    assert reference == unet
    assert start != unet
    assert all(weight(genotype, "macs") <= most for genotype in (start, *others))


def test_a_slow_reference_is_evaluated_and_nothing_else_is_slow():
    search = SearchSettings(start="unet", reference=True, evaluations=20, max_latency_ms=2.5)
    space = SpaceSettings(num_nodes=6, num_levels=3, kernels=(1, 3))
    reference, *others = proposed_within(search, space)
    assert reference == reference_genotype(space.first)
    assert len(others) > 10
    assert all(genotype.nodes[-1].kernel == 1 for genotype in others)


def test_a_start_beyond_a_limit_is_refused():
    start = str(unet_genotype(3))
    search = SearchSettings(start=start, max_macs=20)
    with pytest.raises(ConfigurationError, match=r"is beyond a limit: .* search.max_macs \(=20\)"):
        make_searcher(search, SPACES["mixed"], np.random.default_rng(0), cost_of=weight)


@pytest.mark.parametrize("start", ["random", "unet"])
def test_limits_that_nothing_meets_are_refused_before_anything_is_proposed(start):
    search = SearchSettings(start=start, max_macs=1)
    with pytest.raises(ConfigurationError, match=r"No network of the space was found within"):
        make_searcher(search, SPACES["mixed"], np.random.default_rng(0), cost_of=weight)


@pytest.mark.parametrize("limit", ["max_parameters", "max_macs", "max_latency_ms"])
def test_a_limit_is_above_0(limit):
    with pytest.raises(ConfigurationError, match=rf"search.{limit} \(=0(.0)?\) must be"):
        SearchSettings(**{limit: 0.0 if limit == "max_latency_ms" else 0})


# A front


def test_a_search_for_a_front_proposes_cheap_networks_too():
    space = SPACES["mixed"]
    search = SearchSettings(
        searcher="random", proposal_size=1, evaluations=40, objective=("dice", "macs")
    )
    found = proposed_within(search, space)
    unet = weight(reference_genotype(space.first), "macs")
    cheap = [each for each in found if weight(each, "macs") <= 0.5 * unet]
    assert 10 < len(cheap) < 35


@pytest.mark.parametrize("objective", [(), ("macs",), ("dice", "macs", "macs"), ("dice", "speed")])
def test_an_objective_is_dice_and_costs(objective):
    with pytest.raises(ConfigurationError, match="must be dice, alone or with some of"):
        SearchSettings(objective=objective)


def test_a_bilevel_search_has_no_front():
    search = SearchSettings(objective=("dice", "macs"))
    with pytest.raises(ConfigurationError, match="cannot be searched in the bilevel space"):
        make_searcher(search, SPACES["bilevel"], np.random.default_rng(0), cost_of=weight)


# The confirmation's part of the budget


@pytest.mark.parametrize("share", [0.01, 0.25, 0.5, 0.9])
@pytest.mark.parametrize("per_network", [1, 3])
def test_with_fewer_evaluations_nothing_is_confirmed(share, per_network):
    search = SearchSettings(confirmation=share, confirm_also=("unet",))
    fewest = search.fewest_confirming(per_network)
    kept = [
        replace(search, evaluations=number).num_confirming(per_network)
        for number in range(1, fewest + 1)
    ]
    assert not any(kept[:-1])
    assert kept[-1] > 0


@pytest.mark.parametrize("searcher", ["local", "random", "bayesian"])
@pytest.mark.parametrize("start", ["random", "unet"])
@pytest.mark.parametrize("per_network", [1, 2, 3, 4, 5])
def test_a_search_that_is_confirmed_has_another_network_than_the_reference(
    searcher, start, per_network
):
    search = SearchSettings(searcher=searcher, start=start, confirmation=0.25)
    for number in range(1, search.fewest_confirming(per_network) + 1):
        asked = replace(search, evaluations=number)
        searcher_of = make_searcher(
            asked, SPACES["mixed"], np.random.default_rng(0), per_network=per_network
        )
        limited = asked.budget(per_network).limit(searcher_of)
        found, scores = set(), None
        with suppress(StopIteration):
            while True:
                proposal = limited.send(scores)
                found |= set(proposal.genotypes)
                scores = [0.5] * len(proposal.genotypes)
        assert not asked.num_confirming(per_network) or len(found) > 1
