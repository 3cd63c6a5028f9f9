"""What the README promises: its commands exist."""

import re
import shlex
from pathlib import Path

import pytest

from mbnas.cli.arguments import parse

PROJECT = Path(__file__).parents[1]
README = PROJECT / "README.md"
BLOCK = re.compile(r"^```[^\n]*\n(.*?)^```", re.MULTILINE | re.DOTALL)


def commands(program):
    """The arguments of a program's calls in the README's blocks of code, one list a call."""
    lines = "\n".join(BLOCK.findall(README.read_text())).replace("\\\n", " ").splitlines()
    calls = (
        shlex.split(line.removeprefix("$ "), comments=True) for line in lines if "─" not in line
    )
    return [call[1:] for call in calls if call[:1] == [program]]


@pytest.mark.parametrize("arguments", commands("mbnas"), ids=" ".join)
def test_the_commands_of_the_readme_exist(arguments):
    assert parse(arguments).command_name == arguments[0]


def test_the_readme_shows_commands():
    assert {arguments[0] for arguments in commands("mbnas")} >= {"check", "search", "status"}
    assert commands("make") == [["demo"], ["test"]]


@pytest.mark.parametrize("target", ["demo", "test", "check", "docs", "bench", "clean"])
def test_the_makefile_has_the_targets_that_pages_name(target):
    assert re.search(rf"^{target}:", (PROJECT / "Makefile").read_text(), re.MULTILINE)
