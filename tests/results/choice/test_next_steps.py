"""What a page and a terminal offer to do next."""

import shlex
from pathlib import Path

import pytest

from mbnas.cli.arguments import parse
from mbnas.results.choice.next_steps import model_steps, next_steps

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
        studies = (asked.get("study"), *asked.get("studies", ()))
        assert "it's; a study" in map(str, studies)


def test_what_was_done_is_not_offered_again():
    first = next_steps(Path("s"), "d", "finished", is_compared=False, is_trained=False)
    later = next_steps(Path("s"), "d", "finished", is_compared=True, is_trained=True)
    assert [each.command.split()[1] for each in first] == ["compare", "train", "explain", "figures"]
    assert [each.command.split()[1] for each in later] == [
        "predict",
        "export",
        "explain",
        "figures",
    ]


def test_a_model_in_any_folder_is_used_by_the_same_commands():
    for step in model_steps(Path("a; b")):
        assert vars(parse(shlex.split(step.command)[1:]))


def test_no_page_offers_what_it_explains():
    steps = next_steps(Path("s"), "d", "finished", is_compared=True, is_trained=False)
    needless = {each.command.split()[1]: each.needless_on for each in steps}
    assert needless == {"train": (), "explain": ("file", "served"), "figures": ()}


def test_only_a_page_that_is_a_file_offers_one_that_is_served():
    steps = next_steps(Path("s"), "d", "running", is_compared=False, is_trained=False)
    assert {each.command: each.needless_on for each in steps} == {
        "mbnas report s --live": ("served",),
        "mbnas status s --watch": (),
    }
