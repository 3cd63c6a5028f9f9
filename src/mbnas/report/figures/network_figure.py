"""Networks as in the paper's Figure 2c: resolution against depth, for a printed column.

:mod:`mbnas.report.drawings.network_layout` computes the layout, as for the drawings of the page.
Letters are larger because the figure is smaller.

Source: Bosma et al. 2022 (arXiv 2202.11401), figure 2c.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle, PathPatch, Rectangle
from matplotlib.path import Path

from mbnas.report.drawings.block_symbols import Symbol, symbols_of
from mbnas.report.drawings.network_layout import LEFT, MARK, Arc, Layout, Point, chevron
from mbnas.report.figures.style import (
    COLUMN_IN,
    INK,
    PAGE_IN,
    POINTS_PER_IN,
    QUIET,
    TEXT_PT,
    TITLE_PT,
    in_style,
    width_pt,
)
from mbnas.space.genotype import Genotype

_MOST_IN_COLUMN = 14  # nodes; longer networks take the page's width
_WORDS_LEFT = 27.0  # points for the axis of resolutions
_TITLE_ROOM, _AXIS_ROOM, _PANEL_GAP, _LEGEND_ROW = 16.0, 13.0, 8.0, 15.0
_NODE_GROWTH = 1.15
_HEAD = 1.6  # size of arrows' heads, of those on a screen
_LINE_WIDTH = 0.7
_MOVE, _LINE, _CURVE = int(Path.MOVETO), int(Path.LINETO), int(Path.CURVE4)


@dataclass(frozen=True, slots=True, kw_only=True)
class TitledNetwork:
    """A network and its title."""

    title: str
    genotype: Genotype


@dataclass(frozen=True, slots=True, kw_only=True)
class _Panel:
    """One network on the figure, in points from its upper left corner.

    Attributes:
        number: From 1.
        layout: Of the network, in its own units.
        scale: Points per unit.
        top: Depth of the panel's upper edge.
    """

    number: int
    layout: Layout
    scale: float
    top: float

    def place(self, point: Point) -> Point:
        x, y = point
        return (_WORDS_LEFT + self.scale * (x - LEFT), self.top + _TITLE_ROOM + self.scale * y)

    @property
    def bottom(self) -> float:
        layout = self.layout
        lowest = layout.y(layout.genotype.num_levels - 1)
        return self.place((0.0, lowest))[1] + 14 + _AXIS_ROOM

    def name(self, kind: str, number: int) -> str:
        return f"network-{self.number}-{kind}-{number}"


@in_style
def draw_networks(networks: Sequence[TitledNetwork]) -> Figure:
    """Return networks one below the other, with one legend.

    Args:
        networks: One or more.
    """
    layouts = [Layout(each.genotype, growth=_NODE_GROWTH) for each in networks]
    is_long = max(len(each.genotype.nodes) for each in networks) > _MOST_IN_COLUMN
    width_in = PAGE_IN if is_long else COLUMN_IN
    width = width_in * POINTS_PER_IN
    scale = (width - _WORDS_LEFT - 1) / max(layout.right - LEFT for layout in layouts)
    panels: list[_Panel] = []
    top = 0.0
    for number, layout in enumerate(layouts, start=1):
        panels.append(_Panel(number=number, layout=layout, scale=scale, top=top))
        top = panels[-1].bottom + _PANEL_GAP
    symbols = symbols_of(node.block for each in networks for node in each.genotype.nodes)
    signs = list(_legend(layouts, symbols, scale))
    rows = _rows(signs, width)
    height = top + _LEGEND_ROW * len(rows)
    figure = Figure(figsize=(width_in, height / POINTS_PER_IN))
    axes = figure.add_axes((0, 0, 1, 1), xlim=(0, width), ylim=(height, 0))
    axes.axis("off")
    for panel, network in zip(panels, networks, strict=True):
        _write(axes, (1.0, panel.top + 6), network.title, ha="left", size=TITLE_PT)
        _draw_rows(axes, panel)
        _draw_lines(axes, panel)
        _draw_ends(axes, panel)
        _draw_nodes(axes, panel, symbols)
    for number, row in enumerate(rows):
        _draw_legend_row(axes, row, width, top + _LEGEND_ROW * (number + 0.5))
    return figure


def _draw_rows(axes: Axes, panel: _Panel) -> None:
    """Draw the two axes: a dotted line with its resolution per level, a number per node."""
    layout = panel.layout
    levels = range(layout.genotype.num_levels)
    for level in levels:
        x, y = panel.place((LEFT, layout.y(level)))
        end, _ = panel.place((layout.right, 0.0))
        axes.plot([x, end], [y, y], color="#cccccc", lw=0.6, ls=(0, (1, 3)), zorder=0)
        _write(axes, (x - 1, y), f"1/{2**level}" if level else "1", ha="right", color=QUIET)
    _, top = panel.place((0.0, layout.y(0)))
    _, bottom = panel.place((0.0, layout.y(levels[-1])))
    if layout.genotype.num_levels > 2:
        axes.text(
            5, (top + bottom) / 2, "resolution", rotation=90, ha="center", va="center", color=QUIET
        )
    y = panel.bottom - _AXIS_ROOM / 2
    _write(axes, (_WORDS_LEFT - 1, y), "node", ha="right", color=QUIET)
    for number in range(1, len(layout.genotype.nodes) + 1):
        x, _ = panel.place((layout.x(number), 0.0))
        _write(axes, (x, y), str(number), color=QUIET)


def _draw_lines(axes: Axes, panel: _Panel) -> None:
    layout = panel.layout
    for number in range(len(layout.genotype.nodes) + 1):
        arrow = layout.arrow(number)
        name = panel.name("edge", number)
        line = [(_MOVE, arrow.tail), (_LINE, arrow.tip)]
        _stroke(axes, panel, [*line, *_head(arrow.tip, arrow.direction)], name, INK)
    for number, skip in enumerate(layout.skips, start=1):
        arc = layout.arc(skip)
        name = panel.name("skip", number)
        _stroke(axes, panel, [*_curve(arc), *_head(arc.tip, arc.direction)], name, QUIET)


def _head(tip: Point, direction: Point) -> list[tuple[int, Point]]:
    left, right = chevron(tip, direction, _HEAD)
    return [(_MOVE, left), (_LINE, tip), (_LINE, right)]


def _curve(arc: Arc) -> list[tuple[int, Point]]:
    tier = arc.rise[-1][1]
    return [
        (_MOVE, arc.tail),
        *((_CURVE, point) for point in arc.rise),
        (_LINE, (arc.bend, tier)),
        *((_CURVE, point) for point in arc.fall),
    ]


def _stroke(
    axes: Axes, panel: _Panel, steps: Sequence[tuple[int, Point]], name: str, colour: str
) -> None:
    path = Path([panel.place(point) for _, point in steps], [code for code, _ in steps])
    axes.add_patch(
        PathPatch(path, fill=False, lw=_LINE_WIDTH, ec=colour, capstyle="round", gid=name)
    )


def _draw_ends(axes: Axes, panel: _Panel) -> None:
    """Draw the marks of the input, a stack of slices, and of the head."""
    layout = panel.layout
    last = len(layout.genotype.nodes) + 1
    half = MARK * panel.scale
    x, y = panel.place(layout.stop(0)[:2])
    for offset in (1.2, 0.0, -1.2):
        _mark(axes, (x + offset, y - offset), 0.75 * half)
    _write(axes, (x, y - half - 6), "input", color=QUIET)
    x, y = panel.place(layout.stop(last)[:2])
    _mark(axes, (x, y), half)
    _write(axes, (x, y - half - 6), "head", color=QUIET)
    if level := layout.genotype.nodes[-1].level:
        _write(axes, (x, y + half + 6), f"×{2**level}", color=QUIET)


def _mark(axes: Axes, centre: Point, half: float) -> None:
    corner = (centre[0] - half, centre[1] - half)
    axes.add_patch(Rectangle(corner, 2 * half, 2 * half, fc="#f2f2f2", ec=INK, lw=0.6, zorder=2))


def _draw_nodes(axes: Axes, panel: _Panel, symbols: dict[str, Symbol]) -> None:
    layout = panel.layout
    for number, node in enumerate(layout.genotype.nodes, start=1):
        x, y, radius = layout.stop(number)
        centre = panel.place((x, y))
        name = panel.name("node", number)
        _disc(axes, centre, radius * panel.scale, symbols[node.block], name)


def _disc(axes: Axes, centre: Point, radius: float, symbol: Symbol, name: str | None) -> None:
    axes.add_patch(Circle(centre, radius, fc=symbol.fill, ec="none", gid=name, zorder=3))
    _write(axes, centre, symbol.letters, color=symbol.ink, weight="bold")


_Sign = tuple[Symbol | float | None, str, float]
"""A block's symbol, a kernel's radius or ``None`` for an arc; its label; half its width."""


def _legend(layouts: Sequence[Layout], symbols: dict[str, Symbol], scale: float) -> Iterator[_Sign]:
    for symbol in symbols.values():
        yield symbol, symbol.name, 4.5
    radii = {kernel: layout.radius(kernel) for layout in layouts for kernel in layout.kernels}
    for kernel, radius in sorted(radii.items()):
        yield radius * scale, f"{kernel}×{kernel}", radius * scale
    if any(layout.skips for layout in layouts):
        yield None, "skip", 7.0


def _rows(signs: Sequence[_Sign], width: float) -> list[list[_Sign]]:
    """Return the signs of the legend in rows: blocks, then kernels and arcs."""
    rows: list[list[_Sign]] = [[]]
    is_block = True
    for sign in signs:
        begins_kernels = is_block and not isinstance(sign[0], Symbol)
        if rows[-1] and (begins_kernels or _length([*rows[-1], sign]) > width):
            rows.append([])
        is_block = is_block and not begins_kernels
        rows[-1].append(sign)
    return rows


def _length(row: Sequence[_Sign]) -> float:
    return sum(2 * half + 3 + width_pt(words) for _, words, half in row) + 10 * (len(row) - 1)


def _draw_legend_row(axes: Axes, row: Sequence[_Sign], width: float, y: float) -> None:
    x = max((width - _length(row)) / 2, 0.0)
    for sign, words, half in row:
        centre = (x + half, y)
        if isinstance(sign, Symbol):
            _disc(axes, centre, half, sign, None)
        elif sign is not None:
            axes.add_patch(Circle(centre, sign, fill=False, ec=QUIET, lw=_LINE_WIDTH))
        else:
            points = [(x, y + 3), (x + 3, y - 5), (x + 11, y - 5), (x + 14, y + 3)]
            path = Path(points, [_MOVE, *[_CURVE] * 3])
            axes.add_patch(PathPatch(path, fill=False, ec=QUIET, lw=_LINE_WIDTH))
        _write(axes, (x + 2 * half + 3, y), words, ha="left")
        x += 2 * half + 3 + width_pt(words) + 10


def _write(
    axes: Axes,
    at: Point,
    words: str,
    *,
    ha: str = "center",
    size: float = TEXT_PT,
    color: str = INK,
    weight: str = "normal",
) -> None:
    """Write a text that is vertically centred on a point."""
    axes.text(
        *at, words, ha=ha, va="center_baseline", fontsize=size, color=color, fontweight=weight
    )
