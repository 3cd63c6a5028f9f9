"""Build the documentation site: the API from docstrings, and the project's pages beside it.

Pages become HTML at the paths they have in the repository, so that links between them hold.

    python docs/build.py site
"""

from __future__ import annotations

import argparse
import os
import pkgutil
import re
import shutil
from html import escape
from importlib import import_module
from pathlib import Path

import markdown2
import pdoc

import mbnas

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "src"
PAGES = sorted(
    [
        *(
            ROOT / name
            for name in ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md")
        ),
        *(ROOT / "docs").rglob("*.md"),
        *(ROOT / "benchmarks").rglob("*.md"),
        *SOURCE.rglob("mbnas/**/*.md"),
    ]
)
EXTRAS = ["tables", "fenced-code-blocks", "header-ids"]
HREF = re.compile(r'href="(?!\w+:)([^"#]+)(#[^"]*)?"')
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
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        place_of(page.with_suffix(".html"), site).write_text(render(text, page), encoding="utf-8")
        for link in LINK.findall(text):
            linked = (page.parent / link).resolve()
            if linked.is_file() and linked.suffix != ".md" and SOURCE not in linked.parents:
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
    return ["mbnas", *(name for name in names if is_left_out(name))]


def is_left_out(name: str) -> bool:
    """Return whether the ``__all__`` of a module's package lacks it."""
    package, _, last = name.rpartition(".")
    return last not in vars(import_module(package)).get("__all__", [last])


def render(text: str, page: Path) -> str:
    """Return the HTML of a page of Markdown."""
    title = re.search(r"^# (.+)$", text, re.MULTILINE)
    body = markdown2.markdown(text, extras=EXTRAS)
    body = HREF.sub(lambda match: f'href="{target(match[1], page)}{match[2] or ""}"', body)
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>{escape(title[1] if title else 'mbnas')}</title><style>{STYLE}</style>"
        f"{body}</html>\n"
    )


def target(link: str, page: Path) -> str:
    """Return where a page's relative link leads in the site.

    A module or package leads to its page of the API, and a page of Markdown to its HTML.
    """
    linked = (page.parent / link).resolve()
    if linked.suffix == ".md":
        return str(Path(link).with_suffix(".html"))
    if SOURCE not in linked.parents:
        return link
    api = ROOT / linked.relative_to(SOURCE).with_suffix(".html")
    return os.path.relpath(api, page.parent)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Build the documentation site.")
    parser.add_argument("site", type=Path, help="folder to write into")
    main(parser.parse_args().site)
