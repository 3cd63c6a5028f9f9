"""A network as text: levels as rows, nodes as columns, skips as brackets below.

Ten nodes of the paper's space fit into 80 columns.
"""

from __future__ import annotations

from mbnas.report.drawings.block_symbols import symbols_of
from mbnas.report.drawings.network_layout import assign_tiers
from mbnas.space.genotype import Genotype

_INPUT, _HEAD = "in", "head"
_LABEL_WIDTH = 8
_LINK_WIDTH = 3


def draw_in_terminal(genotype: Genotype) -> str:
    """Return the drawing of ``genotype``: several lines without a newline at the end.

    >>> print(draw_in_terminal(Genotype.parse("0vgg3-1dense5-0residual3-0vgg7@1")))
                 1    2    3    4
    1/1     in───V3─╮    ╭─R3───V7───head
    1/2             ╰─D5─╯
    skips         ╰─────────────╯
            1→4
    <BLANKLINE>
    V VGG, R Residual, D Dense, with the side of the kernel
    """
    symbols = symbols_of(node.block for node in genotype.nodes)
    labels = [
        f"{symbols[node.block].letters}{node.kernel}{node.widened}" for node in genotype.nodes
    ]
    width = max(len(label) for label in labels)
    columns = [
        _LABEL_WIDTH + len(_INPUT) + _LINK_WIDTH + index * (width + _LINK_WIDTH)
        for index in range(len(labels))
    ]
    canvas = _Canvas()
    for level in range(genotype.num_levels):
        canvas.write(1 + level, 0, f"1/{2**level}")
    canvas.write(1, _LABEL_WIDTH, _INPUT)
    for number, node in enumerate(genotype.nodes, start=1):
        column = columns[number - 1]
        canvas.write(0, column, str(number))
        _write_link(canvas, column, genotype.level_before(number), node.level)
        canvas.write(1 + node.level, column, labels[number - 1].ljust(width, "─"))
    canvas.write(1 + genotype.nodes[-1].level, columns[-1] + width, "─" * _LINK_WIDTH + _HEAD)
    _write_skips(canvas, genotype, columns)
    blocks = ", ".join(f"{symbol.letters} {symbol.name}" for symbol in symbols.values())
    sides = " or ".join(dict.fromkeys(symbol.side for symbol in symbols.values()))
    return f"{canvas.text()}\n\n{blocks}, with the side of the {sides}"


def _write_link(canvas: _Canvas, column: int, before: int, level: int) -> None:
    """Draw the line that ends at ``column`` of row ``level`` from row ``before``."""
    column -= _LINK_WIDTH
    if level == before:
        canvas.write(1 + level, column, "───")
        return
    canvas.write(1 + before, column, "─╮" if level > before else "─╯")
    canvas.write(1 + level, column + 1, "╰─" if level > before else "╭─")


def _write_skips(canvas: _Canvas, genotype: Genotype, columns: list[int]) -> None:
    """Draw a bracket below the levels for each skip, and list all skips."""
    spans = [
        (node.skip, number)
        for number, node in enumerate(genotype.nodes, start=1)
        if node.skip is not None
    ]
    if not spans:
        return
    tiers = assign_tiers(spans)
    row = 1 + genotype.num_levels
    canvas.write(row, 0, "skips")
    for (first, last), tier in zip(spans, tiers, strict=True):
        left, right = columns[first - 1] + 1, columns[last - 1]
        canvas.write(row + tier, left, "╰" + "─" * (right - left - 1) + "╯")
    names = "  ".join(f"{first}→{last}" for first, last in spans)
    canvas.write(row + max(tiers) + 1, _LABEL_WIDTH, names)


class _Canvas:
    """Characters by row and column."""

    def __init__(self) -> None:
        self._characters: dict[tuple[int, int], str] = {}

    def write(self, row: int, column: int, text: str) -> None:
        """Write ``text`` from ``column`` on, over existing characters."""
        for offset, character in enumerate(text):
            self._characters[row, column + offset] = character

    def text(self) -> str:
        """Return the rows joined by newlines, without spaces at their ends."""
        rows = 1 + max(row for row, _ in self._characters)
        columns = 1 + max(column for _, column in self._characters)
        return "\n".join(
            "".join(self._characters.get((row, column), " ") for column in range(columns)).rstrip()
            for row in range(rows)
        )
