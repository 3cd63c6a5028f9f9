"""The residual block with squeeze and excitation, against the layers of two libraries."""

import pytest
import torch
from torch import nn

from mbnas.network.blocks import ResidualBlock, SEResidualBlock
from mbnas.network.blocks.squeeze_excitation import SqueezeExcitation

from .references import check_equal, library


def by_torchvision():
    layers = library("torchvision.ops.misc")
    return layers.SqueezeExcitation(12, 5, activation=nn.ReLU)


def by_timm():
    return library("timm.layers").SEModule(12, rd_channels=5)


@pytest.mark.parametrize("build", [by_torchvision, by_timm])
def test_squeeze_and_excitation_is_that_of_a_library(build):
    torch.manual_seed(0)
    own, theirs = SqueezeExcitation(12, 5, nn.ReLU()), build()
    check_equal(own, theirs, lambda maps: own(maps, None), theirs, torch.randn(3, 12, 5, 4))


@pytest.mark.parametrize("in_channels", [4, 8])
def test_with_all_weights_at_one_it_is_the_residual_block(in_channels):
    """torchvision and timm have blocks of this kind, but with stride or another shortcut."""
    torch.manual_seed(0)
    block, plain = SEResidualBlock(in_channels, 8, 3), ResidualBlock(in_channels, 8, 3)
    plain.load_state_dict(
        {name: value for name, value in block.state_dict().items() if "excitation" not in name}
    )
    last = block.excitation.layers[2]
    nn.init.zeros_(last.weight)
    nn.init.constant_(last.bias, 50)
    maps = torch.randn(2, in_channels, 6, 6)
    torch.testing.assert_close(block(maps), plain(maps))


def test_the_residual_is_weighted_before_the_sum():
    block = SEResidualBlock(4, 4, 3)
    last = block.excitation.layers[2]
    nn.init.zeros_(last.weight)
    nn.init.constant_(last.bias, -200)
    maps = torch.rand(2, 4, 6, 6)
    assert torch.equal(block(maps), maps)


def test_the_weights_are_those_of_the_image_however_much_padding_there_is():
    torch.manual_seed(0)
    layer = SqueezeExcitation(8, 4, nn.ReLU())
    maps = torch.randn(2, 8, 16, 24)
    expected = layer(maps[..., :7, :11], None)
    torch.testing.assert_close(layer(maps, (7, 11))[..., :7, :11], expected)


def test_narrow_blocks_have_four_hidden_channels_and_wide_ones_a_sixteenth():
    hidden = [SEResidualBlock(4, each, 1).excitation.layers[0].out_features for each in (8, 256)]
    assert hidden == [4, 16]
