"""Average ranks of networks, with bars that join those that do not differ.

The better half is named on the left, the other half on the right, with the best and the worst
on top, so that no two lines cross.

Source: Demšar 2006, Statistical comparisons of classifiers over multiple data sets, JMLR 7,
section 3.2.4, a critical-difference diagram; there rank 1 is to the right.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mbnas.report.charts.rank_diagram import split_by_rank
from mbnas.report.figures.style import (
    COLUMN_IN,
    INK,
    POINTS_PER_IN,
    QUIET,
    TEXT_PT,
    in_style,
    width_pt,
    wrapped,
)
from mbnas.scoring.rank_tests import groups

_WIDTH = COLUMN_IN * POINTS_PER_IN
_NAME_WIDTH = 62.0  # of one line of a name
_LINE, _GAP = 8.4, 4.0  # height of a line of text, and between two names
_RULER, _AXIS, _BAR, _FIRST = 13.0, 32.0, 5.0, 7.0  # depths; between bars; to the names
_REACH = 6.0  # of a network's line beyond the axis
_OVERHANG = 2.5  # of a bar beyond the ranks that it joins


@dataclass(frozen=True, slots=True, kw_only=True)
class _Label:
    """The name and rank of a network next to its line, in points from the upper left corner.

    Attributes:
        name: In one or more lines.
        rank: Average rank.
        y: Depth of its line.
        is_left: Whether it is on the left side.
    """

    name: str
    rank: float
    y: float
    is_left: bool

    @property
    def width(self) -> float:
        return width_pt(self.name) + width_pt(self.number) + 4

    @property
    def number(self) -> str:
        return f"{self.rank:.2f}"


@in_style
def draw_ranks(
    names: Sequence[str], ranks: tuple[float, ...], difference: float, *, notes: Sequence[str] = ()
) -> Figure:
    """Return a critical-difference diagram.

    Args:
        names: Of the networks, two or more.
        ranks: Average rank of each, 1 for the best.
        difference: The critical difference of two ranks.
        notes: Lines below, such as the test and its level.
    """
    bars = groups(ranks, difference)
    labels = _place_labels(names, ranks, top=_AXIS + _BAR * len(bars) + _FIRST)
    left = max(label.width for label in labels if label.is_left) + _REACH + 2
    right = max(label.width for label in labels if not label.is_left) + _REACH + 2
    scale = min(
        (_WIDTH - left - right) / (len(ranks) - 1),
        (_WIDTH - left - 4) / difference,  # the ruler may reach beyond the axis
    )
    bottom = max(label.y + _LINE * (1 + label.name.count("\n")) / 2 for label in labels) + 5
    height = bottom + _LINE * 1.15 * len(notes) + 1
    figure = Figure(figsize=(COLUMN_IN, height / POINTS_PER_IN))
    axes = figure.add_axes((0, 0, 1, 1), xlim=(0, _WIDTH), ylim=(height, 0))
    axes.axis("off")

    def place(rank: float) -> float:
        return left + scale * (rank - 1)

    _draw_axis(axes, [place(float(rank)) for rank in range(1, len(ranks) + 1)])
    _draw_ruler(axes, left, left + scale * difference, difference)
    for number, bar in enumerate(bars):
        ends = [place(ranks[bar[0]]) - _OVERHANG, place(ranks[bar[-1]]) + _OVERHANG]
        y = _AXIS + _BAR * (number + 1)
        axes.plot(ends, [y, y], color=INK, lw=2.2, solid_capstyle="butt", gid=f"group-{number + 1}")
    for label in labels:
        edge = left - _REACH if label.is_left else place(float(len(ranks))) + _REACH
        _draw_network(axes, label, place(label.rank), edge)
    for number, note in enumerate(notes):
        axes.text(
            _WIDTH / 2,
            bottom + _LINE * 1.15 * (number + 0.5),
            note,
            ha="center",
            va="center_baseline",
            color=QUIET,
        )
    return figure


def _place_labels(
    names: Sequence[str], ranks: Sequence[float], *, top: float
) -> tuple[_Label, ...]:
    left, right = split_by_rank(ranks)
    labels = []
    for is_left, side in ((True, left), (False, right)):
        y = top
        for network in side:
            name = wrapped(names[network], _NAME_WIDTH)
            height = _LINE * (1 + name.count("\n"))
            labels.append(_Label(name=name, rank=ranks[network], y=y + height / 2, is_left=is_left))
            y += height + _GAP
    return tuple(labels)


def _draw_axis(axes: Axes, places: Sequence[float]) -> None:
    axes.plot([places[0], places[-1]], [_AXIS, _AXIS], color=INK, lw=0.8)
    is_crowded = places[1] - places[0] < width_pt("10") + 2
    for rank, x in enumerate(places, start=1):
        axes.plot([x, x], [_AXIS - 3, _AXIS], color=INK, lw=0.8)
        if not is_crowded or rank % 2:
            axes.text(x, _AXIS - 4.5, str(rank), ha="center", va="bottom")


def _draw_ruler(axes: Axes, start: float, stop: float, difference: float) -> None:
    axes.plot([start, stop], [_RULER, _RULER], color=INK, lw=1.0, gid="critical-difference")
    for x in (start, stop):
        axes.plot([x, x], [_RULER - 2, _RULER + 2], color=INK, lw=1.0)
    words = f"CD = {difference:.2f}"
    middle = max((start + stop) / 2, start + width_pt(words) / 2)
    axes.text(middle, _RULER - 2.5, words, ha="center", va="bottom")


def _draw_network(axes: Axes, label: _Label, x: float, edge: float) -> None:
    axes.plot(
        [x, x, edge],
        [_AXIS, label.y, label.y],
        color=INK,
        lw=0.7,
        solid_joinstyle="miter",
        zorder=1,
    )
    axes.plot([x], [_AXIS], marker="o", markersize=2.6, color=INK)
    side, away = ("right", -1) if label.is_left else ("left", 1)
    number_x = edge + away * 2
    axes.text(number_x, label.y, label.number, ha=side, va="center_baseline", color=QUIET)
    name_x = number_x + away * (width_pt(label.number) + 2)
    lines = label.name.split("\n")
    for number, line in enumerate(lines):
        y = label.y + _LINE * (number - (len(lines) - 1) / 2)
        axes.text(name_x, y, line, ha=side, va="center_baseline", fontsize=TEXT_PT)
