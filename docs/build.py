"""Build the documentation site: the API from docstrings, and the project's pages beside it.

Pages become HTML at the paths they have in the repository, so that links between them hold.

    python docs/build.py site
"""

from __future__ import annotations

import pkgutil
import re
import shutil
import sys
from html import escape
from importlib import import_module
from pathlib import Path

import markdown2
import pdoc

import mbnas

ROOT = Path(__file__).resolve().parents[1]
PAGES = ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md", "benchmarks/README.md")
EXTRAS = ["tables", "fenced-code-blocks", "header-ids"]
LINK = re.compile(r"\]\((?!\w+:|#)([^)#\s]+)")
STYLE = (
    ":root{color-scheme:light dark}"
    "body{max-width:46rem;margin:2rem auto;padding:0 1rem;font:1rem/1.5 system-ui,sans-serif}"
    "img{max-width:100%}pre{overflow-x:auto;padding:.8rem;background:#8881}"
    "table{border-collapse:collapse}td,th{border:1px solid #8886;padding:.2rem .6rem}"
)


def main(site: Path) -> None:
    """Write the whole site into a folder."""
    for name in mbnas.__all__:  # pdoc takes what is imported late for a module
        setattr(mbnas, name, getattr(mbnas, name))
    pdoc.render.configure(docformat="google", template_directory=ROOT / "docs" / "theme")
    pdoc.pdoc(*modules(), output_directory=site)
    for page in [ROOT / page for page in PAGES] + sorted((ROOT / "docs").rglob("*.md")):
        text = page.read_text(encoding="utf-8")
        place_of(page.with_suffix(".html"), site).write_text(render(text), encoding="utf-8")
        for link in LINK.findall(text):
            linked = (page.parent / link).resolve()
            if linked.is_file() and linked.suffix != ".md":
                shutil.copy(linked, place_of(linked, site))


def place_of(file: Path, site: Path) -> Path:
    """Return where a file of the repository is in the site, in a folder that exists."""
    place = site / file.relative_to(ROOT)
    place.parent.mkdir(parents=True, exist_ok=True)
    return place


def modules() -> list[str]:
    """Return what pdoc is to walk: it would leave out submodules that an ``__all__`` lacks."""
    names = [each.name for each in pkgutil.walk_packages(mbnas.__path__, "mbnas.")]
    names.remove("mbnas.__main__")
    left_out = (name for name in names if "__all__" in vars(import_module(parent_of(name))))
    return ["mbnas", *left_out]


def parent_of(name: str) -> str:
    """Return the package that a module is in."""
    return name.rpartition(".")[0]


def render(text: str) -> str:
    """Return a page of the site for a page of Markdown."""
    title = re.search(r"^# (.+)$", text, re.MULTILINE)
    body = markdown2.markdown(text, extras=EXTRAS)
    body = re.sub(r'href="(?!\w+:)([^"#]+)\.md(#[^"]*)?"', r'href="\1.html\2"', body)
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>{escape(title[1] if title else 'mbnas')}</title><style>{STYLE}</style>"
        f"{body}</html>\n"
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
