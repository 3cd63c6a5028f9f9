"""The reference of a space: the U-Net, or what is nearest to it."""

import itertools

import pytest

from mbnas.space.four_spaces import kernel_space, macro_space, micro_space
from mbnas.space.genotype import distance, unet_genotype
from mbnas.space.reference import reference_genotype
from mbnas.space.search_space import Space


@pytest.mark.parametrize("make", [lambda space: space, macro_space, micro_space])
def test_it_is_the_unet_wherever_the_space_has_it(make):
    assert reference_genotype(make(Space())) == unet_genotype()


@pytest.mark.parametrize(
    ("num_nodes", "num_levels"), [*itertools.product(range(1, 13), range(1, 7))]
)
def test_it_is_in_every_space(num_nodes, num_levels):
    space = Space(num_nodes=num_nodes, num_levels=num_levels, blocks=("dense",), kernels=(5, 7))
    space.check(reference_genotype(space))


def test_a_fixed_topology_is_kept():
    start = Space(num_nodes=6, num_levels=3).genotype_at(1234)
    found = reference_genotype(kernel_space(Space(num_nodes=6, num_levels=3), start))
    assert found.topology == start.topology
    assert {(each.block, each.kernel) for each in found.nodes} == {("vgg", 3)}


def test_no_genotype_is_nearer_to_the_unet():
    space = Space(num_nodes=4, num_levels=2, blocks=("dense", "residual"), kernels=(5, 7))
    unet = unet_genotype(2)
    nearest = min(distance(unet, space.genotype_at(index)) for index in range(space.count))
    assert distance(unet, reference_genotype(space)) == nearest
