"""The genotype as a value: text, validation, the U-Net, distance."""

import hypothesis.strategies as st
import pytest
from hypothesis import given

from mbnas.errors import GenotypeError
from mbnas.space.genotype import Genotype, Node, distance, unet_genotype
from mbnas.space.search_space import Space

SPACE = Space()
indices = st.integers(0, SPACE.count - 1)


@given(indices)
def test_text_round_trips(index):
    genotype = SPACE.genotype_at(index)
    assert Genotype.parse(str(genotype)) == genotype


def test_text_has_an_expansion_only_where_it_is_not_the_blocks_own():
    genotype = Genotype.parse("0mbconv3x6-1mbconv3-0mbconv3-0mbconv3x2@1")
    assert [node.expansion for node in genotype.nodes] == [6, None, None, 2]
    assert [node.variant for node in genotype.nodes][:2] == ["mbconvx6", "mbconv"]
    assert str(genotype) == "0mbconv3x6-1mbconv3-0mbconv3-0mbconv3x2@1"


@given(indices, indices)
def test_digests_differ_exactly_where_genotypes_do(first_index, second_index):
    first, second = SPACE.genotype_at(first_index), SPACE.genotype_at(second_index)
    assert (first.digest == second.digest) == (first == second)


def test_digest_is_fixed_for_all_time():
    assert unet_genotype().digest == "bc83df99f831e687"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"Node '' cannot be read: write level, block and kernel"),
        ("0vgg3--0vgg3", r"Node '' cannot be read"),
        ("0VGG3", r"Node '0VGG3' cannot be read"),
        ("0vgg", r"Node '0vgg' cannot be read"),
        ("0vgg3@", r"Node '0vgg3@' cannot be read"),
        ("0mbconv3x", r"Node '0mbconv3x' cannot be read"),
        ("0mbconv3x0", r"expansion \(=0\) must be 1 or more"),
        ("0vgg4", r"kernel \(=4\) must be odd, from 1 to 31"),
        ("2vgg3", r"Node 1 has level 2 after level 0: levels change by at most 1"),
        ("0vgg3-1vgg3-3vgg3", r"Node 3 has level 3 after level 1"),
        ("0vgg3@1", r"Node 1 cannot skip from node 1: .* here none"),
        ("0vgg3-0vgg3@1", r"Node 2 cannot skip from node 1: .* here none"),
        ("0vgg3-1vgg3-1vgg3@1", r"Node 3 cannot skip from node 1: .* that of node 2 \(=1\)"),
        ("0vgg3-0vgg3-0vgg3@2", r"Node 3 cannot skip from node 2: .* here \[1\]"),
        ("0vgg3-0vgg3-0vgg3@0", r"Node 3 cannot skip from node 0"),
    ],
)
def test_an_invalid_genotype_is_refused(text, message):
    with pytest.raises(GenotypeError, match=message):
        Genotype.parse(text)


@pytest.mark.parametrize(
    ("genes", "message"),
    [
        ({"level": -1}, r"level \(=-1\) must be 0 or more"),
        ({"level": 0, "block": "a-b"}, r"name \(='a-b'\) must be lowercase letters"),
        ({"level": 0, "kernel": -3}, r"kernel \(=-3\) must be odd, from 1 to 31"),
    ],
)
def test_a_node_checks_its_genes(genes, message):
    with pytest.raises(GenotypeError, match=message):
        Node(**genes)


def test_a_genotype_needs_nodes():
    with pytest.raises(GenotypeError, match="at least one node"):
        Genotype(nodes=())


def test_the_unet_has_the_levels_and_skips_of_a_unet():
    unet = unet_genotype()
    assert [node.level for node in unet.nodes] == [0, 1, 2, 3, 4, 3, 2, 1, 0, 0]
    skips = {number: node.skip for number, node in enumerate(unet.nodes, start=1) if node.skip}
    assert skips == {7: 4, 8: 3, 9: 2, 10: 1}


def test_the_topology_is_the_levels_and_skips():
    genotype = Genotype.parse("0vgg3-1dense5-0residual3-0vgg7@1")
    assert genotype.topology == ((0, None), (1, None), (0, None), (0, 1))


@pytest.mark.parametrize("num_levels", [1, 2, 3, 4, 5, 6])
def test_the_unet_is_in_its_space(num_levels):
    unet = unet_genotype(num_levels)
    assert unet.num_levels == num_levels
    assert unet in Space(num_nodes=len(unet.nodes), num_levels=num_levels)


@given(st.tuples(indices, indices, indices))
def test_distance_is_a_metric(triple):
    a, b, c = map(SPACE.genotype_at, triple)
    assert (distance(a, b) == 0) == (a == b)
    assert distance(a, b) == distance(b, a)
    assert distance(a, c) <= distance(a, b) + distance(b, c)


@given(indices, st.sampled_from(SPACE.variables))
def test_distance_counts_genes(index, variable):
    genotype = SPACE.genotype_at(index)
    if variable.gene in ("block", "kernel", "skip"):
        for neighbour in SPACE.neighbours(genotype, variable):
            assert distance(genotype, neighbour) == 1


def test_distance_needs_equal_lengths():
    with pytest.raises(GenotypeError, match="of 1 and 10 nodes have no distance"):
        distance(unet_genotype(1), unet_genotype(5))
