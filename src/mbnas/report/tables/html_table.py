"""HTML tables that scroll on a narrow screen."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from mbnas.report.markup import Content, Markup, element


def html_table(
    heads: Sequence[str], rows: Iterable[Markup], *, words: Sequence[int] = ()
) -> Markup:
    """Return a table that scrolls horizontally on a narrow screen.

    Args:
        heads: Of the columns.
        rows: Elements of kind ``tr``.
        words: Numbers of the columns of words, which are aligned to the left.
    """
    cells = (
        element("th", head, scope="col", class_="words" if column in words else None)
        for column, head in enumerate(heads)
    )
    head = element("thead", element("tr", *cells))
    return element("div", element("table", head, element("tbody", *rows)), class_="wide")


def fact_table(facts: Iterable[tuple[str, Content]]) -> Markup:
    """Return a table of two columns: the name of each fact, and the fact.

    Args:
        facts: Names and values; a fact without a value is left out.
    """
    rows = (
        element("tr", element("th", name, scope="row", class_="words"), element("td", value))
        for name, value in facts
        if value is not None
    )
    return element("table", element("tbody", *rows))
