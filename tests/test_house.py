"""The house itself: one version everywhere, types for those who use it, a word in every module."""

import ast
import re
from pathlib import Path

import pytest

import mbnas
from mbnas.version import __version__

PROJECT = Path(__file__).parents[1]
PACKAGE = PROJECT / "src" / "mbnas"


def test_the_package_tells_its_version():
    assert mbnas.__version__ == __version__


def test_the_citation_names_the_version():
    text = (PROJECT / "CITATION.cff").read_text()
    assert re.findall(r"^version: (.+)$", text, re.MULTILINE) == [__version__]


def test_the_changelog_begins_with_the_version():
    headings = re.findall(r"^## \[(.+?)\]", (PROJECT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert next(each for each in headings if each != "Unreleased") == __version__


def test_the_package_is_typed():
    assert (PACKAGE / "py.typed").exists()


@pytest.mark.parametrize(
    "module", sorted(PACKAGE.rglob("*.py")), ids=lambda path: str(path.relative_to(PACKAGE))
)
def test_every_module_says_what_it_is(module):
    assert ast.get_docstring(ast.parse(module.read_text(encoding="utf-8")))
