"""A search from Python for those who train elsewhere."""

import inspect
import json
import math

import numpy as np
import pytest
import torch

import mbnas
from mbnas.search.local import local_search
from mbnas.search.settings import SearchSettings, make_searcher
from mbnas.seeds import generator
from mbnas.space.four_spaces import SpaceSettings

SMALL = {"num_nodes": 4, "num_levels": 3}


def score(network, number=0):
    return np.random.default_rng([int(network.genotype.digest, 16), number]).normal()


def tell_all(search, most=1000):
    while asked := search.ask():
        for each in asked:
            if most <= 0:
                return search
            search.tell(each.network, [score(each.network, k) for k in range(each.missing)])
            most -= 1
    return search


def test_it_searches_as_a_study_of_the_same_seed():
    search = mbnas.Search("mixed", searcher="local", start="random", seed=3, networks=9, **SMALL)
    found = list(tell_all(search).scores)
    settings = SearchSettings(searcher="local")
    searcher = make_searcher(settings, SpaceSettings(**SMALL), generator(3, "search"))
    proposed, proposal = [], next(searcher)
    while len(proposed) < 9:
        proposed += [each for each in proposal.genotypes if each not in proposed]
        proposal = searcher.send([score(mbnas.Network(str(each))) for each in proposal.genotypes])
    assert [each.genotype for each in found] == proposed[:9]


@pytest.mark.parametrize("searcher", ["local", "random", "evolution", "bayesian"])
@pytest.mark.parametrize("most", [0, 1, 5, 12])
def test_a_saved_search_goes_on_at_the_same_place(searcher, most):
    search = mbnas.Search(searcher=searcher, networks=12, initialisations=2, **SMALL)
    tell_all(search, most)
    again = mbnas.Search.from_json(search.to_json())
    assert (again.ask(), again.scores, again.best) == (search.ask(), search.scores, search.best)
    assert tell_all(again).to_json() == tell_all(search).to_json()


def test_the_budget_is_in_networks_with_all_their_scores():
    search = mbnas.Search(searcher="random", networks=7, initialisations=3, **SMALL)
    assert all(each.total == each.missing == 3 for each in search.ask())
    scores = tell_all(search).scores
    assert [len(each) for each in scores.values()] == [3] * 7
    assert search.ask() == ()


def test_scores_are_told_by_network_or_text_and_failures_by_none():
    search = mbnas.Search(searcher="random", start="random", networks=3, proposal_size=3, **SMALL)
    first, second, third = (each.network for each in search.ask())
    search.tell(first, None)
    search.tell(str(second), 0.5)
    assert search.best == second
    search.tell(third.genotype, [0.4, 0.5])
    assert search.scores == {first: (-math.inf,), second: (0.5,), third: (0.4, 0.5)}
    assert mbnas.Search.from_json(search.to_json()).scores == search.scores


@pytest.mark.parametrize(
    "wrong",
    [
        "0.8",
        b"0.8",
        [0.8, "0.9"],
        [0.8, math.nan],
        {0: 0.8},
        [0.8, [0.9]],
        np.zeros((2, 2)),
        torch.zeros(2, 2),
        10**400,
        mbnas,
    ],
)
def test_scores_are_taken_all_or_none(wrong):
    search = mbnas.Search(searcher="random", start="random", **SMALL)
    network = search.ask()[0].network
    with pytest.raises(mbnas.MbnasError, match=r"^The score .* cannot be used: tell a finite"):
        inspect.unwrap(mbnas.Search.tell)(search, network, wrong)  # types are not checked
    assert search.scores == {}


@pytest.mark.parametrize(
    "told", [0.5, np.float32(0.5), np.array(0.5), torch.tensor(0.5), torch.tensor([0.5]), (0.5,)]
)
def test_a_score_is_any_number(told):
    search = mbnas.Search(searcher="random", start="random", **SMALL)
    network = search.ask()[0].network
    search.tell(network, told)
    assert search.scores == {network: (0.5,)}


def test_a_function_can_be_the_searcher():
    search = mbnas.Search(searcher=local_search, networks=5, **SMALL)
    named = mbnas.Search(searcher="local", networks=5, **SMALL)
    assert list(tell_all(search).scores) == list(tell_all(named).scores)
    text = search.to_json()
    assert mbnas.Search.from_json(text, searcher=local_search).scores == search.scores
    with pytest.raises(mbnas.MbnasError, match="was made by a function: give it as searcher"):
        mbnas.Search.from_json(text)
    with pytest.raises(mbnas.MbnasError, match="was made by local: leave searcher out"):
        mbnas.Search.from_json(named.to_json(), searcher=local_search)


def test_networks_are_within_limits_on_cost():
    costs = {"size": 32, "base_channels": 4}
    search = mbnas.Search(searcher="random", networks=20, max_macs=1_500_000, **costs, **SMALL)
    for network in tell_all(search).scores:
        assert network.cost(**costs).multiply_accumulates <= 1_500_000


def milliseconds(network):
    """Stands for a measurement: longer for larger kernels."""
    return sum(node.kernel for node in network.genotype.nodes) / 10


def test_low_cost_can_be_an_objective():
    costs = {"size": 32, "base_channels": 4}
    given = {"networks": 24, "objective": "dice,macs", **costs, **SMALL}
    search = tell_all(mbnas.Search(searcher="random", **given))
    whys = {each["why"].partition(":")[0] for each in json.loads(search.to_json())["proposals"]}
    assert {"any cost", "macs at most 0.5 of the reference's"} <= whys
    front, scores = search.front, search.scores

    def macs(network):
        return network.cost(**costs).multiply_accumulates

    assert front
    assert [macs(each) for each in front] == sorted(map(macs, front))
    for network, (mean,) in scores.items():
        beaten = any(
            macs(other) <= macs(network)
            and score >= mean
            and (macs(other), -score) != (macs(network), -mean)
            for other, (score,) in scores.items()
        )
        assert (network in front) != beaten


def test_a_search_without_costs_has_a_front_and_one_without_scores_none():
    search = mbnas.Search(searcher="random", networks=5, **SMALL)
    assert search.front == ()
    assert search.best is None
    search.tell(search.ask()[0].network, None)
    assert search.front == ()
    assert tell_all(search).best in search.front


def test_a_latency_is_measured_once_also_by_a_resumed_search():
    measured = []

    def latency_ms(network):
        measured.append(network)
        return milliseconds(network)

    given = {"networks": 12, "max_latency_ms": 1.8, "latency_ms": latency_ms, **SMALL}
    search = tell_all(mbnas.Search(searcher="random", start="random", **given), 4)
    again = mbnas.Search.from_json(search.to_json(), latency_ms=latency_ms)
    assert len(measured) == len(set(measured))
    tell_all(again)
    assert len(measured) == len(set(measured))
    assert again.ask() == ()
    assert len(again.scores) == 12
    assert all(milliseconds(network) <= 1.8 for network in again.scores)


def test_latency_can_be_an_objective():
    given = {"networks": 20, "objective": ("dice", "latency"), "latency_ms": milliseconds, **SMALL}
    front = tell_all(mbnas.Search(searcher="random", **given)).front
    assert [milliseconds(each) for each in front] == sorted(map(milliseconds, front))


def test_latency_needs_a_function_that_measures_it():
    for wanted in ({"max_latency_ms": 5.0}, {"objective": "dice,latency"}):
        with pytest.raises(mbnas.MbnasError, match="give latency_ms, a function"):
            mbnas.Search(**wanted, **SMALL)
    text = mbnas.Search(max_latency_ms=5.0, latency_ms=milliseconds, **SMALL).to_json()
    with pytest.raises(mbnas.MbnasError, match="give latency_ms, a function"):
        mbnas.Search.from_json(text)


def test_a_function_that_would_not_be_called_is_refused():
    with pytest.raises(mbnas.MbnasError, match="latency_ms has no effect without"):
        mbnas.Search(latency_ms=milliseconds, **SMALL)
    with pytest.raises(mbnas.MbnasError, match="latency_ms has no effect without"):
        mbnas.Search.from_json(mbnas.Search(**SMALL).to_json(), latency_ms=milliseconds)


@pytest.mark.parametrize("wrong", [0.0, -1.0, math.nan, math.inf, None, "fast"])
def test_what_is_no_duration_is_refused(wrong):
    with pytest.raises(mbnas.MbnasError, match=f"latency_ms returned {wrong!r} for"):
        mbnas.Search(max_latency_ms=5.0, latency_ms=lambda network: wrong, **SMALL)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"space": "nano"}, "nano"),
        ({"base_channels": 6}, "must be divisible by 4"),
        ({"searcher": "annealing"}, "must be one of local, random"),
        ({"initialisations": 0}, "initialisations"),
        ({"networks": 0}, "evaluations"),
        ({"start": "0vgg3"}, "must be in the mixed space"),
        ({"max_macs": 1}, "within"),
        ({"blocks": ()}, "blocks"),
        ({"objective": "macs"}, "must be dice, alone or with some of"),
        ({"max_latency_ms": 0.0, "latency_ms": milliseconds}, "max_latency_ms"),
    ],
)
def test_what_is_wrong_is_a_sentence(wrong, told):
    with pytest.raises(mbnas.MbnasError, match=told):
        mbnas.Search(**SMALL | wrong)


def genotypes_alone(space, rng, start=None):
    """What a searcher must not yield: a network in place of a proposal."""
    yield space.sample(rng)


@pytest.mark.parametrize(
    "wrong",
    [lambda space, rng, start: [], lambda space: iter(()), int, genotypes_alone],
    ids=["no generator", "other arguments", "no signature", "no proposals"],
)
@pytest.mark.parametrize("more", [{}, {"objective": "dice,macs"}, {"space": "bilevel"}])
def test_what_is_no_searcher_is_a_sentence(wrong, more):
    with pytest.raises(mbnas.MbnasError, match=r"^The searcher .* must be a generator function"):
        mbnas.Search(searcher=wrong, **more, **SMALL)


def changed(**changes):
    search = mbnas.Search(searcher="random", networks=3, **SMALL)
    search.tell(search.ask()[0].network, 0.5)
    return json.dumps(json.loads(search.to_json()) | changes)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        "[" * 100_000,
        changed(format=2),
        changed(arguments={}),
        changed(arguments=json.loads(changed())["arguments"] | {"seed": 0.5}),
        changed(told=[["0vgg3"]]),
        changed(told=[["0vgg3", "high"]]),
        changed(proposals=[{"genotypes": []}]),
        changed(proposals=3),
        changed(latencies_ms=3),
        changed(latencies_ms={"0vgg3": "fast"}),
    ],
)
def test_other_text_is_no_search(text):
    with pytest.raises(mbnas.MbnasError, match=r"This is not a search that Search\.to_json wrote"):
        mbnas.Search.from_json(text)


def test_a_search_that_proposes_something_else_is_refused():
    text = changed(proposals=[])
    with pytest.raises(mbnas.MbnasError, match="does not propose what it did before"):
        mbnas.Search.from_json(text)
