"""What the README and the guides promise: their commands exist."""

import re
import shlex
from pathlib import Path

import pytest

from mbnas.cli.arguments import parse

PROJECT = Path(__file__).parents[1]
README = PROJECT / "README.md"
PAGES = [README, *sorted(PROJECT.glob("docs/*.md"))]
BLOCK = re.compile(r"^```[^\n]*\n(.*?)^```", re.MULTILINE | re.DOTALL)


def commands(page, program):
    """The arguments of a program's calls of a command in a page's code, one list for each call."""
    lines = "\n".join(BLOCK.findall(page.read_text("utf-8"))).replace("\\\n", " ").splitlines()
    calls = (
        shlex.split(line.removeprefix("$ "), comments=True)
        for line in lines
        if line.removeprefix("$ ").startswith(program)
    )
    return [call[1:] for call in calls if call[0] == program and not call[1].startswith("-")]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_commands_of_a_page_exist(page):
    for arguments in commands(page, "mbnas"):
        assert parse(arguments).command_name == arguments[0]


def test_the_readme_shows_commands():
    shown = {arguments[0] for arguments in commands(README, "mbnas")}
    assert shown >= {"check", "search", "status", "compare", "train", "predict"}
    assert commands(README, "make") == [["demo"], ["test"]]


def test_the_page_of_commands_shows_every_command(capsys):
    with pytest.raises(SystemExit):
        parse(["--help"])
    every = set(re.findall(r"^    ([a-z]+)\b", capsys.readouterr().out, re.MULTILINE))
    shown = {arguments[0] for arguments in commands(PROJECT / "docs" / "commands.md", "mbnas")}
    assert shown == every


@pytest.mark.parametrize("target", ["demo", "test", "check", "docs", "bench", "clean"])
def test_the_makefile_has_the_targets_that_pages_name(target):
    assert re.search(rf"^{target}:", (PROJECT / "Makefile").read_text(), re.MULTILINE)
