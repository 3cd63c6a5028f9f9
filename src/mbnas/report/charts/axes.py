"""Axes of charts of scores over evaluations, which the charts of searches share."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import floor, log10
from statistics import quantiles

from mbnas.report.markup import Markup, element

SIZES = {"broad": (976.0, 390.0), "narrow": (380.0, 330.0)}
"""Width and height, for a desktop screen and for a phone."""

BESIDE = {"broad": (720.0, 420.0), "narrow": (380.0, 330.0)}
"""Width and height of a chart that has a panel beside it, for the same screens."""

_LEFT, _TOP, _BOTTOM = 46.0, 34.0, 44.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """Converts evaluation numbers and scores to places in the chart.

    Attributes:
        width: Of the chart.
        height: Of the chart.
        last: Number of the last evaluation on the axis, 1 or more.
        low: The score at the lower edge; lower scores are drawn on it.
        high: The score at the upper edge.
        margin: Space to the right of the axis.
        inset: Space on the axis before the first evaluation and after the last.
    """

    width: float
    height: float
    last: int
    low: float
    high: float
    margin: float = 16.0
    inset: float = 0.0

    def x(self, number: int | float) -> float:
        """Return the place of an evaluation."""
        inner = self.right - self.left - 2 * self.inset
        return self.left + self.inset + inner * (number - 1) / max(1, self.last - 1)

    def y(self, score: float) -> float:
        """Return the place of a score."""
        inner = self.floor - _TOP
        return _TOP + inner * (self.high - max(score, self.low)) / (self.high - self.low)

    @property
    def left(self) -> float:
        """Left end of the axis of evaluations."""
        return _LEFT

    @property
    def right(self) -> float:
        """Right end of the axis of evaluations."""
        return self.width - self.margin

    @property
    def floor(self) -> float:
        """Height of the axis of evaluations."""
        return self.height - _BOTTOM

    def axes(self, evaluations: str, scores: str) -> Iterator[Markup]:
        """Yield the lines and numbers of both axes.

        Args:
            evaluations: Label of the horizontal axis.
            scores: Label of the vertical axis.
        """
        heights = ticks(self.low, self.high, 5)
        digits = 2 if all(round(score, 2) == score for score in heights) else 3
        for score in heights:
            y = self.y(score)
            yield line("grid", self.left, y, self.right, y)
            yield label("end", self.left - 8, y + 4, f"{score:.{digits}f}")
        yield line("axis", self.left, self.floor, self.right, self.floor)
        numbers = ticks(1.0, float(self.last), int(self.width // 110)) if self.last > 1 else []
        for number in (1.0, *(each for each in numbers if each.is_integer())):
            yield label("middle", self.x(number), self.floor + 18, f"{number:g}")
        yield label("end", self.right, self.height - 6, evaluations)
        yield label("start", 2.0, 12.0, scores)


def widened(low: float, high: float) -> tuple[float, float]:
    """Return a range of scores with a margin on both sides, within those that Dice can have.

    >>> widened(0.0, 0.5), widened(1.0, 1.0)
    ((0.0, 0.54), (0.995, 1.0))
    """
    margin = max(0.08 * (high - low), 0.005)
    return max(low - margin, 0.0), min(high + margin, 1.0)


def score_range(scores: Sequence[float]) -> tuple[float, float]:
    """Return the scores that the axis spans: all except outliers far below."""
    if not scores:
        return 0.0, 1.0
    low, high = min(scores), max(scores)
    if len(scores) >= 4:
        first, _, third = quantiles(scores, n=4, method="inclusive")
        reach = max(third - first, 0.01)
        low = min(score for score in scores if score >= first - 3 * reach)
    return widened(low, high)


def ticks(low: float, high: float, count: int) -> list[float]:
    """Return round numbers above ``low`` and up to ``high``, about ``count`` of them.

    >>> ticks(0.0, 1.0, 4)
    [0.5, 1.0]
    """
    rough = (high - low) / count
    size = 10.0 ** floor(log10(rough))
    step = next(size * factor for factor in (1, 2, 5, 10) if size * factor >= rough)
    first = floor(low / step) + 1
    return [round(step * index, 9) for index in range(first, floor(high / step) + 1)]


def staircase(frame: Frame, steps: list[tuple[int, float]], last: int) -> str:
    """Return a path that keeps each score until the next evaluation that has another.

    Args:
        frame: Of the chart.
        steps: Evaluation numbers and scores, one or more.
        last: Number of the evaluation at which it ends.
    """
    (number, score), *later = steps
    path = f"M{frame.x(number):.1f} {frame.y(score):.1f}"
    path += "".join(f"H{frame.x(number):.1f}V{frame.y(score):.1f}" for number, score in later)
    return f"{path}H{frame.x(last):.1f}"


def line(css_class: str, x1: float, y1: float, x2: float, y2: float) -> Markup:
    """Return a straight line."""
    return element("line", class_=css_class, x1=x1, y1=y1, x2=x2, y2=y2)


def label(anchor: str, x: float, y: float, words: str) -> Markup:
    """Return words at a place."""
    return element("text", words, x=x, y=y, text_anchor=anchor)
