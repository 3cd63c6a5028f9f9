"""Average ranks of networks on a line, with bars that join those that do not differ.

Drawn in the colours of the page. A line leads from the rank of every network down and to the
nearer edge, where its name is, so lines never cross.

Source: Demšar 2006, Statistical comparisons of classifiers over multiple data sets, JMLR 7, 3.2.4.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Literal

from mbnas.report.markup import Markup, element
from mbnas.scoring.rank_tests import groups

_AXIS, _TICK, _BAR, _ROW = 46.0, 5.0, 9.0, 26.0
_LETTER = 7.2  # width of a letter of the names, about


@dataclass(frozen=True, slots=True, kw_only=True)
class _Frame:
    """Converts ranks to places in the chart."""

    width: float
    left: float
    right: float
    num_networks: int

    def x(self, rank: float) -> float:
        return self.left + (self.right - self.left) * (rank - 1) / max(1, self.num_networks - 1)


def split_by_rank(ranks: Sequence[float]) -> tuple[list[int], list[int]]:
    """Return the networks named left of the diagram and those named right, from top to bottom.

    The better half is on the left. The best and the worst are on top, so that lines do not cross.

    >>> split_by_rank((2.0, 1.0, 3.5, 3.5))
    ([1, 0], [3, 2])
    """
    order = sorted(range(len(ranks)), key=lambda network: ranks[network])
    half = ceil(len(order) / 2)
    return order[:half], order[half:][::-1]


def draw_ranks(
    names: Sequence[str],
    ranks: tuple[float, ...],
    difference: float,
    shape: Literal["broad", "narrow"],
) -> Markup:
    """Return an SVG element with the average ranks of networks, the best to the left.

    Args:
        names: Of the networks.
        ranks: Average rank of each.
        difference: The critical difference of two ranks.
        shape: For a desktop screen and paper, or for a phone.
    """
    frame = _frame_for(names, shape)
    bars = groups(ranks, difference)
    first_row = _AXIS + 14 + _BAR * len(bars) + (18 if shape == "broad" else 26)
    left, right = split_by_rank(ranks)
    below = 0 if shape == "broad" else len(left)  # a phone is too narrow for two names in a row
    rows = dict(zip(left, range(len(left)), strict=True))
    rows |= {network: below + row for row, network in enumerate(right)}
    words = "; ".join(f"{names[each]} {ranks[each]:.2f}" for each in (*left, *reversed(right)))
    height = first_row + _ROW * max(rows.values()) + 10
    return element(
        "svg",
        element("title", f"Average ranks: {words}"),
        *_draw_axis(frame, difference),
        *(
            element("path", class_="tied", d=_bar(frame, ranks, bar, number))
            for number, bar in enumerate(bars)
        ),
        *(
            _draw_network(
                frame,
                names[network],
                ranks[network],
                y=first_row + _ROW * rows[network],
                is_left=network in left,
            )
            for network in (*reversed(left), *reversed(right))  # names over lines
        ),
        class_=f"chart ranks {shape}",
        viewBox=f"0 0 {frame.width:g} {height:g}",
        role="img",
        aria_label=f"Average ranks: {words}",
    )


def _frame_for(names: Sequence[str], shape: Literal["broad", "narrow"]) -> _Frame:
    if shape == "narrow":
        return _Frame(width=380.0, left=24.0, right=356.0, num_networks=len(names))
    side = min(300.0, max(map(len, names)) * _LETTER + 72)
    return _Frame(width=976.0, left=side, right=976.0 - side, num_networks=len(names))


def _draw_axis(frame: _Frame, difference: float) -> Iterator[Markup]:
    yield element("path", class_="axis", d=f"M{frame.left:.1f} {_AXIS}H{frame.right:.1f}")
    for rank in range(1, frame.num_networks + 1):
        x = frame.x(float(rank))
        yield element("path", class_="axis", d=f"M{x:.1f} {_AXIS - _TICK}V{_AXIS}")
        yield element("text", rank, x=x, y=_AXIS - 10, text_anchor="middle")
    length = min(frame.x(1 + difference), frame.right + 12) - frame.left
    is_cut = frame.x(1 + difference) > frame.right + 12
    ends = "m0-4v8" if not is_cut else ""
    ruler = f"M{frame.left:.1f} 18m0-4v8m0-4h{length:.1f}{ends}"
    yield element("path", class_="ruler", d=ruler)
    words = f"critical difference {difference:.2f}"
    yield element("text", words, x=frame.left, y=9.0)


def _bar(frame: _Frame, ranks: Sequence[float], bar: Sequence[int], number: int) -> str:
    low, high = (frame.x(ranks[network]) for network in (bar[0], bar[-1]))
    return f"M{low - 5:.1f} {_AXIS + 14 + _BAR * number:.1f}H{high + 5:.1f}"


def _draw_network(frame: _Frame, name: str, rank: float, *, y: float, is_left: bool) -> Markup:
    x, is_broad = frame.x(rank), frame.width > 500
    outer = (frame.left - 18 if is_left else frame.right + 18) if is_broad else 0.0
    if not is_broad:
        outer = 0.0 if is_left else frame.width
    anchor = "start" if is_left else "end"
    label_x, label_y = outer, y - 5
    if is_broad:
        anchor = "end" if is_left else "start"
        label_x, label_y = (outer - 8 if is_left else outer + 8), y + 4
    rank_text = element("tspan", f"{rank:.2f}", class_="rank")
    words = (name, " ", rank_text) if is_left == is_broad else (rank_text, " ", name)
    return element(
        "g",
        element("path", d=f"M{x:.1f} {_AXIS}V{y:.1f}H{outer:.1f}"),
        element("circle", cx=x, cy=_AXIS, r=3.5),
        element("text", *words, x=label_x, y=label_y, text_anchor=anchor),
        class_="ranked",
    )
