"""The ConvNeXt block against that of timm."""

import pytest
import torch
from torch import nn

from mbnas.network.blocks import ConvNeXtBlock

from .references import check_equal, library


@pytest.mark.parametrize("kernel", [1, 3, 7])
@pytest.mark.parametrize("expansion", [1, 4])
@pytest.mark.parametrize("in_channels", [8, 6])
def test_it_is_the_block_of_timm(kernel, expansion, in_channels):
    torch.manual_seed(0)
    own = ConvNeXtBlock(in_channels, 8, kernel, expansion=expansion)
    theirs = library("timm.models.convnext").ConvNeXtBlock(
        8, kernel_size=kernel, mlp_ratio=expansion, ls_init_value=None
    )
    theirs.norm.eps = own.perceptron[0].eps
    if in_channels != 8:
        theirs = nn.Sequential(nn.Conv2d(in_channels, 8, 1), theirs)
    check_equal(own, theirs, own, theirs, torch.randn(2, in_channels, 9, 6))


def test_a_pixel_is_normalised_by_itself_so_one_pixel_can_be_trained_on():
    torch.manual_seed(0)
    block, maps = ConvNeXtBlock(4, 4, 3).train(), torch.randn(1, 4, 1, 1)
    output = block(maps)
    output.square().sum().backward()
    assert all(torch.isfinite(each.grad).all() for each in block.parameters())
    together = block(torch.cat([maps, torch.randn(1, 4, 1, 1)]))
    torch.testing.assert_close(together[:1], output)


def test_its_width_is_expanded_by_four_unless_told_otherwise():
    sizes = [
        block.perceptron[1].out_features
        for block in (ConvNeXtBlock(3, 8, 3), ConvNeXtBlock(3, 8, 3, expansion=2))
    ]
    assert sizes == [32, 16]
