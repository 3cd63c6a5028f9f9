"""Against spaces enumerated without the code under test, with a cost made up for each genotype."""

from collections import Counter
from math import ceil

import numpy as np
import pytest
from scipy import stats

from mbnas.errors import ConfigurationError, GenotypeError
from mbnas.space.cost_limits import CostLimits
from mbnas.space.four_spaces import bilevel_space, kernel_space, macro_space, micro_space
from mbnas.space.genotype import distance, unet_genotype
from mbnas.space.limited_space import MANY, LimitedSpace
from mbnas.space.reference import reference_genotype
from mbnas.space.search_space import Space

TINY = Space(num_nodes=4, num_levels=2, blocks=("vgg",), kernels=(3, 5))  # 1 728 genotypes
LARGE = Space()


def weight(genotype, name):
    """More at a high resolution and with large kernels and skips, as multiply-accumulates are."""
    assert name == "macs"
    return sum(
        1.0 * node.kernel**2 * (2 if node.skip else 1) * 2.0**-node.level for node in genotype.nodes
    )


def limited(space, max_macs):
    return LimitedSpace.within(space, CostLimits(max_macs=ceil(max_macs)), weight)


@pytest.mark.parametrize("max_macs", [25, 40, 60])
def test_few_genotypes_are_counted_and_drawn_uniformly(brute_force, max_macs):
    expected = {each for each in brute_force(TINY) if weight(each, "macs") <= max_macs}
    space = limited(TINY, max_macs)
    assert space.count == len(expected) > 5
    rng = np.random.default_rng(0)
    drawn = Counter(space.sample(rng) for _ in range(20 * len(expected)))
    assert set(drawn) <= expected
    counts = [drawn[each] for each in expected]
    assert stats.chisquare(counts).pvalue > 1e-4


def test_neighbours_are_those_within_the_limits():
    space = limited(LARGE, 200)
    rng = np.random.default_rng(0)
    for genotype in (LARGE.sample(rng) for _ in range(4)):  # also those that exceed it
        for variable in LARGE.variables:
            expected = [
                each
                for each in LARGE.neighbours(genotype, variable)
                if weight(each, "macs") <= space.limits.max_macs
            ]
            assert list(space.neighbours(genotype, variable)) == expected


@pytest.mark.parametrize("share", [1.0, 0.5, 0.25])
def test_draws_are_within_limits_however_rare(share):
    """Down to a quarter of the U-Net, which no uniform draw reaches."""
    space = limited(LARGE, share * weight(unet_genotype(), "macs"))
    rng = np.random.default_rng(0)
    drawn = [space.sample(rng) for _ in range(10)]
    assert all(each in space and each in LARGE for each in drawn)
    assert len(set(drawn)) > 8
    assert space.count > MANY


def test_draws_are_those_of_the_space_where_the_limits_are_wide():
    space = limited(LARGE, 1e9)
    first, second = np.random.default_rng(0), np.random.default_rng(0)
    assert [space.sample(first) for _ in range(10)] == [LARGE.sample(second) for _ in range(10)]


def test_a_network_beyond_the_limits_is_not_a_member():
    space = limited(LARGE, 10)
    with pytest.raises(GenotypeError, match=r"more than search.max_macs \(=10\). Raise the limit"):
        space.check(unet_genotype())
    assert unet_genotype() not in space
    with pytest.raises(GenotypeError, match="has 9 nodes"):
        space.check(unet_genotype(4).__class__(nodes=unet_genotype().nodes[:9]))


def test_spaces_made_from_it_have_its_limits():
    space = limited(LARGE, 60)
    for made in (macro_space, micro_space, bilevel_space):
        assert made(space).limits == space.limits
    assert kernel_space(space, unet_genotype()).excess(unet_genotype()) > 0
    assert reference_genotype(space) == unet_genotype()


def test_the_kernels_of_a_topology_are_counted():
    """A topology may leave only a few kernels within the limits: a search then ends."""
    unet = unet_genotype()
    space = kernel_space(limited(LARGE, weight(unet, "macs") + 2 * 16), unet)
    extra = space.limits.max_macs - weight(unet, "macs")
    growth = {5: 16, 7: 40}  # of a kernel of 3, at level 0 without skip
    levels = [2.0**-node.level * (2 if node.skip else 1) for node in unet.nodes]
    expected = 0
    stack = [(0, 0.0)]
    while stack:  # all choices of kernels, one node after another
        number, cost = stack.pop()
        if cost > extra:
            continue
        if number == len(levels):
            expected += 1
            continue
        stack += [(number + 1, cost + levels[number] * more) for more in (0, *growth.values())]
    assert space.count == expected < MANY


def test_the_nearest_genotype_is_within_the_limits_and_near():
    unet = unet_genotype()
    cost = weight(unet, "macs")
    assert limited(LARGE, cost).nearest(unet) == unet
    near = limited(LARGE, 0.9 * cost).nearest(unet)
    assert weight(near, "macs") <= 0.9 * cost
    assert distance(near, unet) <= 4
    far = limited(LARGE, 0.2 * cost).nearest(unet)
    assert weight(far, "macs") <= 0.2 * cost


@pytest.mark.parametrize("space", [TINY, micro_space(LARGE)])
def test_limits_that_nothing_meets_are_refused(space):
    unreachable = limited(space, 3)
    for use in (
        lambda: unreachable.count,
        lambda: unreachable.sample(np.random.default_rng(0)),
        lambda: unreachable.nearest(reference_genotype(space)),
    ):
        with pytest.raises(ConfigurationError, match=r"within search.max_macs \(=3\). Raise"):
            use()
