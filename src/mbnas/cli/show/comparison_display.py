"""Tables of a comparison or of prediction scores on standard output."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.table import Table as ScreenTable
from rich.text import Text

from mbnas.cli.terminal import Terminal, table, words
from mbnas.report.tables.comparison_notes import footnotes, sentences
from mbnas.report.tables.comparison_table import Cell, Table, tables
from mbnas.report.tables.difference_tables import difference_tables
from mbnas.results.comparison import Comparison


def print_comparison(
    comparison: Comparison,
    out: Terminal | None = None,
    *,
    more: Sequence[Table] = (),
    more_notes: Sequence[str] = (),
) -> None:
    """Print the tables of a comparison, its findings and notes, at the terminal's width.

    Args:
        comparison: What to print.
        out: The console; standard output by default.
        more: Further tables.
        more_notes: Notes on these.
    """
    out = out or Terminal()
    fits = out.fits(on_screen(tables(comparison)[0]))
    further = (*difference_tables(comparison), *more)
    for each in (*tables(comparison, joined=fits), *further):
        out.print_table(on_screen(each))
    for sentence in sentences(comparison):
        out.print(words(sentence), end="\n\n")
    print_notes(out, (*footnotes(comparison), *more_notes))


def print_notes(out: Terminal, notes: Iterable[str]) -> None:
    """Print notes below tables."""
    for each in notes:
        out.print(words(each, "dim"))


def on_screen(shown: Table) -> ScreenTable:
    """Return a table for the terminal: headers have two lines, and only names wrap."""
    heads = (head.replace(" (", "\n(").replace(" at ", " at\n") for head in shown.heads)
    made = table(*heads, title=shown.title, words_in=range(shown.num_words))
    for row in shown.rows:
        made.add_row(*map(_text, row))
    return made


def _text(cell: Cell) -> Text:
    text = words(cell.text, "bold" if cell.bold else "")
    return text.append(f"\n{words(cell.note).plain}", style="dim") if cell.note else text
