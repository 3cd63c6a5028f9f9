"""A report as one HTML document that needs no network and no other file, light and dark.

It holds what all pages share: the frame around their sections, the table of contents, the line
with the state of the work, and writing the file.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Literal

from mbnas.machine.files import ready_folder, write_text
from mbnas.report.markup import Content, Markup, element, fragment
from mbnas.wording import moment_text

_STYLES = ("page.css", "effects.css", "segmentations.css", "timeline.css")
_LIVE_SCRIPT = "live.js"
_SCRIPTS = ("page.js", "segmentations.js", "tables.js")


@dataclass(frozen=True, slots=True)
class Section:
    """A section of a document; one without content is left out.

    Attributes:
        place: The ``id`` of its element, which the table of contents links to.
        name: Its name in the table of contents.
        content: Its element.
    """

    place: str
    name: str
    content: Markup | None


def render_document(
    title: str,
    sections: Sequence[Section],
    *,
    templates: Iterable[Markup] = (),
    edition: int | None = None,
) -> str:
    """Return a document as HTML; it contains everything it shows and fetches nothing.

    A document that is served asks its server for newer editions, and for nothing else.

    Args:
        title: Shown by the browser.
        sections: From top to bottom.
        templates: What its script can show in addition.
        edition: Number of the edition of a document that is served; ``None`` for a file.
    """
    is_served = edition is not None
    present = [section for section in sections if section.content is not None]
    return Template(_text_of("document.html")).substitute(
        title=fragment(f"{title} · mbnas"),
        style="\n".join(map(_text_of, _STYLES)),
        script="\n".join(map(_text_of, (*_SCRIPTS, *([_LIVE_SCRIPT] if is_served else [])))),
        edition=fragment(Markup(f' data-edition="{edition}"') if is_served else None),
        connect="; connect-src 'self'" if is_served else "",
        contents=_contents(present),
        sections=fragment(*(section.content for section in present)),
        templates=fragment(*templates),
    )


def write_document(html: str, path: Path) -> None:
    """Write a document to ``path`` atomically; its folder is created if it does not exist.

    Raises:
        WriteError: if it cannot be written.
    """
    ready_folder(path.parent)
    write_text(path, html)


def state_line(
    kind: Literal["running", "finished", "stopped"],
    word: str,
    detail: Content,
    updated_at: datetime,
) -> Markup:
    """Return the line with the state of the work and the time of the last update.

    Args:
        kind: Sets its colour.
        word: The state as one word.
        detail: Shown next to it.
        updated_at: When the content of the document was read.
    """
    moment = element("time", moment_text(updated_at), datetime=updated_at.isoformat("T", "seconds"))
    return element(
        "p",
        element("span", word, class_="badge"),
        element("span", detail) if detail else None,
        element("span", "updated ", moment, class_="quiet"),
        class_=f"state {kind}",
    )


def _text_of(name: str) -> str:
    return (files("mbnas.report.page") / "assets" / name).read_text(encoding="utf-8").rstrip()


def _contents(sections: Iterable[Section]) -> Markup:
    """Return the table of contents: a link to every section by its id."""
    links = (
        element("li", element("a", section.name, href=f"#{section.place}")) for section in sections
    )
    return element("nav", element("ol", *links), class_="contents", aria_label="Contents")
