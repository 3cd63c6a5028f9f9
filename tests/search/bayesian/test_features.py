"""Features: of fixed length, comparable between groups, and different for different networks."""

from dataclasses import replace

import numpy as np
import pytest

from mbnas.search.bayesian.features import GROUPS, FeatureMap
from mbnas.search.bayesian.kernel import squared_distances
from mbnas.space.cell_choices import BlockExpansion
from mbnas.space.four_spaces import macro_space, micro_space
from mbnas.space.search_space import Space

SPACE = Space()


def test_two_random_networks_are_at_a_distance_of_1_in_each_group():
    features = FeatureMap(SPACE)
    rng = np.random.default_rng(5)
    drawn_NF = features.of([SPACE.sample(rng) for _ in range(300)])
    for group in range(len(features.names)):
        own_NF = drawn_NF[:, features.groups == group]
        assert squared_distances(own_NF, own_NF).mean() == pytest.approx(1, rel=0.15)


def test_what_does_not_vary_in_a_space_has_no_group():
    assert FeatureMap(SPACE).names == tuple(name for name in GROUPS if name != "expansion")
    wider = replace(SPACE, expansions=(BlockExpansion(block=SPACE.blocks[0], expansion=2),))
    assert FeatureMap(wider).names == GROUPS
    assert FeatureMap(macro_space(SPACE)).names == ("level", "step", "skip", "count")
    assert FeatureMap(micro_space(SPACE)).names == ("block", "kernel", "pair", "count")


def test_different_networks_have_different_features():
    space = Space(num_nodes=3, num_levels=2)
    every = [space.genotype_at(number) for number in range(0, space.count, 17)]
    features_NF = FeatureMap(space).of(every)
    assert len(np.unique(features_NF.round(9), axis=0)) == len(every)


def test_a_network_has_the_same_features_in_any_company():
    features = FeatureMap(SPACE)
    genotypes = [SPACE.genotype_at(10**12 * number) for number in range(5)]
    together = features.of(genotypes)
    alone = FeatureMap(SPACE).of(genotypes[3:4])
    assert (together[3] == alone[0]).all()


def test_a_space_of_one_network_has_no_features():
    space = Space(num_nodes=2, num_levels=1, blocks=("vgg",), kernels=(3,))
    assert FeatureMap(space).of([space.genotype_at(0)]).shape == (1, 0)
