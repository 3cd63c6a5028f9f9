"""Blocks that are not made for images come after a convolution in node 1."""

import pytest

from mbnas.network.blocks import BLOCKS, STEM_KERNEL, STEMMED
from mbnas.network.genotype_network import Network
from mbnas.space.genotype import Genotype


def network_of(text):
    return Network(Genotype.parse(text), in_channels=2, num_classes=3, base_channels=8)


@pytest.mark.parametrize("level", [0, 1])
@pytest.mark.parametrize("block", sorted(STEMMED))
def test_in_node_1_a_convolution_without_bias_gives_a_stemmed_block_its_channels(block, level):
    stem, made = list(network_of(f"{level}{block}5").cells[0])[level : level + 2]
    width = 8 * 2**level
    assert stem.kernel_size == (STEM_KERNEL, STEM_KERNEL)
    assert stem.weight.shape[:2] == (width, 2)
    assert stem.bias is None
    alone = BLOCKS[block](width, width, 5)
    assert [each.shape for each in made.parameters()] == [each.shape for each in alone.parameters()]


@pytest.mark.parametrize("block", BLOCKS)
def test_a_later_node_and_other_blocks_have_no_convolution_before_them(block):
    first, second = network_of(f"0{block}3-0{block}3").cells
    assert [type(each) for each in second] == [BLOCKS[block]]
    assert len(first) == (2 if block in STEMMED else 1)
