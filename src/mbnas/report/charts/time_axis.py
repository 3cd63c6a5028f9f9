"""A time axis that leaves out the times in which nothing ran."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from math import ceil

from mbnas.report.charts.axes import label, line
from mbnas.report.markup import Markup, element
from mbnas.wording import duration_text

_BREAK, _MOST_BREAKS = 10.0, 0.25  # width of a break; largest share of the axis for all breaks
_LABEL = 74.0  # least distance of two labels
_STEPS_S = (
    *(60.0 * minutes for minutes in (1, 2, 5, 10, 15, 30)),
    *(3600.0 * hours for hours in (1, 2, 3, 6, 12)),
    *(86_400.0 * days for days in (1, 2, 7, 14, 28, 91, 364)),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """A stretch of time and its place on the axis."""

    begin_s: float
    end_s: float
    left: float
    right: float


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeAxis:
    """An axis of stretches of time with a break between every two."""

    pieces: tuple[Piece, ...]

    @classmethod
    def over(
        cls, stretches: Sequence[tuple[float, float]], *, left: float, right: float
    ) -> TimeAxis:
        """Return the axis from ``left`` to ``right`` with one or more stretches."""
        width = right - left
        gap = min(_BREAK, _MOST_BREAKS * width / max(1, len(stretches) - 1))
        lengths = [max(end - begin, 1.0) for begin, end in stretches]
        scale = (width - gap * (len(stretches) - 1)) / sum(lengths)
        pieces, at = [], left
        for (begin, end), length in zip(stretches, lengths, strict=True):
            pieces.append(
                Piece(begin_s=begin, end_s=end, left=at, right=min(at + scale * length, right))
            )
            at += scale * length + gap
        return cls(pieces=tuple(pieces))

    def x(self, moment_s: float) -> float:
        """Return the place of a moment; one in a break is at the left end of the break."""
        index = bisect_right(self.pieces, moment_s, key=lambda piece: piece.begin_s) - 1
        piece = self.pieces[max(index, 0)]
        length = max(piece.end_s - piece.begin_s, 1.0)
        share = min(max((moment_s - piece.begin_s) / length, 0.0), 1.0)
        return piece.left + share * (piece.right - piece.left)

    def draw(self, *, top: float, floor: float) -> Iterator[Markup]:
        """Yield the axis: labels of round moments below, breaks as dashed lines."""
        for before, after in zip(self.pieces, self.pieces[1:], strict=False):
            words = f"nothing ran for {duration_text(after.begin_s - before.end_s)}"
            x = (before.right + after.left) / 2
            dashes = element("line", x1=x, y1=top, x2=x, y2=floor)
            yield element("g", element("title", words), dashes, class_="break")
        for piece in self.pieces:
            yield line("axis", piece.left, floor, piece.right, floor)
        for x, words in self._labels():
            yield line("axis", x, floor, x, floor + 4)
            yield label("middle", x, floor + 18, words)

    def _labels(self) -> Iterator[tuple[float, str]]:
        """Yield places and labels of round moments, or of the first begin if none is round."""
        step_s = self._step_s()
        rounds = [moment for piece in self.pieces for moment in _multiples(piece, step_s)]
        moments = rounds or [self.pieces[0].begin_s]
        last, day = -_LABEL, ""
        for moment_s in moments:
            x = self.x(moment_s)
            if x - last < _LABEL:
                continue
            moment = datetime.fromtimestamp(moment_s, UTC)
            today = f"{moment.day} {moment:%b}"
            clock = f"{moment:%H:%M}"
            yield x, today if step_s >= 86_400 else clock if today == day else f"{today} {clock}"
            last, day = x, today

    def _step_s(self) -> float:
        worked_s = sum(piece.end_s - piece.begin_s for piece in self.pieces)
        width = sum(piece.right - piece.left for piece in self.pieces)
        rough_s = 1.5 * _LABEL * worked_s / width
        return next((step for step in _STEPS_S if step >= rough_s), _STEPS_S[-1])


def _multiples(piece: Piece, step_s: float) -> Iterator[float]:
    first = ceil(piece.begin_s / step_s)
    count = int((piece.end_s - first * step_s) // step_s) + 1
    return (step_s * (first + index) for index in range(min(count, 1000)))
