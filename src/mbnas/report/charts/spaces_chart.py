"""The searches of several spaces as one chart: the best score so far of each as a step line.

It corresponds to the paper's comparison of its spaces (Figure 2). Colours are those of Okabe and
Ito, and every line has its own dashes, so that no reader depends on colour.

Source: Bosma et al. 2022 (arXiv 2202.11401), figure 2.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from mbnas.report.charts.axes import SIZES, Frame, staircase, widened
from mbnas.report.markup import Markup, element
from mbnas.results.experiment_results import SpaceSearch
from mbnas.wording import score_text

_MARGIN = 84.0  # for the lines' names
_LABEL_HEIGHT = 15.0  # least distance of two lines' names
_LINES = {
    "mixed": ("#0072b2", None),
    "macro": ("#d55e00", "8 3"),
    "micro": ("#009e73", "3 3"),
    "bilevel": ("#cc79a7", "9 3 2 3"),
}


def draw_spaces(searches: Sequence[SpaceSearch], shape: Literal["broad", "narrow"]) -> Markup:
    """Return an SVG element with the best score so far of every search.

    Args:
        searches: One for each space; those without a score have no line.
        shape: For a desktop screen and paper, or for a phone.
    """
    width, height = SIZES[shape]
    bests = [each.score or 0.0 for search in searches for each in search.summary.improvements]
    low, high = widened(min(bests, default=0.0), max(bests, default=1.0))
    frame = Frame(
        width=width,
        height=height,
        last=max((each.summary.evaluations[-1].number for each in _begun(searches)), default=1),
        low=low,
        high=high,
        margin=_MARGIN,
    )
    scored = [each for each in _begun(searches) if each.summary.best is not None]
    places = _apart(
        [frame.y(each.summary.best.score or 0.0) for each in scored if each.summary.best]
    )
    words = "Best search score so far of every search"
    return element(
        "svg",
        element("title", words),
        *frame.axes("evaluation", "best search score so far (validation Dice)"),
        *(_draw_line(frame, each) for each in scored),
        *(_draw_name(frame, each, y) for each, y in zip(scored, places, strict=True)),
        class_=f"chart {shape}",
        viewBox=f"0 0 {width:g} {height:g}",
        role="img",
        aria_label="; ".join([words, *map(_label, scored)]),
    )


def _begun(searches: Sequence[SpaceSearch]) -> list[SpaceSearch]:
    return [each for each in searches if each.summary.evaluations]


def _label(search: SpaceSearch) -> str:
    best = search.summary.best
    return f"{search.name} {score_text(best.score if best else None)}"


def _draw_line(frame: Frame, search: SpaceSearch) -> Markup:
    steps = [(each.number, each.score or 0.0) for each in search.summary.improvements]
    colour, dashes = _LINES[search.name]
    return element(
        "path",
        d=staircase(frame, steps, search.summary.evaluations[-1].number),
        fill="none",
        stroke=colour,
        stroke_width=2,
        stroke_dasharray=dashes,
        stroke_linejoin="round",
    )


def _draw_name(frame: Frame, search: SpaceSearch, y: float) -> Markup:
    x = frame.x(search.summary.evaluations[-1].number) + 8
    return element("text", search.name, x=x, y=y + 4, style="fill:var(--ink);font-weight:600")


def _apart(heights: Sequence[float]) -> list[float]:
    """Return heights moved downwards until names do not overlap.

    >>> _apart([10.0, 100.0, 12.0])
    [10.0, 100.0, 25.0]
    """
    placed: dict[int, float] = {}
    lowest = float("-inf")
    for index in sorted(range(len(heights)), key=heights.__getitem__):
        lowest = placed[index] = max(heights[index], lowest + _LABEL_HEIGHT)
    return [placed[index] for index in range(len(heights))]
