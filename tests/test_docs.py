"""The pages: every link, module, file and class that they name exists."""

import ast
import re
from importlib.util import find_spec
from pathlib import Path

import pytest

import mbnas
from mbnas import extending

PROJECT = Path(__file__).parents[1]
PACKAGE = PROJECT / "src" / "mbnas"
PAGES = sorted(
    [
        *PROJECT.glob("*.md"),
        *PROJECT.glob("docs/**/*.md"),
        *PROJECT.glob("bench*/*.md"),
        *PACKAGE.glob("**/*.md"),
    ]
)
CURRENT = [page for page in PAGES if page.name != "CHANGELOG.md"]  # which may name what is gone
EXAMPLES = PROJECT / "examples"
GLOSSARY = PROJECT / "docs" / "glossary.md"

LINK = re.compile(r"\]\((?!\w+:|//)([^)#\s]*)(?:#([^)\s]+))?[^)]*\)")
HEADING = re.compile(r"^#+ +(.+)$", re.MULTILINE)
QUOTED = re.compile(r"`([^`\n]+)`")
FENCED = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
FILE = re.compile(r"[\w-]+(?:/[\w-]+)*(?:/|\.py)")
DOTTED = re.compile(r"\bmbnas(?:\.\w+)+")
IMPORT = re.compile(r"from (mbnas[\w.]*) import (\w+(?:, \w+)*)")

IDENTIFIER = re.compile(r"\b(?:[A-Z]\w*[a-z]\w*|[A-Za-z]{2,}\w*_\w+)\b")

NOT_HERE = {"network.py", "utils.py", "results/DATE/"}
"""Names of files that commands write, and of a file that must not exist."""
NO_MODULES = {"mbnas.blocks", "mbnas.searchers"}
"""Entry-point groups, which are spelled like modules."""


def of_page(page):
    return str(page.relative_to(PROJECT))


def describes_the_code(page):
    return (
        page.name in ("ARCHITECTURE.md", "glossary.md")
        or page.parent.name in ("method", "internals", "decisions")
        or PACKAGE in page.parents
    )


def anchors(page):
    """The anchors of a page's headings, as GitHub and the site make them."""
    headings = HEADING.findall(FENCED.sub("", page.read_text(encoding="utf-8")))
    return {re.sub(r"[^\w\- ]", "", each.lower()).replace(" ", "-") for each in headings}


def exists(name):
    """Whether a dotted name is a module, or something that a module defines."""
    try:
        if find_spec(name) is not None:
            return True
    except ModuleNotFoundError:
        pass
    module, _, last = name.rpartition(".")
    if not module:
        return False
    try:
        spec = find_spec(module)
    except ModuleNotFoundError:
        return False
    return spec is not None and last in definitions(Path(spec.origin))


def definitions(file):
    """The names that a module defines or imports at its top level, also inside ``if``."""
    names = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        match node:
            case ast.ClassDef(name=name) | ast.FunctionDef(name=name):
                names.add(name)
            case ast.Name(id=name, ctx=ast.Store()):
                names.add(name)
            case ast.ImportFrom(names=imported) | ast.Import(names=imported):
                names.update(each.asname or each.name for each in imported)
    return names


@pytest.mark.parametrize("page", PAGES, ids=of_page)
def test_links_lead_to_files(page):
    missing = [
        to for to, _ in LINK.findall(page.read_text("utf-8")) if not (page.parent / to).exists()
    ]
    assert missing == []


@pytest.mark.parametrize("page", PAGES, ids=of_page)
def test_links_to_sections_lead_to_headings(page):
    missing = [
        f"{to}#{anchor}"
        for to, anchor in LINK.findall(page.read_text("utf-8"))
        if anchor and anchor not in anchors(page.parent / to if to else page)
    ]
    assert missing == []


@pytest.mark.parametrize("page", CURRENT, ids=of_page)
def test_named_files_exist(page):
    """A path is relative to the repository, the package, or the page's own folder."""
    text = FENCED.sub("", page.read_text("utf-8"))
    named = {each for each in QUOTED.findall(text) if FILE.fullmatch(each)} - NOT_HERE
    in_code = {
        each
        for each in named
        if each.endswith(".py")
        or any((root / each.split("/")[0]).is_dir() for root in (PROJECT, PACKAGE))
    }
    missing = {
        each
        for each in in_code
        if not any((root / each).exists() for root in (PROJECT, PACKAGE, EXAMPLES, page.parent))
    }
    assert missing == set()


@pytest.mark.parametrize("page", sorted(PACKAGE.glob("**/README.md")), ids=of_page)
def test_the_readme_of_a_folder_names_its_files(page):
    files = {each.name for each in page.parent.glob("*.py")} - {"__init__.py"}
    assert files - set(QUOTED.findall(page.read_text("utf-8"))) == set()


@pytest.mark.parametrize("page", CURRENT, ids=of_page)
def test_named_modules_exist(page):
    text = page.read_text("utf-8")
    named = set(DOTTED.findall(text)) - NO_MODULES
    named |= {
        f"{module}.{name}" for module, names in IMPORT.findall(text) for name in names.split(", ")
    }
    assert {each for each in named if not exists(each)} == set()


def test_the_glossary_names_what_is_in_the_code():
    code = "\n".join(file.read_text("utf-8") for file in PACKAGE.glob("**/*.py"))
    named = set(QUOTED.findall(GLOSSARY.read_text("utf-8")))
    identifiers = {part for each in named if each[0].isupper() for part in each.split(".")}
    assert {each for each in identifiers if not re.search(rf"\b{each}\b", code)} == set()
    classes = {each for each in named if re.fullmatch(r"[A-Z]\w*[a-z]\w*", each)}
    assert classes >= {"Protocol", "Proposal", "TrainingTask", "WorkerPool", "Snapshot"}
    undefined = {
        each
        for each in classes
        if not re.search(rf"^(class {each}\b|{each}(:.*)? = )", code, re.MULTILINE)
    }
    assert undefined == set()


@pytest.mark.parametrize("page", [page for page in PAGES if describes_the_code(page)], ids=of_page)
def test_named_classes_functions_and_constants_exist(page):
    text = FENCED.sub("", page.read_text("utf-8"))
    named = [each for each in QUOTED.findall(text) if not each.endswith(".py")]
    words = {word for each in named for word in IDENTIFIER.findall(each)}
    code = "\n".join(file.read_text("utf-8") for file in PROJECT.glob("[st]*/**/*.py"))
    assert {each for each in words if each not in code} == set()


def test_the_architecture_is_read_in_ten_minutes():
    assert (PROJECT / "ARCHITECTURE.md").stat().st_size <= 8 * 1024


def texts_in_the_code():
    """Every text of the package; what an f-string fills in is left out."""
    for file in PACKAGE.glob("**/*.py"):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            match node:
                case ast.Constant(value=str(text)):
                    yield text
                case ast.JoinedStr(values=parts):
                    yield "…".join(each.value for each in parts if isinstance(each, ast.Constant))


def test_troubleshooting_quotes_messages_that_exist():
    page = (PROJECT / "docs" / "troubleshooting.md").read_text("utf-8")
    cells = [line.split("|")[1] for line in page.splitlines() if line.startswith("| ")]
    quoted = [each for cell in cells for each in re.findall(r"\*([^*]+)\*", cell)]
    assert len(quoted) > 50
    parts = {part.strip(" .,") for each in quoted for part in each.split("…")} - {""}
    code = "\n".join(texts_in_the_code())
    assert {part for part in parts if part not in code} == set()


def test_every_page_for_users_is_in_the_navigation():
    listed = {to for to, _ in LINK.findall((PROJECT / "docs" / "README.md").read_text("utf-8"))}
    pages = {
        str(page.relative_to(PROJECT / "docs"))
        for folder in ("", "method/", "internals/")
        for page in PROJECT.glob(f"docs/{folder}*.md")
    }
    assert pages - {"README.md"} <= listed


def test_the_python_reference_has_every_public_name():
    page = (PROJECT / "docs" / "api.md").read_text("utf-8")
    documented = set(re.findall(r"^\.\. auto\w+:: mbnas\.([\w.]+)$", page, re.MULTILINE))
    of_others = {f"extending.{name}" for name in extending.__all__} | {"extending"}
    contracts = {"testing.block_contract", "search.testing.searcher_contract"}
    assert documented - contracts == set(mbnas.__all__) - {"__version__"} | of_others
