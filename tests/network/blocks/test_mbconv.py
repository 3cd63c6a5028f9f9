"""The inverted residual block against that of timm."""

from functools import partial

import pytest
import torch

from mbnas.network.blocks import MBConvBlock

from .references import check_equal, library


@pytest.mark.parametrize("kernel", [1, 3, 7])
@pytest.mark.parametrize("expansion", [2, 4])
@pytest.mark.parametrize("in_channels", [8, 24])
def test_it_is_the_block_of_timm(kernel, expansion, in_channels):
    torch.manual_seed(0)
    blocks = library("timm.models._efficientnet_blocks")
    own = MBConvBlock(in_channels, 8, kernel, expansion=expansion)
    hidden = own.excitation.layers[0].out_features
    theirs = blocks.InvertedResidual(
        in_channels,
        8,
        dw_kernel_size=kernel,
        pad_type="same",
        exp_ratio=expansion,
        act_layer=torch.nn.SiLU,
        se_layer=partial(blocks.SqueezeExcite, rd_channels=hidden),
    )
    check_equal(own, theirs, own, theirs, torch.randn(2, in_channels, 9, 6))


def test_an_expansion_of_one_has_no_convolution_before_the_depthwise_one():
    torch.manual_seed(0)
    blocks = library("timm.models._efficientnet_blocks")
    own = MBConvBlock(8, 8, 3, expansion=1)
    theirs = blocks.DepthwiseSeparableConv(
        8,
        8,
        pad_type="same",
        act_layer=torch.nn.SiLU,
        se_layer=partial(blocks.SqueezeExcite, rd_channels=4),
    )
    check_equal(own, theirs, own, theirs, torch.randn(2, 8, 9, 6))


def test_its_width_is_expanded_by_four_unless_told_otherwise():
    widths = [
        block.depthwise[0].groups
        for block in (MBConvBlock(3, 8, 3), MBConvBlock(3, 8, 3, expansion=2))
    ]
    assert widths == [12, 6]


def test_the_input_is_added_only_where_channels_do_not_differ():
    for in_channels, expected in ((8, 1.0), (6, 0.0)):
        block = MBConvBlock(in_channels, 8, 3).eval()
        torch.nn.init.zeros_(block.project[1].weight)
        maps = torch.ones(1, in_channels, 4, 4)
        assert torch.equal(block(maps), torch.full((1, 8, 4, 4), expected))


def test_channel_weights_are_those_of_the_image_however_much_padding_there_is():
    """With kernel 1 nothing else looks beyond a pixel."""
    torch.manual_seed(0)
    block = MBConvBlock(8, 8, 1).eval()
    maps = torch.randn(2, 8, 16, 24)
    expected = block(maps[..., :7, :11])
    torch.testing.assert_close(block(maps, (7, 11))[..., :7, :11], expected)
    assert not torch.allclose(block(maps)[..., :7, :11], expected)
