"""Tables of a comparison or of prediction scores on standard output."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.table import Table as ScreenTable
from rich.text import Text

from mbnas.cli.terminal import Terminal, table, words
from mbnas.report.tables.comparison_notes import failures, footnotes, sentences
from mbnas.report.tables.comparison_table import Cell, Table, tables
from mbnas.report.tables.difference_tables import difference_tables
from mbnas.results.choice.short_verdict import comparison_verdict
from mbnas.results.comparison import Comparison


def print_comparison(
    comparison: Comparison,
    out: Terminal | None = None,
    *,
    reference: str = "",
    with_notes: bool = False,
    more: Sequence[Table] = (),
    more_notes: Sequence[str] = (),
) -> None:
    """Print the verdict of a comparison, its tables and its basis, at the terminal's width.

    Args:
        comparison: What to print.
        out: The console; standard output by default.
        reference: Text of the architecture with which the first network is compared in the
            verdict; by default the second network.
        with_notes: Whether conventions and cautions are printed below the tables.
        more: Further tables.
        more_notes: Notes on these.
    """
    out = out or Terminal()
    if (verdict := comparison_verdict(comparison, reference)) is not None:
        for sentence in verdict.sentences:
            out.print(words(sentence, "bold"))
        out.print()
    fits = out.fits(on_screen(tables(comparison)[0]))
    further = (*difference_tables(comparison), *more)
    for each in (*tables(comparison, joined=fits), *further):
        out.print_table(on_screen(each))
    found = sentences(comparison)
    always = [each for each in found if each in (comparison.basis, comparison.optimism)]
    for sentence in (*always, *failures(comparison)):
        out.print(words(sentence))
    cautions = [each for each in found if each not in always]
    print_notes(out, (*cautions, *footnotes(comparison), *more_notes), shown=with_notes)


def print_notes(out: Terminal, notes: Iterable[str], *, shown: bool) -> None:
    """Print notes below tables, or which option prints them."""
    hidden = ("--notes prints how everything is measured, and what it does not cover.",)
    for each in notes if shown else hidden:
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
