from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from mbnas.errors import ConfigurationError
from mbnas.network import blocks
from mbnas.network.blocks import BLOCKS, ResidualBlock
from mbnas.network.build import build_network
from mbnas.network.cost import genotype_cost
from mbnas.network.cost.complexity import Complexity, complexity
from mbnas.network.cost.genotype_cost import GenotypeCost
from mbnas.network.interface import Interface
from mbnas.space.genotype import Genotype, unet_genotype
from mbnas.space.search_space import Space

PRIMES = Interface(in_channels=3, num_classes=5, size=29)  # padded by every number of levels


def built(genotype, interface, base_channels):
    return complexity(
        lambda: build_network(genotype, interface, base_channels=base_channels), interface
    )


@settings(max_examples=12, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    in_channels=st.integers(1, 4),
    num_classes=st.integers(1, 5),
    size=st.integers(1, 70),
    base_channels=st.sampled_from([4, 12, 32]),
)
def test_it_is_that_of_the_network(seed, in_channels, num_classes, size, base_channels):
    space = Space(kernels=(1, 3, 7), blocks=tuple(BLOCKS))
    genotype = space.sample(np.random.default_rng(seed))
    interface = Interface(in_channels=in_channels, num_classes=num_classes, size=size)
    cost = GenotypeCost(interface=interface, base_channels=base_channels)
    expected = built(genotype, interface, base_channels)
    found = cost(genotype)
    assert replace(found, activations=expected.activations) == expected
    # blocks that are told what is image compute that anew for a padded image
    assert found.activations == pytest.approx(expected.activations, rel=0.01 if size > 8 else 0.5)
    if size % 2 ** (genotype.num_levels - 1) == 0:
        assert found == expected


def test_the_unet_has_the_parameters_of_its_formula():
    """Two 3×3 convolutions and norms a node, and one skip a level."""
    base = 4
    arriving = [1, 1, 2, 4, 8, 16, 16, 8, 4, 2]  # in units of the base; node 1 has the image
    leaving = [1, 2, 4, 8, 16, 8, 4, 2, 1, 1]
    expected = 5 * base + 5  # the head
    for number, (a, b) in enumerate(zip(arriving, leaving, strict=True)):
        wide = 3 if number == 0 else a * base
        expected += 9 * (wide * b * base + (b * base) ** 2) + 4 * b * base
    found = GenotypeCost(interface=PRIMES, base_channels=base)(unet_genotype())
    assert found.parameters == expected


class Unusual(nn.Module):
    """Its cost is no polynomial of its channels, and one of its weights is frozen."""

    def __init__(self, in_channels, out_channels, kernel):
        super().__init__()
        self.pool = nn.AdaptiveAvgPool2d(3)
        self.mix = nn.Conv2d(in_channels, out_channels, kernel, padding=kernel // 2)
        self.gate = nn.Linear(9 * in_channels, out_channels)
        self.frozen = nn.Parameter(torch.zeros(7), requires_grad=False)

    def forward(self, maps):
        weights = self.gate(self.pool(maps).flatten(1))[..., None, None]
        return self.mix(maps) * weights


def test_blocks_of_other_packages_are_counted(monkeypatch):
    monkeypatch.setitem(blocks.BLOCKS, "unusual", Unusual)
    space = Space(num_nodes=6, num_levels=3, blocks=("vgg", "unusual"))
    cost = GenotypeCost(interface=PRIMES, base_channels=4)
    rng = np.random.default_rng(0)
    for genotype in (space.sample(rng) for _ in range(8)):
        assert cost(genotype) == built(genotype, PRIMES, 4)


def test_a_cell_is_built_once(monkeypatch):
    builds = []

    class Counted(ResidualBlock):
        def __init__(self, *arguments):
            builds.append(arguments)
            super().__init__(*arguments)

    monkeypatch.setitem(blocks.BLOCKS, "counted", Counted)
    space = Space(num_nodes=6, num_levels=2, blocks=("counted",), kernels=(3,))
    cost = GenotypeCost(interface=PRIMES, base_channels=5)
    rng = np.random.default_rng(0)
    genotypes = [space.sample(rng) for _ in range(300)]
    first = [cost(genotype) for genotype in genotypes]
    num_cells = len(builds)
    again = GenotypeCost(interface=replace(PRIMES), base_channels=5)  # another of the same
    assert [again(genotype) for genotype in genotypes] == first
    assert len(builds) == num_cells <= 40


def test_nothing_is_allocated():
    interface = Interface(in_channels=1, num_classes=2, size=2**16)
    cost = GenotypeCost(interface=interface, base_channels=4)
    assert cost(Genotype.parse("0vgg3")).multiply_accumulates == 2**32 * (9 * (4 + 16) + 8)


def test_equal_costs_are_equal_keys():
    """Caches that hold what a cost decides find it again."""
    first, second = (GenotypeCost(interface=replace(PRIMES), base_channels=8) for _ in range(2))
    assert (first, hash(first)) == (second, hash(second))


def test_an_unknown_block_is_refused():
    cost = GenotypeCost(interface=PRIMES, base_channels=4)
    with pytest.raises(ConfigurationError, match="There is no block 'swin'"):
        cost(Genotype.parse("0swin3"))


def test_a_width_that_a_block_cannot_have_is_refused():
    cost = GenotypeCost(interface=PRIMES, base_channels=6)
    with pytest.raises(ConfigurationError, match="base_channels"):
        cost(Genotype.parse("0dense3"))


def test_costs_are_exact_halves_of_whole_operations(monkeypatch):
    """Halves of odd counts would add up to less than the network's."""
    monkeypatch.setattr(genotype_cost, "_cell_cost", lambda *_, **__: (1, 3, 5))
    monkeypatch.setattr(genotype_cost, "_head_cost", lambda *_: (0, 0, 0))
    found = GenotypeCost(interface=PRIMES, base_channels=4)(Genotype.parse("0vgg3-0vgg3"))
    image = 3 * 29**2  # padded to itself
    assert found == Complexity(parameters=2, multiply_accumulates=3, activations=image + 10)
