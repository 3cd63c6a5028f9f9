"""Networks trained anew, side by side."""

from __future__ import annotations

from collections.abc import Iterator

from mbnas.report.comparison import Comparison
from mbnas.report.comparison_notes import footnotes
from mbnas.report.comparison_table import tables
from mbnas.report.comparison_text import as_html
from mbnas.report.markup import Markup, element


def comparison_section(comparison: Comparison) -> Markup:
    """Return the tables of a comparison and by which conventions they were made."""
    notes = (element("li", note) for note in footnotes(comparison))
    return element(
        "section",
        element("h2", "Trained anew"),
        *_tables(comparison),
        element(
            "details",
            element("summary", "How these numbers were made"),
            element("ul", *notes, class_="small"),
            class_="printed",
        ),
        id="comparison",
    )


def _tables(comparison: Comparison) -> Iterator[Markup]:
    for table in tables(comparison):
        yield element("h3", table.title)
        yield as_html(table)
