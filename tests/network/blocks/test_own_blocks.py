"""Every block of mbnas keeps the contract of blocks."""

import pytest

from mbnas.network.blocks import BLOCKS
from mbnas.testing.block_contract import CHECKS


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("name", BLOCKS)
def test_it_keeps_the_contract(name, check):
    check(name)
