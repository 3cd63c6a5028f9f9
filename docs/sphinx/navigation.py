"""The navigation of the site is the list of pages in docs/README.md.

A section there is a section here, and a link in its list is a page. The README of another folder
has the other pages of its folder below it.
"""

import re
from os.path import normpath
from pathlib import Path

from sphinx.application import Sphinx

CONTENTS = "docs/README"
SECTION = re.compile(r"^## (.+)$\n((?:.*\n)*?)(?=^## |\Z)", re.MULTILINE)
START = '<!doctype html><meta charset="utf-8"><meta http-equiv="refresh" content="0; url={page}">'
ENTRY = re.compile(r"^(?:-|\d+\.) \[[^\]]+\]\(([^)#:]+)\.(?:md|ipynb)\)", re.MULTILINE)


def setup(app: Sphinx) -> dict[str, bool]:
    """Add the navigation to the front page and to the README of each folder."""
    app.connect("source-read", _add)
    app.connect("build-finished", _write_start)
    return {"parallel_read_safe": True}


def _add(app: Sphinx, page: str, source: list[str]) -> None:
    if page == app.config.root_doc:
        contents = (app.srcdir / f"{CONTENTS}.md").read_text(encoding="utf-8")
        source[0] += _tree("", [CONTENTS])
        for title, text in SECTION.findall(contents):
            source[0] += _tree(title, [normpath(f"docs/{each}") for each in ENTRY.findall(text)])
    elif page != CONTENTS and Path(page).name == "README":
        below = [
            each
            for each in sorted(app.env.found_docs)
            if each != page and Path(each).parent == Path(page).parent
        ]
        source[0] += _tree("", below)


def _tree(title: str, pages: list[str]) -> str:
    caption = f":caption: {title}\n" if title else ""
    entries = "\n".join(f"/{page}" for page in pages)
    return f"\n\n```{{toctree}}\n:hidden:\n{caption}\n{entries}\n```\n" if pages else ""


def _write_start(app: Sphinx, error: Exception | None) -> None:
    """Make index.html, which web servers and people open, lead to the front page."""
    if error is None:
        page = START.format(page=f"{app.config.root_doc}.html")
        (app.outdir / "index.html").write_text(page, encoding="utf-8")
