"""The checks of calls draw random items from a generator of their own."""

import random

from .shape_checks import check_calls


@check_calls
def _length(items: list[int]) -> int:
    return len(items)


def test_checking_a_call_leaves_the_global_generator_alone():
    state = random.getstate()
    assert _length(list(range(100))) == 100
    assert random.getstate() == state
