import itertools

import numpy as np
import pytest

from mbnas.results.explanation.choices import Choice, GeneValue, count_choices
from mbnas.results.explanation.space_effects import space_effects
from mbnas.results.explanation.space_model import networks_of
from mbnas.space.four_spaces import macro_space, micro_space
from mbnas.space.search_space import Space

# 36 networks in which every gene is free of every other.
FREE = Space(num_nodes=2, num_levels=1, blocks=("vgg", "dense"), kernels=(3, 5, 7))
NETWORKS = networks_of(FREE)
SCORES = np.random.default_rng(0).standard_normal(len(NETWORKS))


def mean_where(condition):
    return np.mean([s for s, each in zip(SCORES, NETWORKS, strict=True) if condition(each)])


def main_effect(node, gene, value):
    """By hand: the mean over networks with the value, minus the mean over all."""
    return mean_where(lambda each: getattr(each.nodes[node], gene) == value) - SCORES.mean()


def effect(name):
    found = space_effects(FREE)
    rows = dict(zip((*found.choices, *found.pairs), found.effects_EM, strict=True))
    return rows[name] @ SCORES


def test_the_whole_of_a_small_space_stands_for_it():
    assert len(set(NETWORKS)) == FREE.count == 36


@pytest.mark.parametrize(("node", "gene", "value"), [(0, "block", "dense"), (1, "kernel", 5)])
def test_an_effect_of_a_gene_is_the_main_effect_of_the_analysis_of_variance(node, gene, value):
    found = space_effects(FREE)
    effects = found.genes_HR @ (found.split.genes_RM @ SCORES)
    known = dict(zip(found.genes, effects, strict=True))
    assert known[GeneValue(node + 1, gene, value)] == pytest.approx(main_effect(node, gene, value))


@pytest.mark.parametrize("choice", [Choice("block", "dense"), Choice("kernel", 7)])
def test_an_effect_of_a_choice_is_the_mean_of_the_main_effects_over_nodes(choice):
    by_hand = np.mean([main_effect(node, choice.kind, choice.value) for node in range(2)])
    assert effect(choice) == pytest.approx(by_hand)


def test_an_effect_of_a_pair_is_the_mean_of_the_interactions_in_a_node():
    def interaction(node):
        def has(each):
            return each.nodes[node].block == "dense" and each.nodes[node].kernel == 5

        alone = main_effect(node, "block", "dense") + main_effect(node, "kernel", 5)
        return mean_where(has) - SCORES.mean() - alone

    pair = Choice("block", "dense"), Choice("kernel", 5)
    assert effect(pair) == pytest.approx(np.mean([interaction(0), interaction(1)]))


def test_shares_of_variance_are_those_of_the_analysis_of_variance():
    split = space_effects(FREE).split
    shares = split.shares((split.functions @ SCORES)[None])
    for gene, values in (("block", FREE.blocks), ("kernel", FREE.kernels)):
        by_hand = sum(
            main_effect(node, gene, value) ** 2 / len(values)
            for node, value in itertools.product(range(2), values)
        )
        assert shares[gene][0] == pytest.approx(by_hand / SCORES.var())
    assert sum(each[0] for each in shares.values()) == pytest.approx(1)


def test_pairs_explain_all_of_a_function_of_pairs():
    def value(genotype):
        return sum((node.block == "dense") * (node.kernel == 5) for node in genotype.nodes)

    split = space_effects(FREE).split
    scores = np.array([value(each) for each in NETWORKS], dtype=float)
    shares = split.shares((split.functions @ scores)[None])
    assert shares["rest"][0] == pytest.approx(0, abs=1e-9)
    assert shares["pairs"][0] > 0.2


def test_chance_explains_nothing_of_a_large_space():
    effects = space_effects(micro_space(Space()))
    noise_SM = np.random.default_rng(1).standard_normal((20, len(effects.networks)))
    shares = effects.split.shares(noise_SM @ effects.split.functions.T)
    assert np.mean(shares["rest"]) == pytest.approx(1, abs=0.02)


def test_an_additive_function_has_its_effects_and_no_rest():
    effects = space_effects(Space())
    counts = count_choices(effects.networks)
    weights = {Choice("block", "dense"): 3.0, Choice("skip", "other"): 2.0, Choice("depth", 4): 1}
    weights_K = np.array([weights.get(each, 0.0) for each in counts.names])
    scores = counts.counts_NK @ weights_K
    found = dict(zip(effects.choices, effects.effects_EM @ scores, strict=False))
    dense, skip = found[Choice("block", "dense")], found[Choice("skip", "other")]
    assert dense - found[Choice("block", "vgg")] == pytest.approx(3)
    assert skip == pytest.approx(2)
    assert found[Choice("depth", 4)] - found[Choice("depth", 3)] == pytest.approx(1)
    assert found[Choice("kernel", 3)] == pytest.approx(0, abs=1e-9)


def test_only_what_varies_is_explained():
    found = space_effects(macro_space(Space()))
    assert {each.kind for each in found.choices} == {"skip", "depth"}
    assert found.split.names == ("level", "skip")


def test_a_space_of_one_network_has_no_effects():
    found = space_effects(Space(num_nodes=1, num_levels=1, blocks=("vgg",), kernels=(3,)))
    assert found.choices == found.pairs == found.genes == ()
