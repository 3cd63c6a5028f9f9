"""What a page offers to do next."""

import shlex
from pathlib import Path

import pytest

from mbnas.cli.arguments import parse
from mbnas.results.choice.next_steps import next_steps

STATES = ("running", "finished", "stopped")


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("known", [False, True])
def test_every_command_is_one_of_mbnas(state, known):
    steps = next_steps(Path("it's; a study"), "my data", state, is_compared=known, is_trained=known)
    assert steps
    for step in steps:
        program, *typed = shlex.split(step.command)
        assert program == "mbnas"
        asked = vars(parse(typed))
        assert Path("it's; a study") in (asked.get("study"), *asked.get("studies", ()))


def test_what_was_done_is_not_offered_again():
    first = next_steps(Path("s"), "d", "finished", is_compared=False, is_trained=False)
    later = next_steps(Path("s"), "d", "finished", is_compared=True, is_trained=True)
    assert [each.command.split()[1] for each in first] == ["compare", "train", "figures"]
    assert [each.command.split()[1] for each in later] == ["predict", "figures"]


def test_only_a_page_that_is_a_file_offers_one_that_is_served():
    steps = next_steps(Path("s"), "d", "running", is_compared=False, is_trained=False)
    assert {each.command: each.needless_on for each in steps} == {
        "mbnas report s --live": ("served",),
        "mbnas status s --watch": (),
    }
