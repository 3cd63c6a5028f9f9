"""Effects with their intervals as the rows of a chart, on one axis of Dice.

On a desktop screen and paper, names are left of the axis and grid lines go through all rows. On a
phone, a name is above its interval and grid lines are only beside intervals, so that no line
crosses a name.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median
from textwrap import wrap
from typing import Literal

from mbnas.report.charts.axes import label, line, ticks
from mbnas.report.charts.marks import draw_signs, path_of_network, path_of_start
from mbnas.report.markup import Markup, element
from mbnas.results.explanation.findings import Effect
from mbnas.results.explanation.verdict import WORDS, dice_text, interval_text

Shape = Literal["broad", "narrow"]

_WIDTH: dict[Shape, float] = {"broad": 720.0, "narrow": 380.0}
_LETTER, _STRONG = 6.4, 7.2  # width of a letter of the names in a wide font, about
_LINE = 15.0
_VALUE = 66.0  # width of a number at the right end of a row
_MOST_NAME = 320.0  # width of names beside the axis
_LONGEST = 3.0  # an interval that tells nothing is drawn to this many typical half lengths


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """An effect of a chart.

    Attributes:
        name: Shown beside it.
        effect: ``None`` for the place where a path begins.
        start: Where on the axis it begins.
        is_bar: Whether a bar leads from where it begins to its estimate.
        spoken: Its name without the heading of its group; ``name`` if empty.
    """

    name: str
    effect: Effect | None
    start: float = 0.0
    is_bar: bool = False
    spoken: str = ""

    @property
    def letter(self) -> float:
        """Width of a letter of its name; the name of an effect that is told is strong."""
        is_plain = self.effect is None or self.effect.finding == "open"
        return _LETTER if is_plain else _STRONG

    @property
    def end(self) -> float:
        """Where on the axis its estimate is."""
        return self.start if self.effect is None else self.start + self.effect.mean

    @property
    def words(self) -> str:
        """All that it shows."""
        if self.effect is None:
            return self.name
        return (
            f"{self.spoken or self.name}: {dice_text(self.effect.mean)} Dice, 95 % interval "
            f"{interval_text(self.effect)}, {WORDS[self.effect.finding]}"
        )


Group = tuple[str, Sequence[Row]]
"""A heading, which may be empty, and rows."""


def effect_range(rows: Sequence[Row]) -> tuple[float, float]:
    """Return the lowest and the highest Dice of the axis, with 0 between them.

    Every estimate and every interval that excludes 0 is on it. Others may end beyond it: a depth
    of which little is known has an interval that would shrink all others to dots.
    """
    effects = [row.effect for row in rows if row.effect is not None]
    longest = _LONGEST * median(each.half_width for each in effects)
    ends = [0.0]
    for row in rows:
        if row.effect is not None:
            is_open = row.effect.finding == "open"
            reach = min(row.effect.half_width, longest) if is_open else row.effect.half_width
            ends += [row.start, row.end - reach, row.end + reach]
    margin = max(0.04 * (max(ends) - min(ends)), 0.0005)
    return min(ends) - margin, max(ends) + margin


def draw_rows(
    groups: Sequence[Group], shape: Shape, *, title: str, details: str, axis: str
) -> Markup:
    """Return an SVG element with a row for each effect.

    Args:
        groups: From top to bottom, with one or more effects.
        shape: For a desktop screen and paper, or for a phone.
        title: What the chart shows.
        details: What it says, for readers who do not see it.
        axis: What the axis measures.
    """
    return _Chart(groups, shape).draw(title, details, axis)


def draw_rows_key(rows: Sequence[Row]) -> Markup:
    """Return the key of the marks that occur."""
    findings = {row.effect.finding for row in rows if row.effect is not None}
    low, high = effect_range(rows)
    mark = "M1 7H6M14 7H19" + path_of_network(10.0, 7.0)
    return draw_signs(
        (
            ("pays" in findings, "effect pays", mark, "shown to pay"),
            ("costs" in findings, "effect costs", mark, "shown to cost"),
            ("open" in findings, "effect open", mark, "cannot be told from 0"),
            (
                any(_cut_ends(row, low, high) for row in rows),
                "effect open cut",
                f"M1 7H13{_arrow(19.0, 7.0, 1)}",
                "ends beyond the axis",
            ),
        )
    )


def _cut_ends(row: Row, low: float, high: float) -> list[int]:
    """Return the ends of an interval that are beyond the axis: -1 is the left, 1 the right one."""
    if row.effect is None:
        return []
    ends = {-1: row.start + row.effect.low < low, 1: row.start + row.effect.high > high}
    return [way for way, is_beyond in ends.items() if is_beyond]


def _arrow(x: float, y: float, way: int) -> str:
    """Return a triangle whose tip is at a place; ``way`` is 1 to the right and -1 to the left."""
    return f"M{x:.1f} {y:.1f}l{-6 * way} -4v8z"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """Where a row is: the baseline of its name's first line, its middle, and its band."""

    row: Row
    lines: list[str]
    text_y: float
    middle: float
    top: float
    bottom: float


class _Chart:
    """The places of rows in a picture, and what is drawn there."""

    def __init__(self, groups: Sequence[Group], shape: Shape) -> None:
        self.shape, self.is_broad = shape, shape == "broad"
        self.places: list[_Place] = []
        self.heads: list[tuple[str, float]] = []
        rows = [row for _, group in groups for row in group]
        self.low, self.high = effect_range(rows)
        width = _WIDTH[self.shape]
        if self.is_broad:
            names = min(_MOST_NAME, max(len(row.name) * row.letter for row in rows))
            self.left, self.right = names + 16, width - _VALUE - 8
        else:
            names, self.left, self.right = width - _VALUE, 6.0, width - 6
        y = 4.0
        for heading, group in groups:
            if heading:
                y += 24 if y > 4 else 14
                self.heads.append((heading, y))
                y += 6 if self.is_broad else 9
            for row in group:
                lines = wrap(row.name, int(names / row.letter + 0.01)) or [""]
                y = self._place(row, lines, y)
        self.floor = y

    def _place(self, row: Row, lines: list[str], y: float) -> float:
        """Place a row below a height, and return that of its lower end."""
        height = _LINE * len(lines)
        if self.is_broad:
            text_y, top = y + 16, y
            middle, bottom = top + (height + 9) / 2, top + height + 9
        else:
            text_y, top = y + 13, y + height + 2
            middle, bottom = top + 9, top + 18
        self.places.append(
            _Place(row=row, lines=lines, text_y=text_y, middle=middle, top=top, bottom=bottom)
        )
        return bottom + (0 if self.is_broad else 8)

    def x(self, dice: float) -> float:
        inside = min(max(dice, self.low), self.high)
        return self.left + (self.right - self.left) * (inside - self.low) / (self.high - self.low)

    def draw(self, title: str, details: str, axis: str) -> Markup:
        width, height = _WIDTH[self.shape], self.floor + 42
        return element(
            "svg",
            element("title", title),
            element("desc", details),
            *self._axis(axis),
            *(element("text", words, x=0.0, y=y, class_="head") for words, y in self.heads),
            *(self._row(number, place) for number, place in enumerate(self.places)),
            class_=f"chart effects {self.shape}",
            viewBox=f"0 0 {width:g} {height:g}",
            role="img",
            aria_label=title,
        )

    def _axis(self, words: str) -> Iterator[Markup]:
        bands = [(place.top, place.bottom) for place in self.places]
        if self.is_broad:
            bands = [(bands[0][0], self.floor)]
        for tick in ticks(self.low, self.high, 6 if self.is_broad else 4):
            x = self.x(tick)
            for top, bottom in bands:
                yield line("grid" if tick else "zero", x, top, x, bottom)
            text = f"{tick:+.9g}".replace("-", "−") if tick else "0"
            yield label("middle", x, self.floor + 16, text)
        yield line("axis", self.left, self.floor, self.right, self.floor)
        yield label("end", self.right, self.floor + 36, words)

    def _row(self, number: int, place: _Place) -> Markup:
        row, effect = place.row, place.row.effect
        names = (
            label("start", 0.0, place.text_y + _LINE * index, text)
            for index, text in enumerate(place.lines)
        )
        x, y = self.x(row.end), place.middle
        if effect is None:
            mark = element("path", d=path_of_start(x, y))
            return element("g", element("title", row.words), *names, mark, class_="effect start")
        low, high = self.x(row.start + effect.low), self.x(row.start + effect.high)
        return element(
            "g",
            element("title", row.words),
            *names,
            label("end", _WIDTH[self.shape], place.text_y, dice_text(effect.mean)),
            *(self._bar(number, place) if row.is_bar else ()),
            line("interval", low, y, high, y),
            *(
                element("path", class_="cut", d=_arrow(high if way > 0 else low, y, way))
                for way in _cut_ends(row, self.low, self.high)
            ),
            element("path", d=path_of_network(x, y)),
            class_=f"effect {effect.finding}",
        )

    def _bar(self, number: int, place: _Place) -> Iterator[Markup]:
        """Yield the bar of a row, and a line from the row before to where it begins."""
        x = self.x(place.row.start)
        if place.row.start:
            above = self.places[max(number - 1, 0)].middle if self.is_broad else place.top
            yield line("from", x, above, x, place.middle + 6)
        begin, end = sorted((x, self.x(place.row.end)))
        yield element(
            "rect", x=begin, y=place.middle - 6, width=end - begin, height=12.0, class_="bar"
        )
