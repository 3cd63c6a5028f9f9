"""News reach the innermost listener, and nobody without one."""

import pytest

from mbnas.machine.news import hearing, tell


def test_news_without_a_listener_go_nowhere():
    tell("nobody hears this")


def test_news_reach_the_innermost_listener():
    outer, inner = [], []
    with hearing(outer.append):
        tell(1)
        with hearing(inner.append):
            tell(2)
        tell(3)
    tell(4)
    assert (outer, inner) == ([1, 3], [2])


def test_a_listener_is_gone_after_an_error():
    heard = []
    with pytest.raises(ZeroDivisionError), hearing(heard.append):
        raise ZeroDivisionError
    tell(1)
    assert heard == []
