"""The searches of several spaces as one picture: the best score so far of each, step by step.

It stands where the paper compares its spaces (Figure 2). Colours are those of Okabe and
Ito, and every line has its own dashes, so that no reader depends on colour.

Source: Bosma et al. 2022 (arXiv 2202.11401), figure 2.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from mbnas.report.chart import ticks
from mbnas.report.markup import Markup, element
from mbnas.report.reproduction import SearchedSpace
from mbnas.report.wording import score_text

_SIZES = {"broad": (976.0, 390.0), "narrow": (380.0, 330.0)}
_LEFT, _RIGHT, _TOP, _BOTTOM = 46.0, 84.0, 34.0, 44.0
_LABEL = 15.0  # least distance of two lines' names
_LINES = {
    "mixed": ("#0072b2", None),
    "macro": ("#d55e00", "8 3"),
    "micro": ("#009e73", "3 3"),
    "bilevel": ("#cc79a7", "9 3 2 3"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Frame:
    """From evaluations and scores to places in the picture."""

    width: float
    height: float
    last: int
    low: float
    high: float

    def x(self, number: int) -> float:
        share = (number - 1) / max(1, self.last - 1)
        return _LEFT + (self.width - _LEFT - _RIGHT) * share

    def y(self, score: float) -> float:
        inner = self.height - _TOP - _BOTTOM
        return _TOP + inner * (self.high - score) / (self.high - self.low)

    @property
    def floor(self) -> float:
        return self.height - _BOTTOM

    @property
    def right(self) -> float:
        return self.width - _RIGHT


def draw_race(searches: Sequence[SearchedSpace], shape: Literal["broad", "narrow"]) -> Markup:
    """Return an SVG element with the best score so far of every search.

    Args:
        searches: Those that have no score yet leave no line.
        shape: For a desk's screen and for paper, or for a phone's.
    """
    width, height = _SIZES[shape]
    bests = [each.score or 0.0 for search in searches for each in search.summary.improvements]
    low, high = (min(bests), max(bests)) if bests else (0.0, 1.0)
    margin = max(0.08 * (high - low), 0.005)
    frame = _Frame(
        width=width,
        height=height,
        last=max((each.summary.evaluations[-1].number for each in _begun(searches)), default=1),
        low=low - margin,
        high=high + margin,
    )
    scored = [each for each in _begun(searches) if each.summary.best is not None]
    places = _apart(
        [frame.y(each.summary.best.score or 0.0) for each in scored if each.summary.best]
    )
    words = "Best score so far of every search"
    return element(
        "svg",
        element("title", words),
        *_draw_axes(frame),
        *(_draw_line(frame, each) for each in scored),
        *(_draw_name(frame, each, y) for each, y in zip(scored, places, strict=True)),
        class_=f"chart {shape}",
        viewBox=f"0 0 {width:g} {height:g}",
        role="img",
        aria_label="; ".join([words, *map(_in_words, scored)]),
    )


def _begun(searches: Sequence[SearchedSpace]) -> list[SearchedSpace]:
    return [each for each in searches if each.summary.evaluations]


def _in_words(search: SearchedSpace) -> str:
    best = search.summary.best
    return f"{search.name} {score_text(best.score if best else None)}"


def _draw_axes(frame: _Frame) -> Iterator[Markup]:
    scores = ticks(frame.low, frame.high, 5)
    digits = 2 if all(round(score, 2) == score for score in scores) else 3
    for score in scores:
        y = frame.y(score)
        yield element("line", class_="grid", x1=_LEFT, y1=y, x2=frame.right, y2=y)
        yield _label("end", _LEFT - 8, y + 4, f"{score:.{digits}f}")
    yield element("line", class_="axis", x1=_LEFT, y1=frame.floor, x2=frame.right, y2=frame.floor)
    numbers = ticks(1.0, float(frame.last), int(frame.width // 110)) if frame.last > 1 else []
    for number in (1, *(int(each) for each in numbers if each.is_integer() and each > 1)):
        yield _label("middle", frame.x(number), frame.floor + 18, str(number))
    yield _label("end", frame.right, frame.height - 6, "evaluation")
    yield _label("start", 2.0, 12.0, "best score so far (validation Dice)")


def _draw_line(frame: _Frame, search: SearchedSpace) -> Markup:
    path = ""
    for evaluation in search.summary.improvements:
        x, y = frame.x(evaluation.number), frame.y(evaluation.score or 0.0)
        path += f"H{x:.1f}V{y:.1f}" if path else f"M{x:.1f} {y:.1f}"
    colour, dashes = _LINES[search.name]
    return element(
        "path",
        d=f"{path}H{frame.x(search.summary.evaluations[-1].number):.1f}",
        fill="none",
        stroke=colour,
        stroke_width=2,
        stroke_dasharray=dashes,
        stroke_linejoin="round",
    )


def _draw_name(frame: _Frame, search: SearchedSpace, y: float) -> Markup:
    colour, _ = _LINES[search.name]
    x = frame.x(search.summary.evaluations[-1].number) + 8
    return element("text", search.name, x=x, y=y + 4, style=f"fill:{colour};font-weight:600")


def _apart(heights: Sequence[float]) -> list[float]:
    """Return heights moved downwards as far as names need to stand apart.

    >>> _apart([10.0, 100.0, 12.0])
    [10.0, 100.0, 25.0]
    """
    placed: dict[int, float] = {}
    lowest = float("-inf")
    for index in sorted(range(len(heights)), key=heights.__getitem__):
        lowest = placed[index] = max(heights[index], lowest + _LABEL)
    return [placed[index] for index in range(len(heights))]


def _label(anchor: str, x: float, y: float, words: str) -> Markup:
    return element("text", words, x=x, y=y, text_anchor=anchor)
