"""Blocks of a space, built at every width that they may have."""

import pytest
from torch import nn

from mbnas.errors import ConfigurationError
from mbnas.network.blocks import BLOCKS
from mbnas.network.build import check_blocks
from mbnas.space.cell_choices import BlockLevels
from mbnas.space.search_space import Space


def test_a_block_is_refused_only_where_the_space_has_it_too_narrow():
    def dense(first):
        return Space(
            num_levels=4,
            blocks=("vgg", "dense"),
            block_levels=(BlockLevels(block="dense", first=first, last=3),),
        )

    check_blocks(dense(0), 4)
    check_blocks(Space(blocks=("vgg", "residual")), 6)
    check_blocks(dense(2), 6)  # at least 12 channels, also after upsampling
    with pytest.raises(ConfigurationError, match=r"dense block's out_channels \(=6\)"):
        check_blocks(dense(1), 6)


def test_an_error_of_a_block_is_stated_in_a_sentence(monkeypatch):
    def narrow(in_channels, out_channels, kernel):
        if out_channels > 8:
            raise ValueError("too wide")
        return nn.Identity()

    monkeypatch.setitem(BLOCKS, "narrow", narrow)
    check_blocks(Space(num_levels=2, blocks=("narrow",)), 4)
    with pytest.raises(
        ConfigurationError, match=r"narrow cannot be built for 16 channels: ValueError: too wide\."
    ):
        check_blocks(Space(num_levels=3, blocks=("narrow",)), 4)
