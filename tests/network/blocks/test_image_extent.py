"""What blocks are told about the part of their maps that is image."""

import pytest
import torch
from torch import nn

from mbnas.network import blocks
from mbnas.network.blocks.image_extent import ExtentBlock, extent_at, inside, padded_extent
from mbnas.network.genotype_network import Network
from mbnas.nnunet.network import NNUNetNetwork
from mbnas.space.genotype import Genotype


@pytest.mark.parametrize(
    ("level", "expected"), [(0, (9, 16)), (1, (5, 8)), (3, (2, 2)), (4, (1, 1)), (6, (1, 1))]
)
def test_a_level_halves_an_extent_and_rounds_up(level, expected):
    assert extent_at(level, (9, 16)) == expected


def test_an_extent_is_that_of_pooled_pixels_with_any_image_in_them():
    image = torch.zeros(1, 1, 16, 16)
    image[..., :9, :13] = 1
    for level in range(5):
        height, width = extent_at(level, (9, 13))
        pooled = nn.functional.max_pool2d(image, 2**level)
        assert inside(pooled, (height, width)).sum() == pooled.sum() == height * width


def test_images_that_need_no_padding_have_no_extent():
    assert padded_extent(torch.zeros(1, 1, 8, 16), 8) is None
    assert padded_extent(torch.zeros(1, 1, 8, 12), 8) == (8, 12)


class Watching(ExtentBlock):
    """Notes the size of its maps and the extent it is told."""

    def __init__(self, in_channels, out_channels, kernel):
        super().__init__()
        self.mix = nn.Conv2d(in_channels, out_channels, kernel, padding="same")
        self.seen = []

    def forward(self, maps, extent=None):
        self.seen.append((tuple(maps.shape[-2:]), extent))
        return self.mix(maps)


def nnunet(genotype):
    return NNUNetNetwork(
        1, 2, True, genotype=genotype, base_channels=4, strides=[[1, 1], [2, 2], [2, 2]]
    )


def plain(genotype):
    return Network(Genotype.parse(genotype), in_channels=1, num_classes=2, base_channels=4)


@pytest.mark.parametrize("build", [plain, nnunet])
def test_every_block_of_a_network_is_told_the_extent_where_it_computes(build, monkeypatch):
    monkeypatch.setitem(blocks.BLOCKS, "watching", Watching)
    network = build("0watching3-1watching3-2watching3-1watching3-0watching3@2-0vgg3")
    network(torch.randn(2, 1, 13, 8))
    seen = [each.seen for each in network.modules() if isinstance(each, Watching)]
    levels = [0, 1, 2, 2, 1]  # an up cell computes before it upsamples
    full, part = [(16, 8), (8, 4), (4, 2)], [(13, 8), (7, 4), (4, 2)]
    assert seen == [[(full[level], part[level])] for level in levels]
    network(torch.randn(2, 1, 12, 8))
    assert all(each.seen[1][1] is None for each in network.modules() if hasattr(each, "seen"))
