"""The warning of a busy machine."""

import pytest

from mbnas.machine.load import load_sentence


@pytest.mark.parametrize(
    ("load", "is_said"), [(0.0, False), (3.9, False), (4.0, True), (30.0, True)]
)
def test_a_machine_is_busy_if_every_core_has_a_process(load, is_said):
    assert (load_sentence(load, 4) is not None) == is_said
