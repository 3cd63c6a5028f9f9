"""Text and tables for people: without markup, and with names escaped.

At a terminal, text and tables fit its width. Elsewhere, nothing is coloured, cut or wrapped.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from rich import box
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from mbnas.escaping import visible

_UNBOUNDED = 100_000


class Terminal(Console):
    """A console that interprets no markup and escapes invisible characters."""

    def __init__(self, *, stderr: bool = False) -> None:
        super().__init__(stderr=stderr, markup=False, emoji=False, highlight=False, soft_wrap=True)
        if not self.is_terminal:
            self.width = _UNBOUNDED

    def render_str(self, text: str, **how: Any) -> Text:
        """Return text without markup, its line breaks kept and other control characters escaped."""
        return super().render_str(visible(text, keep="\n"), **how | {"markup": False})

    def on_broken_pipe(self) -> None:
        """Raise again, so that the command line ends the command."""
        raise

    def print_table(self, table: Table) -> None:
        """Print a table and an empty line; columns of words wrap if necessary.

        If the terminal is too narrow even so, each cell is printed on its own line.
        """
        unbounded = self.options.update(max_width=_UNBOUNDED)
        if Measurement.get(self, unbounded, table).minimum <= self.width:
            self.print(table, soft_wrap=False)
            self.print()
            return
        if table.title:
            self.print(table.title)
        for row in zip(*(column.cells for column in table.columns), strict=True):
            self.print()
            for column, cell in zip(table.columns, row, strict=True):
                text = str(cell).replace("\n", " ")
                if text:
                    self.print(f"{str(column.header).replace(chr(10), ' ') or '–'}: {text}")
        self.print()

    def fits(self, table: Table) -> bool:
        """Return whether a table can be printed without wrapping."""
        unbounded = self.options.update(max_width=_UNBOUNDED)
        return Measurement.get(self, unbounded, table).maximum <= self.width


def words(text: str, style: str = "") -> Text:
    r"""Return one line of text in a style, with names escaped.

    >>> words("left\nkidney", "bold").plain
    'left\\nkidney'
    """
    return Text(visible(text), style)


def headed(head: object, rest: str) -> Text:
    """Return text with a bold beginning, such as the name of its subject."""
    return Text.assemble(words(str(head), "bold"), words(rest))


def table(*columns: str, title: str = "", words_in: Collection[int] = (0,)) -> Table:
    """Return an empty table.

    Args:
        columns: Headers.
        title: Printed above the table.
        words_in: The columns of words, which are left-aligned and wrap if necessary. All others
            are columns of numbers, which are right-aligned and never wrap.
    """
    made = Table(
        box=box.SIMPLE_HEAD,
        title=words(title, "bold") if title else None,
        title_justify="left",
        pad_edge=False,
        show_edge=False,
    )
    for index, column in enumerate(columns):
        is_number = index not in words_in
        made.add_column(
            Text("\n".join(visible(line) for line in column.split("\n"))),
            justify="right" if is_number else "left",
            no_wrap=is_number,
            overflow="fold",
        )
    return made
