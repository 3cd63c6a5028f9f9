"""Links to files of the repository that are no pages lead to a copy of them in the site.

Source is shown in colours, and a folder of source as a list of its modules. Anything else, such as
a report or a table, is copied to the same place.
"""

import ast
import shutil
from collections.abc import Iterator
from html import escape
from os.path import relpath
from pathlib import Path

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.highlighting import PygmentsBridge

LANGUAGES = {
    ".py": "python",
    ".toml": "toml",
    ".cff": "yaml",
    "Dockerfile": "docker",
    "LICENSE": "text",
    "Makefile": "make",
}
"""The language of what is shown as source, by suffix or name."""

NOTEBOOK = ".ipynb"  # a page by itself

Page = tuple[str, dict[str, object], str]


def setup(app: Sphinx) -> dict[str, bool]:
    """Replace links to files and folders as pages are read, then write what they lead to."""
    app.add_config_value("linked", set(), "", types={set})
    app.connect("doctree-read", _link, priority=400)  # before Sphinx collects downloads
    app.connect("html-collect-pages", _source_pages)
    app.connect("build-finished", _copy_others)
    return {"parallel_read_safe": False}  # pages add to one set


def _link(app: Sphinx, document: nodes.document) -> None:
    for node in list(document.findall(_is_link)):
        here = Path(app.env.docname).parent
        target = (app.srcdir / here / node["reftarget"]).resolve()
        if target.exists() and target.is_relative_to(app.srcdir):
            path = target.relative_to(app.srcdir)
            app.config.linked.add(path)
            uri = relpath(_place(path, app.srcdir), here)
            node.replace_self(nodes.reference("", "", *node.children, refuri=uri, internal=True))


def _is_link(node: nodes.Node) -> bool:
    return isinstance(node, addnodes.download_reference) or (
        isinstance(node, addnodes.pending_xref)
        and node["reftype"] == "myst"
        and node["refdomain"] is None
    )


def _language(path: Path) -> str | None:
    return LANGUAGES.get(path.suffix or path.name)


def _place(path: Path, root: Path) -> str:
    """Return where a file or folder of the repository is in the site."""
    if (root / path).is_dir():
        return f"{path}/index.html"
    if path.suffix == NOTEBOOK:
        return str(path.with_suffix(".html"))
    return f"{path}.html" if _language(path) else str(path)


def _source_pages(app: Sphinx) -> Iterator[Page]:
    root, highlight = app.srcdir, PygmentsBridge("html", app.config.pygments_style)
    waiting, done = list(app.config.linked), set()
    while waiting:
        path = waiting.pop()
        if path in done:
            continue
        done.add(path)
        if (root / path).is_dir():
            inside = sorted(_shown(root / path))
            waiting += [each.relative_to(root) for each in inside]
            yield _page(f"{path}/index", path, _listing(inside, root))
        elif language := _language(path):
            text = (root / path).read_text(encoding="utf-8")
            yield _page(str(path), path, highlight.highlight_block(text, language))


def _shown(folder: Path) -> Iterator[Path]:
    for each in folder.iterdir():
        has_source = each.is_dir() and any(each.rglob("*.py"))
        if has_source or each.suffix == NOTEBOOK or _language(each.relative_to(folder)):
            yield each


def _page(name: str, path: Path, body: str) -> Page:
    title = f"<h1><code>{escape(str(path))}</code></h1>"
    return name, {"title": str(path), "body": title + body}, "page.html"


def _listing(inside: list[Path], root: Path) -> str:
    lines = []
    for each in inside:
        path = each.relative_to(root)
        uri = relpath(_place(path, root), path.parent)
        name = f'<a href="{escape(uri)}"><code>{escape(each.name)}</code></a>'
        summary = _summary(each)
        lines.append(f"<li>{name}{': ' if summary else ''}{escape(summary)}</li>")
    return f"<ul>{''.join(lines)}</ul>"


def _summary(path: Path) -> str:
    source = path / "__init__.py" if path.is_dir() else path
    if source.suffix != ".py" or not source.exists():
        return ""
    docstring = ast.get_docstring(ast.parse(source.read_text(encoding="utf-8"))) or ""
    return docstring.split("\n\n")[0]


def _copy_others(app: Sphinx, error: Exception | None) -> None:
    """Copy what is not shown as source; a linked page brings the files of its folder with it."""
    if error is not None:
        return
    for path in app.config.linked:
        source, copy = app.srcdir / path, app.outdir / path
        if source.is_dir() or _language(path):
            continue
        copy.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".html":
            shutil.copytree(source.parent, copy.parent, dirs_exist_ok=True)
        else:
            shutil.copy(source, copy)
