"""The arrangement of the package: one version, a described tree, plain names, no import circle."""

import ast
import re
from collections import Counter
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import mbnas
from mbnas.version import __version__

PROJECT = Path(__file__).parents[1]
PACKAGE = PROJECT / "src" / "mbnas"


def test_the_package_has_its_version():
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
def test_every_module_has_a_docstring(module):
    assert ast.get_docstring(ast.parse(module.read_text(encoding="utf-8")))


# The tree

MAX_MODULES = 13
"""Modules of a folder, except that each command has one."""

LEDGER = Path("study/ledger/ledger.py")
"""Named as its folder: the class is the folder's one entry."""


def modules(root, pattern="*.py"):
    """Return the paths of Python files below a folder, relative to it."""
    return sorted(path.relative_to(root) for path in root.rglob(pattern))


def folders(root):
    return sorted({path.parent for path in modules(root)})


def repeated(names):
    return [name for name, count in Counter(names).items() if count > 1]


@pytest.mark.parametrize("folder", folders(PACKAGE), ids=str)
def test_a_folder_has_about_a_dozen_modules(folder):
    found = [path for path in (PACKAGE / folder).glob("*.py") if path.name != "__init__.py"]
    assert len(found) <= MAX_MODULES


def test_no_two_modules_have_the_same_name():
    assert repeated(path.name for path in modules(PACKAGE) if path.name != "__init__.py") == []


def test_no_module_is_named_as_its_folder():
    assert [path for path in modules(PACKAGE) if path.stem == path.parent.name] == [LEDGER]


def test_tests_mirror_the_package():
    tested = {path.parent for path in modules(PROJECT / "tests", "test_*.py")}
    assert tested <= set(folders(PACKAGE))


@pytest.mark.parametrize("package", modules(PACKAGE, "__init__.py"), ids=str)
def test_every_package_is_described_in_a_sentence(package):
    docstring = ast.get_docstring(ast.parse((PACKAGE / package).read_text(encoding="utf-8")))
    sentence, *_ = docstring.split("\n\n")
    assert "\n" not in sentence
    assert sentence.endswith(".")


def test_no_modules_import_each_other():
    grimp = pytest.importorskip("grimp")  # comes with import-linter
    graph = grimp.build_graph("mbnas", cache_dir=None, exclude_type_checking_imports=True)
    imports = {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}
    tuple(TopologicalSorter(imports).static_order())  # raises CycleError if there is a circle


# The words

METAPHORS = {
    "anew", "ear", "ears", "fire", "futile", "gate", "gates", "house", "journey", "lane",
    "lanes", "lifeline", "pulse", "room", "rooms", "shortage", "thrift", "vain", "whoever",
}  # fmt: skip


def identifiers(path):
    """Yield the names of a module, its functions, classes and their arguments."""
    yield path.stem
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                yield node.name
            case ast.arg():
                yield node.arg


def words(identifier):
    """Return the words of an identifier, in lower case.

    >>> sorted(words("_MemoryQueue")), sorted(words("device_memory_bytes"))
    (['memory', 'queue'], ['bytes', 'device', 'memory'])
    """
    return {word.lower() for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", identifier)}


def test_names_are_no_metaphors():
    found = {
        f"{path}: {name}"
        for path in modules(PACKAGE)
        for name in identifiers(PACKAGE / path)
        if words(name) & METAPHORS
    }
    assert found == set()
