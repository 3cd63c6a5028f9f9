"""The interface of a network, and the numbers it allows."""

import pytest

from mbnas.errors import ConfigurationError
from mbnas.network.interface import Interface


@pytest.mark.parametrize("name", ["in_channels", "num_classes", "size"])
def test_a_number_below_one_is_refused(name):
    numbers = {"in_channels": 1, "num_classes": 2, "size": 8} | {name: 0}
    with pytest.raises(ConfigurationError, match=rf"{name} \(=0\) must be 1 or more"):
        Interface(**numbers)
