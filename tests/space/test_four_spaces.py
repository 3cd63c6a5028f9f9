"""The paper's four spaces: their genotypes, exact counts, invalid settings."""

import hypothesis.strategies as st
import pytest
from hypothesis import given

from mbnas.errors import ConfigurationError
from mbnas.space.four_spaces import SPACE_NAMES, SpaceSettings, kernel_space, micro_space
from mbnas.space.genotype import Genotype, unet_genotype
from mbnas.space.search_space import Space

SMALL = {"num_nodes": 4, "num_levels": 2, "blocks": ("dense", "vgg"), "kernels": (3, 5)}


def is_vgg(genotype):
    return all(node.block == "vgg" for node in genotype.nodes)


def is_vgg_3(genotype):
    return is_vgg(genotype) and all(node.kernel == 3 for node in genotype.nodes)


def has_unet_topology(genotype):
    unet = unet_genotype(2)
    return all(
        (node.level, node.skip) == (other.level, other.skip)
        for node, other in zip(genotype.nodes, unet.nodes, strict=True)
    )


HOLDS = {"mixed": lambda _: True, "macro": is_vgg_3, "micro": has_unet_topology, "bilevel": is_vgg}


@pytest.mark.parametrize("name", SPACE_NAMES)
def test_a_space_equals_a_brute_force_enumeration(name, brute_force):
    expected = set(filter(HOLDS[name], brute_force(Space(**SMALL))))
    space = SpaceSettings(name=name, **SMALL).searched
    assert {space.genotype_at(index) for index in range(space.count)} == expected
    assert space.count == len(expected) > 0
    assert space.num_topologies == len({genotype.topology for genotype in expected})


def test_the_phases_of_bilevel_equal_a_brute_force_enumeration(brute_force):
    settings = SpaceSettings(name="bilevel", **SMALL)
    everything = brute_force(Space(**SMALL))
    topologies = set(filter(is_vgg_3, everything))
    assert {settings.first.genotype_at(i) for i in range(settings.first.count)} == topologies
    for best in topologies:
        kernels = {each for each in everything if is_vgg(each) and each.topology == best.topology}
        second = kernel_space(Space(**SMALL), best)
        assert {second.genotype_at(index) for index in range(second.count)} == kernels
        assert second.count == settings.searched.num_fillings == len(kernels)


@pytest.mark.parametrize(
    ("name", "num_topologies", "num_fillings"),
    [
        ("mixed", 19_006_640, 12**10),
        ("macro", 19_006_640, 1),
        ("micro", 1, 61_917_364_224),
        ("bilevel", 19_006_640, 3**10),
    ],
)
def test_the_counts_at_the_defaults(name, num_topologies, num_fillings):
    space = SpaceSettings(name=name).searched
    assert (space.num_topologies, space.num_fillings) == (num_topologies, num_fillings)
    assert space.count == num_topologies * num_fillings


@pytest.mark.parametrize("name", SPACE_NAMES)
def test_every_search_may_start_at_the_unet(name):
    assert unet_genotype() in SpaceSettings(name=name).first


@given(st.data(), st.sampled_from(SPACE_NAMES))
def test_every_space_is_a_subset_of_the_mixed_space(data, name):
    settings = SpaceSettings(name=name)
    for space in (settings.first, settings.searched):
        genotype = space.genotype_at(data.draw(st.integers(0, space.count - 1)))
        assert genotype in settings.searched
        assert genotype in Space()


@pytest.mark.parametrize("name", ["macro", "bilevel"])
@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"blocks": ("dense",)},
            r"so space\.blocks \(=\['dense'\]\) must contain vgg\. Add it",
        ),
        (
            {"kernels": (5, 7)},
            r"so space\.kernels \(=\[5, 7\]\) must contain 3\. Add it",
        ),
    ],
)
def test_without_vgg_3_there_is_neither_macro_nor_bilevel(name, settings, message):
    with pytest.raises(ConfigurationError, match=message):
        SpaceSettings(name=name, **settings)
    assert SpaceSettings(name="micro", **settings).searched.num_topologies == 1


def test_the_micro_space_needs_as_many_nodes_as_the_unet():
    with pytest.raises(ConfigurationError) as raised:
        SpaceSettings(name="micro", num_nodes=10, num_levels=3)
    assert str(raised.value) == (
        "The micro space has the U-Net's levels and skips, which need 6 nodes on "
        "space.num_levels (=3) levels, not space.num_nodes (=10). Set space.num_nodes to 6."
    )
    assert SpaceSettings(name="micro", num_nodes=6, num_levels=3).searched.count == 12**6


@pytest.mark.parametrize("num_levels", [2, 3, 4, 5, 6])
def test_the_unet_of_several_levels_has_two_nodes_a_level(num_levels):
    space = Space(num_nodes=2 * num_levels, num_levels=num_levels)
    assert micro_space(space).topology == unet_genotype(num_levels).topology


def test_kernels_are_searched_on_topologies_of_the_same_length():
    with pytest.raises(ConfigurationError, match=r"topology has 1 nodes on 1 levels"):
        kernel_space(Space(), Genotype.parse("0vgg3"))


@pytest.mark.parametrize("name", SPACE_NAMES)
def test_an_impossible_space_is_refused_by_name(name):
    with pytest.raises(ConfigurationError, match=r"num_nodes \(=0\) must be 1 or more"):
        SpaceSettings(name=name, num_nodes=0)
