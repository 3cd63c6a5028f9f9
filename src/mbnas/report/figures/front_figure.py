"""The front of a search: search scores of networks against what they cost."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator

from mbnas.errors import FigureError
from mbnas.report.figures.pareto_figure import pareto_front, round_counts
from mbnas.report.figures.style import COLOURS, COLUMN_IN, QUIET, in_style
from mbnas.results.fronts.search_front import FrontNetwork, SearchFront
from mbnas.space.cost_limits import CostName
from mbnas.wording import count_text

_LABELS: dict[CostName, str] = {
    "parameters": "parameters",
    "macs": "multiply-accumulates",
    "latency": "latency (ms)",
}
_PANEL_IN = 1.9


@in_style
def draw_search_front(front: SearchFront) -> Figure:
    """Return search scores against each cost of a front, one panel above the other.

    Error bars are standard errors over initialisations, of the networks on the front.

    Args:
        front: Of a search.

    Raises:
        FigureError: if no network has a score and costs.
    """
    if not front.networks:
        raise FigureError("No network has a score and known costs yet. Let the search run first.")
    num_panels = len(front.costs)
    figure = Figure(figsize=(COLUMN_IN, 0.5 + _PANEL_IN * num_panels), layout="constrained")
    panels = figure.subplots(num_panels, 1, squeeze=False)[:, 0]
    for axes, cost in zip(panels, front.costs, strict=True):
        _draw_panel(axes, front, cost)
    figure.legend(handles=_key(front), loc="outside lower center", ncols=2)
    return figure


def _draw_panel(axes: Axes, front: SearchFront, cost: CostName) -> None:
    known = [(each.cost(cost) or 1.0, each) for each in front.networks]
    costs, scores = [each for each, _ in known], [each.score for _, each in known]
    numbers = pareto_front(costs, scores)
    members: list[tuple[float, FrontNetwork]] = [known[number] for number in numbers]
    axes.set_xscale("log")
    margin = max((max(costs) / min(costs)) ** 0.06, 1.25)
    low, high = min(costs) / margin, max(costs) * margin
    axes.set_xlim(low, high)
    axes.xaxis.set_major_locator(FixedLocator(round_counts(low, high)))
    axes.xaxis.set_major_formatter(
        FuncFormatter(lambda tick, _: f"{tick:g}" if cost == "latency" else count_text(round(tick)))
    )
    axes.xaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_locator(MaxNLocator(nbins=5))
    axes.grid(visible=True)
    axes.plot(costs, scores, color=QUIET, marker="o", markersize=2.5, ls="none", gid="networks")
    axes.step(
        [*(each for each, _ in members), high],
        [*(each.score for _, each in members), members[-1][1].score],
        where="post",
        color=COLOURS[0],
        lw=0.9,
        gid="front",
    )
    axes.errorbar(
        [each for each, _ in members],
        [each.score for _, each in members],
        yerr=[each.standard_error or 0.0 for _, each in members],
        color=COLOURS[0],
        marker="o",
        markersize=3.5,
        elinewidth=0.8,
        capsize=1.8,
        ls="none",
        zorder=3,
    )
    reference = front.reference
    if reference is not None and (own := reference.cost(cost)) is not None:
        axes.axhline(reference.score, color=QUIET, lw=0.8, ls="--")
        axes.plot(
            own,
            reference.score,
            marker="o",
            markersize=8,
            markerfacecolor="none",
            color="black",
            ls="none",
            gid="reference",
            zorder=4,
        )
    axes.set_xlabel(_LABELS[cost])
    axes.set_ylabel("search score")


def _key(front: SearchFront) -> list[Line2D]:
    handles = [
        Line2D([], [], color=QUIET, marker="o", markersize=2.5, ls="none", label="network"),
        Line2D([], [], color=COLOURS[0], marker="o", markersize=3.5, lw=0.9, label="front (± SE)"),
    ]
    if front.reference is not None:
        handles.append(
            Line2D(
                [],
                [],
                color="black",
                marker="o",
                markersize=8,
                markerfacecolor="none",
                ls="none",
                label="U-Net",
            )
        )
    return handles
