"""The block that CONTRIBUTING.md shows works in a package as it shows it."""

import re
import sys
import tomllib
from pathlib import Path

import pytest

from mbnas.errors import ConfigurationError
from mbnas.network.blocks import block_class
from mbnas.testing.block_contract import CHECKS

GUIDE = Path(__file__).parents[2] / "CONTRIBUTING.md"


def examples():
    """Return the section's source of a block, its entry point, and the source of its tests."""
    section = GUIDE.read_text(encoding="utf-8").partition("## Add a block")[2].partition("\n## ")[0]
    return re.findall(r"```(?:python|toml)\n(.*?)```", section, re.DOTALL)


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """A package as a package manager installs it; returns the source of its tests."""
    block, project, tests = examples()
    package = tmp_path / "my_package"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "blocks.py").write_text(block, encoding="utf-8")
    information = tmp_path / "my_package-1.0.dist-info"
    information.mkdir()
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: my-package\nVersion: 1.0\n")
    (points,) = tomllib.loads(project)["project"]["entry-points"].items()
    lines = [f"[{points[0]}]", *(f"{name} = {value}" for name, value in points[1].items())]
    (information / "entry_points.txt").write_text("\n".join(lines))
    monkeypatch.syspath_prepend(tmp_path)
    yield tests
    for name in [each for each in sys.modules if each.partition(".")[0] == "my_package"]:
        del sys.modules[name]


@pytest.mark.parametrize("check", CHECKS)
def test_the_documented_block_keeps_the_contract(check, installed):
    check("ghost")


def test_the_documented_tests_run_every_check(installed):
    names = {}
    exec(compile(installed, "test_ghost.py", "exec"), names)
    test = names["test_it_keeps_the_contract"]
    (mark,) = test.pytestmark
    assert mark.args == ("check", CHECKS)
    test(CHECKS[0])


def test_without_the_package_there_is_no_such_block():
    with pytest.raises(ConfigurationError, match="no block 'ghost'"):
        block_class("ghost")
