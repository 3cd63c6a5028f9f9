"""The contract finds what breaks it, and passes what keeps it."""

import pytest
import torch
from torch import nn

from mbnas.network import blocks
from mbnas.network.blocks import VGGBlock
from mbnas.network.blocks.image_extent import ExtentBlock, inside
from mbnas.network.blocks.squeeze_excitation import SqueezeExcitation
from mbnas.testing import block_contract, first_node


class Same(nn.Module):
    """A block that keeps the contract; others differ from it in one point."""

    def __init__(self, in_channels, out_channels, kernel):
        super().__init__()
        self.layers = VGGBlock(in_channels, out_channels, kernel)

    def forward(self, maps):
        return self.layers(maps)


class Smaller(Same):
    def forward(self, maps):
        return super().forward(maps)[..., 1:, :]


class InPlace(Same):
    def forward(self, maps):
        return super().forward(maps.mul_(2) if not maps.requires_grad else maps)


class Unused(Same):
    def __init__(self, in_channels, out_channels, kernel):
        super().__init__(in_channels, out_channels, kernel)
        self.unused = nn.Parameter(torch.zeros(3))


class Normalising(Same):
    """Divides by a deviation over the map, which is 0 for one pixel."""

    def forward(self, maps):
        made = super().forward(maps)
        return made / made.std(dim=(2, 3), keepdim=True, unbiased=False)


class Random(Same):
    def forward(self, maps):
        return nn.functional.dropout(super().forward(maps))


class Delicate(Same):
    """Keeps the last bits of its input, which bfloat16 has not."""

    def forward(self, maps):
        made = super().forward(maps)
        return made + 1e3 * (made - made.to(torch.bfloat16))


class Planar(Same):
    def forward(self, maps):
        return super().forward(maps).contiguous(memory_format=torch.contiguous_format)


class Averaging(Same):
    """Squeezes over padding too."""

    def __init__(self, in_channels, out_channels, kernel):
        super().__init__(in_channels, out_channels, kernel)
        self.excitation = SqueezeExcitation(out_channels, 4, nn.ReLU())

    def forward(self, maps):
        return self.excitation(super().forward(maps), None)


class Careful(ExtentBlock):
    """Averages over the image alone."""

    def __init__(self, in_channels, out_channels, kernel):
        super().__init__()
        self.layers = VGGBlock(in_channels, out_channels, kernel)

    def forward(self, maps, extent=None):
        made = self.layers(maps)
        return made + inside(made, extent).mean(dim=(2, 3), keepdim=True)


class OneKernel(Same):
    def __init__(self, in_channels, out_channels, kernel):
        super().__init__(in_channels, out_channels, min(kernel, 3))


class Forgetful(Same):
    """Keeps a weight that no state has."""

    def __init__(self, in_channels, out_channels, kernel):
        super().__init__(in_channels, out_channels, kernel)
        self.scale = torch.rand(())

    def forward(self, maps):
        return self.scale * super().forward(maps)


class ReadingValues(Same):
    def forward(self, maps):
        made = super().forward(maps)
        return made * 2 if made.sum().item() > 0 else made


class Activating(nn.Sequential):
    def __init__(self, in_channels, out_channels, kernel):
        layers = nn.BatchNorm2d(in_channels), nn.ReLU(), VGGBlock(in_channels, out_channels, kernel)
        super().__init__(*layers)


BROKEN = {
    Smaller: (block_contract.check_height_and_width_stay, AssertionError, "instead of"),
    InPlace: (block_contract.check_the_input_stays, AssertionError, "changes its input"),
    Unused: (block_contract.check_values_are_finite, AssertionError, "reaches unused"),
    Normalising: (block_contract.check_values_are_finite, AssertionError, "not finite"),
    Random: (block_contract.check_it_is_deterministic, AssertionError, "another result"),
    Delicate: (block_contract.check_it_computes_in_bfloat16, AssertionError, "In bfloat16"),
    Planar: (block_contract.check_channels_last_stays, AssertionError, "strides"),
    Averaging: (block_contract.check_padding_does_not_matter, AssertionError, "ExtentBlock"),
    OneKernel: (block_contract.check_kernels_give_distinct_blocks, AssertionError, "3 and 5"),
    Forgetful: (block_contract.check_it_can_be_copied, AssertionError, "something else"),
    ReadingValues: (block_contract.check_its_cost_is_counted, RuntimeError, "meta"),
    Activating: (first_node.check_it_learns_bright_and_dark, AssertionError, "must be linear"),
}


@pytest.mark.parametrize("block", BROKEN, ids=lambda block: block.__name__)
def test_a_block_that_breaks_the_contract_is_found(block, monkeypatch):
    monkeypatch.setitem(blocks.BLOCKS, "broken", block)
    check, error, words = BROKEN[block]
    with pytest.raises(error, match=words):
        check("broken")


@pytest.mark.parametrize("check", block_contract.CHECKS)
@pytest.mark.parametrize("block", [Same, Careful], ids=lambda block: block.__name__)
def test_a_block_that_keeps_the_contract_passes(block, check, monkeypatch):
    monkeypatch.setitem(blocks.BLOCKS, "kept", block)
    check("kept")


class Shallow(nn.Sequential):
    def __init__(self, in_channels, out_channels, kernel):
        convolution = nn.Conv2d(in_channels, out_channels, kernel, padding=kernel // 2)
        super().__init__(convolution, nn.BatchNorm2d(out_channels), nn.ReLU())


def test_one_convolution_is_enough_to_learn_both(monkeypatch):
    monkeypatch.setitem(blocks.BLOCKS, "shallow", Shallow)
    first_node.check_it_learns_bright_and_dark("shallow")


def test_a_first_activation_learns_one_of_bright_and_dark(monkeypatch):
    monkeypatch.setitem(blocks.BLOCKS, "activating", Activating)
    shares = [first_node.learnt_share("activating", sign) for sign in (1, -1)]
    assert shares[0] < first_node.LEARNT < shares[1]
