"""A comparison on standard output, for people."""

from __future__ import annotations

from collections.abc import Sequence

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.measure import Measurement
from rich.table import Table as ScreenTable
from rich.text import Text

from mbnas.report.comparison import Comparison
from mbnas.report.comparison_notes import footnotes, sentences
from mbnas.report.comparison_table import Cell, Table, tables
from mbnas.report.difference_tables import difference_tables

_UNBOUNDED = 1000


def print_comparison(
    comparison: Comparison,
    out: Console | None = None,
    *,
    more: Sequence[Table] = (),
    more_notes: Sequence[str] = (),
) -> None:
    """Print the tables of a comparison, what they show, and their notes, at the screen's width.

    Args:
        comparison: What to print.
        out: Where to, standard output by default.
        more: Further tables.
        more_notes: What belongs to them.
    """
    out = out or Console(highlight=False)
    main = on_screen(tables(comparison)[0])
    unbounded = out.options.update(max_width=_UNBOUNDED)
    fits = Measurement.get(out, unbounded, main).maximum <= out.width
    for table in tables(comparison, joined=fits):
        out.print(on_screen(table))
        out.print()
    for table in (*difference_tables(comparison), *more):
        out.print(on_screen(table))
        out.print()
    for sentence in sentences(comparison):
        out.print(escape(sentence), end="\n\n")
    for note in (*footnotes(comparison), *more_notes):
        out.print(f"[dim]{escape(note)}[/]")


def on_screen(table: Table) -> ScreenTable:
    """Return a table whose numbers stay whole; heads have two lines, and names wrap if need be."""
    made = ScreenTable(
        box=box.SIMPLE_HEAD,
        show_edge=False,
        pad_edge=False,
        title=escape(table.title),
        title_justify="left",
        title_style="bold",
    )
    for number, head in enumerate(table.heads):
        is_number = number >= table.num_words
        made.add_column(
            escape(head.replace(" (", "\n(").replace(" at ", " at\n")),
            justify="right" if is_number else "left",
            no_wrap=is_number,
        )
    for row in table.rows:
        made.add_row(*map(_text, row))
    return made


def _text(cell: Cell) -> Text:
    text = Text(cell.text, style="bold" if cell.bold else "")
    return text.append(f"\n{cell.note}", style="dim") if cell.note else text
