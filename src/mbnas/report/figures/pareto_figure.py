"""Dice of networks against their parameters and multiply-accumulates, with the Pareto front."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, floor, log, log10

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator

from mbnas.errors import FigureError
from mbnas.report.figures.style import (
    COLOURS,
    COLUMN_IN,
    MARKERS,
    POINTS_PER_IN,
    QUIET,
    in_legend,
    in_style,
    width_pt,
)
from mbnas.scoring.non_dominated import non_dominated
from mbnas.wording import count_text

_ROW_IN = 0.135
_ENOUGH_TICKS = 2
_TICK_DISTANCE = 0.27  # of the axis, between two ticks


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One network.

    Attributes:
        name: Of the network.
        dice: Mean Dice on the grid of the files.
        sd: Its standard deviation over initialisations, if there are two or more.
        parameters: Number of weights.
        macs: Multiply-accumulates for one slice.
    """

    name: str
    dice: float
    sd: float | None
    parameters: int
    macs: int


def pareto_front(costs: Sequence[float], scores: Sequence[float]) -> tuple[int, ...]:
    """Return the candidates that no other beats in both cost and score, by rising cost.

    One candidate beats another if it is no worse in either and better in one; of equal
    candidates all are members.

    >>> pareto_front([1.0, 2.0, 3.0, 2.0], [0.7, 0.8, 0.8, 0.6])
    (0, 1)
    """
    return non_dominated([(cost,) for cost in costs], scores)


@in_style
def draw_pareto(candidates: Sequence[Candidate], *, slice_size: int) -> Figure:
    """Return Dice against parameters and multiply-accumulates; the front has filled markers.

    Args:
        candidates: One or more.
        slice_size: Side of a slice in pixels, to which multiply-accumulates refer.

    Raises:
        FigureError: if there are no candidates.
    """
    if not candidates:
        raise FigureError(
            "No network of the comparison has a Dice and known costs. Run mbnas compare."
        )
    names = [each.name for each in candidates]
    key = _key(names)
    columns = _columns([str(each.get_label()) for each in key])
    rows = ceil(len(key) / columns)
    figure = Figure(figsize=(COLUMN_IN, 1.9 + _ROW_IN * rows), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True)
    _draw_panel(left, candidates, [float(each.parameters) for each in candidates])
    _draw_panel(right, candidates, [float(each.macs) for each in candidates])
    has_spread = any(each.sd is not None for each in candidates)
    left.set_ylabel("Dice, grid of the files" + ("\n(mean ± SD)" if has_spread else ""))
    left.set_xlabel("parameters")
    right.set_xlabel(f"multiply-accumulates\n(slice of {slice_size}×{slice_size})")
    figure.legend(handles=key, loc="outside lower center", ncols=columns)
    return figure


def _draw_panel(axes: Axes, candidates: Sequence[Candidate], costs: Sequence[float]) -> None:
    scores = [each.dice for each in candidates]
    front = pareto_front(costs, scores)
    axes.set_xscale("log")
    _scale(axes, costs)
    axes.grid(visible=True)
    axes.step(
        [costs[i] for i in front],
        [scores[i] for i in front],
        where="post",
        color=QUIET,
        lw=0.8,
        ls="--",
        gid="front",
    )
    for i, candidate in enumerate(candidates):
        colour, marker = _sign(i)
        axes.errorbar(
            costs[i],
            candidate.dice,
            yerr=candidate.sd,
            color=colour,
            marker=marker,
            markersize=5.0,
            markerfacecolor=colour if i in front else "white",
            markeredgewidth=0.9,
            elinewidth=0.8,
            capsize=1.8,
            capthick=0.8,
            ls="none",
            zorder=3,
        )
    axes.margins(y=0.09)
    axes.yaxis.set_major_locator(MaxNLocator(nbins=6))


def _scale(axes: Axes, costs: Sequence[float]) -> None:
    """Give a logarithmic axis a margin around its points and ticks at round counts."""
    low, high = min(costs), max(costs)
    room = max((high / low) ** 0.12, 1.25)
    axes.set_xlim(low / room, high * room)
    axes.xaxis.set_major_locator(FixedLocator(round_counts(low / room, high * room)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda count, _: count_text(round(count))))
    axes.xaxis.set_minor_locator(NullLocator())


def round_counts(low: float, high: float) -> tuple[float, ...]:
    """Return round numbers for the ticks of a logarithmic axis, as many as fit.

    >>> round_counts(3e5, 4e6), round_counts(2e4, 5e8)
    ((300000.0, 1000000.0, 3000000.0), (100000.0, 10000000.0))
    """
    exponents = range(floor(log10(low)), ceil(log10(high)) + 1)
    found: tuple[float, ...] = ()
    for steps in ((1,), (1, 3), (1, 2, 5), (1, 1.5, 2, 3, 5, 7)):
        counts = (step * 10.0**exponent for exponent in exponents for step in steps)
        apart: list[float] = []
        for count in counts:
            if low <= count <= high and (
                not apart or log(count / apart[-1]) > _TICK_DISTANCE * log(high / low)
            ):
                apart.append(count)
        if len(apart) > len(found) and len(found) < _ENOUGH_TICKS:
            found = tuple(apart)
    return found


def _columns(words: Sequence[str]) -> int:
    """Return how many columns of a legend fit: two or one."""
    half = ceil(len(words) / 2)
    widths = [max(map(width_pt, column)) for column in (words[:half], words[half:]) if column]
    return 2 if sum(widths) + 62 < COLUMN_IN * POINTS_PER_IN else 1


def _sign(number: int) -> tuple[str, str]:
    return COLOURS[number % len(COLOURS)], MARKERS[number % len(MARKERS)]


def _key(names: Sequence[str]) -> list[Line2D]:
    handles = []
    for number, name in enumerate(names):
        colour, marker = _sign(number)
        handles.append(
            Line2D(
                [],
                [],
                color=colour,
                marker=marker,
                markersize=4.5,
                ls="none",
                label=in_legend(name),
            )
        )
    front = Line2D([], [], color=QUIET, lw=0.8, ls="--", label="Pareto front (filled)")
    return [*handles, front]
