"""The sections on a comparison: its tables, its conclusions, and the rank diagram."""

from __future__ import annotations

from collections.abc import Iterator

from mbnas.report.charts.rank_diagram import draw_ranks
from mbnas.report.markup import Markup, element, fragment
from mbnas.report.tables.comparison_notes import failures, footnotes, sentences
from mbnas.report.tables.comparison_table import tables
from mbnas.report.tables.difference_tables import difference_tables
from mbnas.report.tables.table_text import as_html
from mbnas.results.comparison import Comparison
from mbnas.scoring.differences import ALPHA


def comparison_section(comparison: Comparison) -> Markup:
    """Return the tables of a comparison and their conventions."""
    notes = (element("li", note) for note in (*footnotes(comparison), *failures(comparison)))
    return element(
        "section",
        element("h2", "Trained again on new initialisations"),
        *_tables(comparison),
        element(
            "details",
            element("summary", "How these numbers were computed"),
            element("ul", *notes, class_="small"),
            class_="printed",
        ),
        id="comparison",
    )


def _tables(comparison: Comparison) -> Iterator[Markup]:
    for table in tables(comparison):
        yield element("h3", table.title)
        yield as_html(table)


def statistics_section(comparison: Comparison | None) -> Markup | None:
    """Return the conclusions of a comparison; ``None`` if there are none."""
    if comparison is None or not (comparison.differences or comparison.optimism):
        return None
    basis, *others = sentences(comparison)
    conclusions, *paper_tests = [
        fragment(element("h3", table.title), as_html(table))
        for table in difference_tables(comparison)
    ] or [fragment()]
    return element(
        "section",
        element("h2", "What the differences show"),
        element("p", basis),
        conclusions,
        *(element("p", each, class_="quiet small") for each in others),
        element(
            "details",
            element("summary", "The paper's own tests, over blocks"),
            *paper_tests,
            _diagram(comparison),
            class_="printed",
        )
        if paper_tests
        else None,
        id="statistics",
    )


def _diagram(comparison: Comparison) -> Markup | None:
    """Return the critical-difference diagram if networks were ranked."""
    friedman, difference = comparison.friedman, comparison.critical_difference
    if friedman is None or difference is None:
        return None
    names = comparison.tested_names
    ranks = friedman.average_ranks
    caption = (
        f"Average rank of every network over {friedman.num_blocks} blocks, each one initialisation "
        "on one fold; 1 is best. A bar joins networks whose ranks differ by less than the critical "
        f"difference (Nemenyi, α = {ALPHA:g}). As blocks are not independent, the bars are too "
        "short: the conclusions are those of the table over patients."
    )
    return element(
        "figure",
        fragment(*(draw_ranks(names, ranks, difference, shape) for shape in ("broad", "narrow"))),
        element("figcaption", caption, class_="quiet small"),
    )
