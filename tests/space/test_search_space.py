"""The space: counts against brute force, numbering, sampling, neighbours."""

from collections import Counter
from dataclasses import replace

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given
from scipy.stats import chisquare

from mbnas.errors import ConfigurationError, GenotypeError
from mbnas.space.cell_choices import BlockExpansion, BlockLevels
from mbnas.space.genotype import Genotype, unet_genotype
from mbnas.space.search_space import Space, Variable

SMALL_SPACES = [
    Space(num_nodes=1, num_levels=1, blocks=("vgg",), kernels=(3,)),
    Space(num_nodes=1, num_levels=5),
    Space(num_nodes=3, num_levels=2, blocks=("vgg", "dense"), kernels=(3, 5)),
    Space(num_nodes=4, num_levels=1, blocks=("vgg",), kernels=(3, 7)),
    Space(num_nodes=4, num_levels=3, blocks=("vgg", "dense"), kernels=(3,)),
    Space(num_nodes=5, num_levels=2, blocks=("vgg",), kernels=(3,)),
    Space(num_nodes=5, num_levels=5, blocks=("vgg",), kernels=(3,)),
    Space(
        num_nodes=4,
        num_levels=2,
        blocks=("vgg", "dense"),
        kernels=(3, 5),
        topology=unet_genotype(2).topology,
    ),
    Space(num_nodes=3, num_levels=3, kernels=(7,), topology=((0, None), (0, None), (0, 1))),
]
RULED_SPACES = [
    Space(
        num_nodes=4,
        num_levels=3,
        blocks=("vgg", "attention"),
        kernels=(3,),
        block_levels=(BlockLevels.parse("attention:1-2"),),
    ),
    Space(
        num_nodes=3,
        num_levels=2,
        blocks=("vgg", "mbconv"),
        kernels=(3, 5),
        block_levels=(BlockLevels.parse("mbconv:1"), BlockLevels.parse("vgg:0")),
        expansions=(BlockExpansion.parse("mbconv:2"), BlockExpansion.parse("mbconv:6")),
    ),
    Space(
        num_nodes=4,
        num_levels=2,
        blocks=("vgg", "mbconv"),
        kernels=(3,),
        block_levels=(BlockLevels.parse("mbconv:1"),),
        expansions=(BlockExpansion.parse("mbconv:2"),),
        topology=unet_genotype(2).topology,
    ),
]


@pytest.mark.parametrize("space", SMALL_SPACES + RULED_SPACES, ids=str)
def test_numbering_is_a_bijection_onto_what_brute_force_finds(space, brute_force):
    expected = brute_force(space)
    numbered = [space.genotype_at(index) for index in range(space.count)]
    assert len(numbered) == len(expected) == len(set(numbered))
    assert len({genotype.topology for genotype in expected}) == space.num_topologies
    assert set(numbered) == expected
    assert all(genotype in space for genotype in numbered)


@pytest.mark.parametrize("space", SMALL_SPACES + RULED_SPACES, ids=str)
def test_a_space_contains_what_brute_force_finds_of_one_without_rules(space, brute_force):
    free = replace(space, block_levels=(), topology=None)
    assert {genotype for genotype in brute_force(free) if genotype in space} == brute_force(space)


@pytest.mark.parametrize("space", SMALL_SPACES + RULED_SPACES, ids=str)
def test_fillings_are_counted_where_no_topology_has_more_than_another(space, brute_force):
    per_topology = set(Counter(each.topology for each in brute_force(space)).values())
    expected = per_topology.pop() if len(per_topology) == 1 else None
    assert space.num_fillings == expected


@pytest.mark.parametrize("space", RULED_SPACES, ids=str)
def test_neighbours_in_a_space_with_rules_differ_in_the_gene_and_follow_the_rules(space):
    for index in range(0, space.count, 7):
        genotype = space.genotype_at(index)
        for variable in space.variables:
            neighbours = space.neighbours(genotype, variable)
            assert all(each in space for each in neighbours)
            values = [gene(each, variable) for each in neighbours]
            assert len({gene(genotype, variable), *values}) == 1 + len(values)


def test_a_block_that_may_not_be_at_a_new_level_becomes_the_first_that_may():
    space, _, _ = RULED_SPACES
    genotype = Genotype.parse("1attention3-2attention3-1attention3-0vgg3")
    (flatter,) = space.neighbours(genotype, Variable(node=2, gene="level"))[:1]
    assert str(flatter) == "1attention3-0attention3-1attention3-0vgg3"
    (low,) = space.neighbours(genotype, Variable(node=1, gene="level"))
    assert str(low) == "0vgg3-1attention3-1attention3-0vgg3"


def test_an_expansion_is_lost_with_the_block_that_has_it():
    space = Space(
        num_nodes=1,
        num_levels=1,
        blocks=("vgg", "mbconv"),
        kernels=(3,),
        expansions=(BlockExpansion.parse("mbconv:2"),),
    )
    genotype = Genotype.parse("0mbconv3x2")
    assert [*map(str, space.neighbours(genotype, Variable(node=1, gene="block")))] == ["0vgg3"]
    assert [*map(str, space.neighbours(genotype, Variable(node=1, gene="expansion")))] == [
        "0mbconv3"
    ]


@pytest.mark.parametrize("space", RULED_SPACES, ids=str)
def test_sampling_is_uniform_in_a_space_with_rules(space):
    rng = np.random.default_rng(0)
    drawn = Counter(space.sample(rng) for _ in range(20 * space.count))
    observed = [drawn[space.genotype_at(index)] for index in range(space.count)]
    assert chisquare(observed).pvalue > 0.01


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "0attention3-0vgg3-0vgg3-0vgg3",
            r"block attention, which computes there at level 0; .* attention:1-2\. Choose from vgg",
        ),
        ("0vgg3x2-0vgg3-0vgg3-0vgg3", r"Node 1 has expansion 2, .*: choose from none\."),
    ],
)
def test_breaking_a_rule_of_blocks_is_refused(text, message):
    with pytest.raises(GenotypeError, match=message):
        RULED_SPACES[0].check(Genotype.parse(text))


@pytest.mark.parametrize(("num_levels", "num_topologies"), [(5, 19_006_640), (4, 18_548_424)])
def test_the_counts_of_the_design(num_levels, num_topologies):
    space = Space(num_levels=num_levels)
    assert space.num_topologies == num_topologies
    assert space.count == num_topologies * 12**10


def test_the_count_at_the_defaults():
    assert Space().count == 1_176_841_051_554_447_360


@pytest.mark.parametrize("index", [-1, Space().count])
def test_there_is_no_genotype_outside_the_numbers(index):
    with pytest.raises(
        GenotypeError, match=f"Genotype {index} does not exist: .* to 117684105155444"
    ):
        Space().genotype_at(index)


def test_sampling_is_uniform_over_genotypes():
    space = Space(num_nodes=4, num_levels=2, blocks=("vgg",), kernels=(3,))
    rng = np.random.default_rng(0)
    drawn = Counter(space.sample(rng) for _ in range(100 * space.count))
    observed = [drawn[space.genotype_at(index)] for index in range(space.count)]
    assert sum(observed) == drawn.total()
    assert chisquare(observed).pvalue > 0.01


def test_spaces_larger_than_64_bits_can_be_sampled():
    space = Space(num_nodes=12)
    assert space.count > 2**64
    assert space.sample(np.random.default_rng(0)) in space


SPACE = Space()
indices = st.integers(0, SPACE.count - 1)
variables = st.sampled_from(SPACE.variables)


def gene(genotype, variable):
    return getattr(genotype.nodes[variable.node - 1], variable.gene)


@given(indices, variables)
def test_neighbours_have_every_other_value_of_the_gene_once(index, variable):
    genotype = SPACE.genotype_at(index)
    before = genotype.level_before(variable.node)
    values = {
        "level": {level for level in range(5) if abs(level - before) <= 1},
        "block": set(SPACE.blocks),
        "kernel": set(SPACE.kernels),
        "skip": {None, *genotype.skip_sources(variable.node)},
    }[variable.gene]
    neighbours = SPACE.neighbours(genotype, variable)
    assert all(neighbour in SPACE for neighbour in neighbours)
    assert genotype not in neighbours
    assert sorted(map(str, (gene(n, variable) for n in neighbours))) == sorted(
        map(str, values - {gene(genotype, variable)})
    )


@given(indices, variables)
def test_repair_changes_only_what_no_longer_fits(index, variable):
    genotype = SPACE.genotype_at(index)
    for neighbour in SPACE.neighbours(genotype, variable):
        for number, (old, new) in enumerate(
            zip(genotype.nodes, neighbour.nodes, strict=True), start=1
        ):
            if number < variable.node:
                assert new == old
            if number <= variable.node:
                continue
            before = neighbour.level_before(number)
            assert (new.block, new.kernel) == (old.block, old.kernel)
            assert new.level == np.clip(old.level, before - 1, before + 1)
            fits = old.skip in neighbour.skip_sources(number)
            assert new.skip == (old.skip if fits else None)


def test_repair_by_example():
    unet = unet_genotype(3)  # levels 0 1 2 1 0 0, skips 5<-2, 6<-1
    space = Space(num_nodes=6, num_levels=3)
    (flatter,) = (
        neighbour
        for neighbour in space.neighbours(unet, Variable(node=2, gene="level"))
        if neighbour.nodes[1].level == 0
    )
    assert str(flatter) == "0vgg3-0vgg3-1vgg3-1vgg3-0vgg3-0vgg3@1"


def test_the_space_is_connected():
    space = Space(num_nodes=3, num_levels=2, blocks=("vgg", "dense"), kernels=(3, 5))
    reached, frontier = set(), {space.genotype_at(0)}
    while frontier:
        reached |= frontier
        frontier = {
            neighbour
            for genotype in frontier
            for variable in space.variables
            for neighbour in space.neighbours(genotype, variable)
        } - reached
    assert len(reached) == space.count


def test_variables_are_the_genes_that_vary():
    space = Space(num_nodes=3, num_levels=1, blocks=("vgg",), kernels=(3, 5))
    assert [str(variable) for variable in space.variables] == [
        "node 1 kernel",
        "node 2 kernel",
        "node 3 kernel",
        "node 3 skip",
    ]
    assert len(SPACE.variables) == 4 * 10 - 2


# A topology that is held

HELD = Space(topology=unet_genotype().topology)
held_indices = st.integers(0, HELD.count - 1)


def test_a_fixed_topology_leaves_blocks_and_kernels_to_vary():
    assert {variable.gene for variable in HELD.variables} == {"block", "kernel"}
    assert len(HELD.variables) == 2 * 10


@given(held_indices, variables)
def test_neighbours_keep_a_fixed_topology(index, variable):
    genotype = HELD.genotype_at(index)
    neighbours = HELD.neighbours(genotype, variable)
    assert all(neighbour in HELD for neighbour in neighbours)
    if variable in HELD.variables:
        assert neighbours == SPACE.neighbours(genotype, variable)
    else:
        assert neighbours == ()


@given(held_indices)
def test_genotypes_with_a_fixed_topology_are_in_the_free_space_too(index):
    genotype = HELD.genotype_at(index)
    assert genotype.topology == HELD.topology
    assert genotype in HELD
    assert genotype in SPACE


@given(indices)
def test_another_topology_than_the_fixed_one_is_refused(index):
    genotype = SPACE.genotype_at(index)
    assert (genotype in HELD) == (genotype.topology == HELD.topology)


def test_samples_have_the_fixed_topology():
    rng = np.random.default_rng(0)
    assert {HELD.sample(rng).topology for _ in range(10)} == {HELD.topology}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "0vgg3-1vgg3-1vgg3-0vgg3@2",
            r"Node 3 has level 1, which .* not allow: choose from 0\.",
        ),
        (
            "0vgg3-1vgg3-0vgg3-0vgg3",
            r"Node 4 has skip none, which .* not allow: choose from 1\.",
        ),
        (
            "0vgg3-1vgg3-0vgg3-0vgg9@1",
            r"Node 4 has kernel 9, which .* not allow: choose from 3, 5, 7\.",
        ),
    ],
)
def test_breaking_a_fixed_topology_is_refused_with_the_gene(text, message):
    space = Space(num_nodes=4, num_levels=2, topology=unet_genotype(2).topology)
    with pytest.raises(GenotypeError, match=message):
        space.check(Genotype.parse(text))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("0vgg3", r"has 1 nodes, but this space's genotypes have 3. Set space.num_nodes to 1"),
        (
            "0vgg3-1vgg3-2vgg3",
            r"Node 3 has level 2, which this space does not allow: .* 0, 1",
        ),
        ("0vgg3-0vgg3-0mamba3", r"Node 3 has block mamba, .*: choose from vgg, dense"),
        ("0vgg9-0vgg3-0vgg3", r"Node 1 has kernel 9, .*: choose from 3, 5"),
    ],
)
def test_genotypes_of_another_space_are_refused(text, message):
    space = Space(num_nodes=3, num_levels=2, blocks=("vgg", "dense"), kernels=(3, 5))
    genotype = Genotype.parse(text)
    assert genotype not in space
    with pytest.raises(GenotypeError, match=message):
        space.check(genotype)
    with pytest.raises(GenotypeError, match=message):
        space.neighbours(genotype, Variable(node=1, gene="block"))


def test_other_things_are_in_no_space():
    assert "0vgg3" not in Space(num_nodes=1)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"num_nodes": 0}, r"num_nodes \(=0\) must be 1 or more"),
        ({"num_levels": 0}, r"num_levels \(=0\) must be 1 or more"),
        ({"blocks": ()}, r"blocks \(=\[\]\) must have at least one value and no duplicates"),
        ({"blocks": ("vgg", "vgg")}, r"blocks \(=\['vgg', 'vgg'\]\) must have"),
        ({"blocks": ("VGG",)}, r"name \(='VGG'\) must be lowercase letters"),
        ({"kernels": (3, 4)}, r"kernel \(=4\) must be odd, from 1 to 31"),
        ({"kernels": (3, 3)}, r"kernels \(=\[3, 3\]\) must have"),
        ({"topology": ()}, r"topology must be that of a genotype\. A genotype needs at least one"),
        ({"topology": ((0, 1),)}, r"topology must be that of a genotype\. Node 1 cannot skip"),
        ({"topology": ((0, None),)}, r"topology has 1 nodes on 1 levels: .* num_nodes \(=10\)"),
        (
            {"num_nodes": 2, "num_levels": 1, "topology": ((0, None), (1, None))},
            r"2 nodes on 2 levels: .* at most num_levels \(=1\) levels",
        ),
        (
            {"block_levels": (BlockLevels.parse("swin:1-2"),)},
            r"space\.block_levels \(=\['swin:1-2'\]\) names swin, which is not in space\.blocks",
        ),
        (
            {"blocks": ("vgg",), "block_levels": (BlockLevels.parse("vgg:1-4"),)},
            r"block_levels \(=\['vgg:1-4'\]\) leaves level 0 without a block",
        ),
        (
            {"block_levels": (BlockLevels.parse("vgg:0"), BlockLevels.parse("vgg:1"))},
            r"block_levels \(=\['vgg:0', 'vgg:1'\]\) must not repeat a value",
        ),
        (
            {"expansions": (BlockExpansion.parse("vgg:2"), BlockExpansion.parse("vgg:2"))},
            r"expansions \(=\['vgg:2', 'vgg:2'\]\) must not repeat a value",
        ),
    ],
)
def test_a_space_checks_its_settings(settings, message):
    with pytest.raises(ConfigurationError, match=message):
        Space(**settings)
