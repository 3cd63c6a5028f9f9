from dataclasses import replace

import numpy as np
import pytest

from mbnas.results.explanation.choices import Choice
from mbnas.results.explanation.explain_scores import explain_scores
from mbnas.results.explanation.verdict import advice, told_pairs, untried_text, verdict
from mbnas.search.bayesian.observations import observe
from mbnas.search.searcher import Proposal
from mbnas.space.reference import reference_genotype
from mbnas.space.search_space import Space

SPACE = Space(num_nodes=6, num_levels=3)
UNET = reference_genotype(SPACE)


def num_dense(genotype):
    return sum(node.block == "dense" for node in genotype.nodes)


def explained(num, score, *, space=SPACE, chosen=None, **how):
    rng = np.random.default_rng(0)
    networks = [UNET] if space is SPACE else []
    while len(networks) < num:
        networks = list(dict.fromkeys([*networks, space.sample(rng)]))
    proposal = Proposal(genotypes=tuple(networks), incumbent=None, why="", initialisations=1)
    observations = observe([(proposal, tuple(score(each, rng) for each in networks))])
    best = max(networks, key=num_dense) if chosen is None else chosen
    return explain_scores(
        space, observations, reference=reference_genotype(space), chosen=best, **how
    )


def dense_is_good(genotype, rng):
    return 0.8 + 0.02 * num_dense(genotype) + 0.005 * rng.standard_normal()


def noise(genotype, rng):
    return 0.8 + 0.01 * rng.standard_normal()


@pytest.fixture(scope="module")
def clear():
    return explained(60, dense_is_good)


@pytest.fixture(scope="module")
def unclear():
    return explained(12, noise, chosen=UNET, searcher="local")


def test_a_strong_effect_is_told_with_its_size(clear):
    found = {each.choice: each.effect for each in clear.choices}
    dense = found[Choice("block", "dense")]
    assert dense.finding == "pays"
    assert dense.low < 0.02 * 0.75 < dense.high  # one of four blocks is dense on average
    assert found[Choice("kernel", 5)].finding == "open"
    shares = {each.name: each.mean for each in clear.shares}
    assert max(shares, key=shares.get) == "block"
    assert sum(shares.values()) == pytest.approx(1, abs=0.05)


def test_the_path_leads_from_the_unet_to_the_chosen_network(clear):
    path = clear.path
    assert (path.reference, path.is_chosen) == (UNET, True)
    assert path.steps[-1].network == path.target
    assert path.total.finding == "pays"
    assert sum(each.gain.mean for each in path.steps) == pytest.approx(path.total.mean, abs=1e-6)
    assert path.steps[-1].is_scored
    gained = num_dense(path.target) * 0.02
    assert path.total.low < gained < path.total.high


def test_the_verdict_says_what_is_shown_first(clear):
    first, *others = verdict(clear)
    assert first.startswith("Shown to pay: block dense in a node (+0.01")
    assert any("cannot be told from 0 with the scores of 60 networks" in each for each in others)
    assert any(each.startswith("Blocks matter most") for each in others)
    assert others[-1].startswith("From the U-Net to the chosen network: +0.0")


def test_noise_tells_nothing_and_the_advice_says_what_would_help(unclear):
    assert verdict(unclear)[0] == (
        "No effect of a block, kernel, skip or depth can be told from 0 with the scores of 12 "
        "networks."
    )
    assert "--searcher random" in advice(unclear)
    assert "--searcher random" not in advice(replace(unclear, searcher="random"))
    assert "must exceed about 0.0" in advice(unclear)
    told, rest = told_pairs(unclear)
    assert told == []
    assert rest.startswith(f"None of {len(unclear.pairs)} pairs of choices can be told")


def test_if_the_unet_is_chosen_the_path_leads_to_the_highest_estimate(unclear):
    assert unclear.path is None or not unclear.path.is_chosen
    found = explained(60, dense_is_good, chosen=UNET)
    assert not found.path.is_chosen
    assert found.path.target != UNET
    assert verdict(found)[-1].startswith(
        "The U-Net is the chosen network. From the U-Net to the network of the highest estimate: +0"
    )


def test_few_networks_explain_nothing():
    for num, words in ((1, "only 1 network has a score"), (4, "only 4 networks have scores")):
        found = explained(num, noise)
        assert (found.choices, found.path) == ((), None)
        (sentence,) = verdict(found)
        assert words in sentence
        assert advice(found) == "Give the search a larger budget, or let it go on."


def test_networks_without_a_score_do_not_count():
    found = explained(6, lambda genotype, rng: -np.inf if genotype == UNET else 0.8)
    assert found.num_networks == 5
    assert explained(5, lambda genotype, rng: -np.inf if genotype == UNET else 0.8).choices == ()


def test_equal_scores_are_no_effect():
    found = explained(20, lambda genotype, rng: 0.8)
    assert {each.effect.finding for each in found.choices} == {"open"}


def test_a_choice_that_no_network_makes_is_named():
    space = Space(num_nodes=5, num_levels=3, blocks=("vgg", "dense", "residual"))
    fewer = Space(num_nodes=5, num_levels=3, blocks=("vgg", "dense"))
    networks = tuple(fewer.sample(np.random.default_rng(number)) for number in range(30))
    networks = tuple(dict.fromkeys(networks))
    proposal = Proposal(genotypes=networks, incumbent=None, why="", initialisations=1)
    scores = tuple(np.random.default_rng(0).standard_normal(len(networks)))
    found = explain_scores(
        space, observe([(proposal, scores)]), reference=networks[0], chosen=networks[1]
    )
    assert found.untried == (Choice("block", "residual"),)
    assert untried_text(found) == "No network with a score has: block residual in a node."


def test_a_space_without_choices():
    space = Space(num_nodes=5, num_levels=1, blocks=("vgg",), kernels=(3,))
    found = explained(6, noise, space=space)
    assert {each.choice.kind for each in found.choices} <= {"skip"}


def test_the_same_scores_give_the_same_explanation(unclear):
    assert explained(12, noise, chosen=UNET, searcher="local") == unclear
