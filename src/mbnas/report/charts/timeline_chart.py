"""The timeline of a study as a chart: a row for each worker, or the number of busy workers.

If there are too many rows or bars to distinguish, the chart shows how many workers were busy with
what over time. Colours are those of Okabe and Ito, or the page's. Runs with an outcome are filled
and lost ones are hollow, so that no reader depends on colour.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import accumulate
from typing import Literal

from mbnas.report.charts.axes import label, line, ticks
from mbnas.report.charts.time_axis import Piece, TimeAxis
from mbnas.report.markup import Markup, element
from mbnas.results.timeline import KINDS, Bar, Kind, Timeline
from mbnas.wording import duration_text

MOST_ROWS, MOST_BARS = 40, 1000
"""With more than these, runs are not drawn separately."""

WORDS: dict[Kind, str] = {
    "scored": "scored",
    "collapsed": "scored, collapsed",
    "ahead": "started ahead, not asked for",
    "failed": "failed",
    "lost": "lost",
}
Shape = Literal["broad", "narrow"]
_WIDTHS = {"broad": 976.0, "narrow": 380.0}
_NAMES = {"broad": (150.0, 20), "narrow": (84.0, 10)}  # width of a row's name, and in letters
_ROW, _TOP, _BOTTOM, _RIGHT = 17.0, 8.0, 30.0, 16.0
_CROWD, _BINS, _LEFT = 220.0, {"broad": 240, "narrow": 120}, 46.0


def is_drawn_separately(timeline: Timeline) -> bool:
    """Whether every run is drawn, in a row of its worker."""
    return len(timeline.rows) <= MOST_ROWS and timeline.num_bars <= MOST_BARS


def draw_timeline(timeline: Timeline, shape: Shape) -> Markup:
    """Return an SVG element that shows which worker ran what and when.

    Args:
        timeline: With one bar or more.
        shape: For a desktop screen and paper, or for a phone.
    """
    draw = _draw_rows if is_drawn_separately(timeline) else _draw_crowd
    height, children = draw(timeline, shape)
    words = "Which worker ran what and when"
    return element(
        "svg",
        element("title", words),
        *children,
        class_=f"chart timeline {shape}",
        viewBox=f"0 0 {_WIDTHS[shape]:g} {height:g}",
        role="group",
        aria_label=words,
    )


def draw_timeline_key(timeline: Timeline) -> Markup:
    """Return the key of the colours that occur."""
    items = (
        element(
            "li",
            element("svg", _rectangle(kind, 2.0, 2.0, 16.0, 10.0), class_="sign timeline"),
            WORDS[kind],
        )
        for kind in timeline.kinds
    )
    return element("ul", *items, class_="key")


def _draw_rows(timeline: Timeline, shape: Shape) -> tuple[float, Iterator[Markup]]:
    width, letters = _NAMES[shape]
    floor = _TOP + _ROW * len(timeline.rows)
    axis = TimeAxis.over(timeline.stretches, left=width, right=_WIDTHS[shape] - _RIGHT)

    def children() -> Iterator[Markup]:
        yield from axis.draw(top=_TOP, floor=floor)
        for number, row in enumerate(timeline.rows):
            y = _TOP + _ROW * number
            name = row.name if len(row.name) <= letters else f"…{row.name[1 - letters :]}"
            yield element(
                "text", name, element("title", row.name), x=width - 8, y=y + 12, text_anchor="end"
            )
            for bar in row.bars:
                yield _draw_bar(axis, bar, y)

    return floor + _BOTTOM, children()


def _draw_bar(axis: TimeAxis, bar: Bar, y: float) -> Markup:
    x = axis.x(bar.start_s)
    width = max(axis.x(bar.end_s) - x - 0.6, 0.8)  # adjacent bars do not touch
    began = f"from {_moment(bar.start_s)} for {duration_text(bar.duration_s)}"
    words = f"{bar.what[:1].upper()}{bar.what[1:]}, {began}"
    return _rectangle(bar.kind, x, y + 2, width, _ROW - 5, words)


def _rectangle(
    kind: Kind, x: float, y: float, width: float, height: float, words: str | None = None
) -> Markup:
    title = None if words is None else element("title", words)
    return element("rect", title, class_=kind, x=x, y=y, width=width, height=height)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Bin:
    """A short time, and how many workers were busy with what on average."""

    piece: Piece
    begin_s: float
    end_s: float
    busy: dict[Kind, float]


def _bins(timeline: Timeline, axis: TimeAxis, count: int) -> list[_Bin]:
    """Return short times of about equal width, and how many workers were busy in each."""
    width = sum(piece.right - piece.left for piece in axis.pieces)
    bins: list[_Bin] = []
    first: dict[float, int] = {}
    for piece in axis.pieces:
        parts = max(1, round(count * (piece.right - piece.left) / width))
        length = max(piece.end_s - piece.begin_s, 1.0) / parts
        first[piece.begin_s] = len(bins)
        bins += [
            _Bin(
                piece=piece,
                begin_s=piece.begin_s + length * part,
                end_s=piece.begin_s + length * (part + 1),
                busy=dict.fromkeys(KINDS, 0.0),
            )
            for part in range(parts)
        ]
    begins = [each.begin_s for each in bins]
    changes: dict[Kind, list[int]] = {kind: [0] * (len(bins) + 1) for kind in KINDS}
    for row in timeline.rows:
        for bar in row.bars:
            _count(bar, bins, begins, changes[bar.kind])
    for kind, of_kind in changes.items():
        for each, throughout in zip(bins, accumulate(of_kind), strict=False):
            each.busy[kind] += throughout
    return bins


def _count(bar: Bar, bins: list[_Bin], begins: list[float], changes: list[int]) -> None:
    """Count a bar in the short times at its ends, and record where those between begin and end.

    Args:
        bar: To count.
        bins: All short times, in order.
        begins: When they begin.
        changes: For each short time, the change from the previous one in the number of workers
            busy all the time.
    """
    first = max(bisect_right(begins, bar.start_s) - 1, 0)
    last = max(bisect_right(begins, bar.end_s) - 1, 0)
    for index in {first, last}:
        each = bins[index]
        shared_s = min(bar.end_s, each.end_s) - max(bar.start_s, each.begin_s)
        each.busy[bar.kind] += max(shared_s, 0.0) / (each.end_s - each.begin_s)
    if last - first > 1:
        changes[first + 1] += 1
        changes[last] -= 1


def _draw_crowd(timeline: Timeline, shape: Shape) -> tuple[float, Iterator[Markup]]:
    floor = _TOP + _CROWD
    axis = TimeAxis.over(timeline.stretches, left=_LEFT, right=_WIDTHS[shape] - _RIGHT)
    bins = _bins(timeline, axis, _BINS[shape])
    most = max(max(sum(each.busy.values()) for each in bins), 1.0)

    def y(busy: float) -> float:
        return floor - _CROWD * busy / most

    def children() -> Iterator[Markup]:
        for busy in ticks(0.0, most, 4):
            yield line("grid", _LEFT, y(busy), _WIDTHS[shape] - _RIGHT, y(busy))
            yield label("end", _LEFT - 8, y(busy) + 4, f"{busy:g}")
        yield from axis.draw(top=_TOP, floor=floor)
        below = [0.0] * len(bins)
        for kind in timeline.kinds:
            path = ""
            for index, each in enumerate(bins):
                if each.busy[kind]:
                    low, high = y(below[index]), y(below[index] + each.busy[kind])
                    left, right = axis.x(each.begin_s), _right(axis, each)
                    path += f"M{left:.1f} {low:.1f}V{high:.1f}H{right:.1f}V{low:.1f}z"
                    below[index] += each.busy[kind]
            yield element("path", class_=kind, d=path)
        for index, each in enumerate(bins):
            if below[index]:
                left = axis.x(each.begin_s)
                yield _seen(each, left, _right(axis, each) - left, y(below[index]), floor)

    return floor + _BOTTOM, children()


def _right(axis: TimeAxis, each: _Bin) -> float:
    piece = each.piece
    share = (each.end_s - piece.begin_s) / max(piece.end_s - piece.begin_s, 1.0)
    return piece.left + min(share, 1.0) * (piece.right - piece.left)


def _seen(each: _Bin, x: float, width: float, y: float, floor: float) -> Markup:
    """Return an invisible rectangle whose tooltip describes one short time."""
    busy = ", ".join(f"{number:.3g} {WORDS[kind]}" for kind, number in each.busy.items() if number)
    words = f"{_moment(each.begin_s)}, workers busy on average: {busy}"
    rest = {"x": x, "y": y, "width": width, "height": floor - y}
    return element("rect", element("title", words), class_="seen", **rest)


def _moment(moment_s: float) -> str:
    moment = datetime.fromtimestamp(moment_s, UTC)
    return f"{moment.day} {moment:%b %H:%M:%S} UTC"
