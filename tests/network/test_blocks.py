"""Every block keeps height and width and has the parameters that its paper's formula gives."""

from importlib.metadata import EntryPoint

import pytest
import torch

from mbnas.errors import ConfigurationError
from mbnas.network import blocks
from mbnas.network.blocks import BLOCKS, ResidualBlock, VGGBlock, block_class


def conv_norm(in_channels, out_channels, kernel):
    """Weights without bias, then scale and shift of the normalisation."""
    return in_channels * out_channels * kernel**2 + 2 * out_channels


def vgg(i, o, k):
    return conv_norm(i, o, k) + conv_norm(o, o, k)


def residual(i, o, k):
    return vgg(i, o, k) + (0 if i == o else conv_norm(i, o, 1))


def dense(i, o, k):
    growth = o // 4
    seen = [i + layer * growth for layer in range(4)]
    layers = sum(2 * s + s * growth * k**2 for s in seen)
    return layers + 2 * (i + o) + (i + o) * o + o


def inception(i, o, k):
    width = o // 4
    return 4 * conv_norm(i, width, 1) + 3 * conv_norm(width, width, k)


FORMULAS = {"vgg": vgg, "residual": residual, "dense": dense, "inception": inception}
SIZES = [(1, 4, 3), (8, 8, 3), (3, 8, 5), (12, 4, 7), (32, 64, 3)]


def test_every_block_has_a_formula():
    assert FORMULAS.keys() == BLOCKS.keys()


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("name", BLOCKS)
def test_parameters_follow_the_formula(name, size):
    block = block_class(name)(*size)
    assert sum(p.numel() for p in block.parameters()) == FORMULAS[name](*size)


@pytest.mark.parametrize(
    ("name", "parameters"),
    [("vgg", 55_552), ("residual", 57_728), ("dense", 39_104), ("inception", 9_184)],
)
def test_parameters_of_a_doubling_block_are_fixed_for_all_time(name, parameters):
    block = block_class(name)(32, 64, 3)
    assert sum(p.numel() for p in block.parameters()) == parameters


@pytest.mark.parametrize("size", SIZES[:4], ids=str)
@pytest.mark.parametrize("name", BLOCKS)
def test_height_and_width_stay(name, size):
    in_channels, out_channels, _ = size
    maps = block_class(name)(*size)(torch.randn(2, in_channels, 5, 8))
    assert maps.shape == (2, out_channels, 5, 8)


@pytest.mark.parametrize("name", BLOCKS)
def test_a_block_leaves_its_input_as_it_was(name):
    maps = torch.randn(2, 4, 6, 6)
    before = maps.clone()
    block_class(name)(4, 4, 3)(maps)
    assert torch.equal(maps, before)


def test_a_residual_block_without_residual_is_its_input():
    block = ResidualBlock(4, 4, 3)
    torch.nn.init.zeros_(block.residual[-1].weight)
    maps = torch.rand(2, 4, 6, 6)
    assert torch.equal(block(maps), maps)


@pytest.mark.parametrize("name", ["dense", "inception"])
def test_blocks_of_quarters_refuse_other_widths(name):
    with pytest.raises(ConfigurationError, match=r"\(=6\) must be divisible by 4: .*base_channels"):
        block_class(name)(3, 6, 3)


def test_another_package_offers_a_block(monkeypatch):
    point = EntryPoint("mine", "mbnas.network.blocks.vgg:VGGBlock", "mbnas.blocks")
    monkeypatch.setattr(blocks, "entry_points", lambda *, group: [point] * (group == point.group))
    assert block_class("mine") is VGGBlock
    with pytest.raises(ConfigurationError, match=r"no block 'other': use one of vgg, .*, mine, or"):
        block_class("other")
