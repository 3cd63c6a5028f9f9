"""The front of a search as a chart: every score against a cost, and the steps of the front."""

from __future__ import annotations

from collections.abc import Iterator
from math import ceil, floor, log10
from typing import Literal

from mbnas.report.charts.axes import SIZES, Frame, label, line, score_range, ticks
from mbnas.report.markup import Markup, element
from mbnas.results.fronts.search_front import FrontNetwork, SearchFront
from mbnas.scoring.non_dominated import non_dominated
from mbnas.space.cost_limits import CostName, cost_text
from mbnas.wording import count_text, score_text

_AXES: dict[CostName, str] = {
    "parameters": "parameters",
    "macs": "multiply-accumulates for one slice",
    "latency": "latency of one slice in ms",
}


def draw_front(front: SearchFront, cost: CostName, shape: Literal["broad", "narrow"]) -> Markup:
    """Return an SVG element with the scores of a front against one of its costs.

    The steps are the front in this cost alone. The U-Net is a ring, its score a dashed line.

    Args:
        front: With one network or more.
        cost: One of its costs.
        shape: For a desktop screen and paper, or for a phone.
    """
    width, height = SIZES[shape]
    networks = [*front.networks]
    if front.reference is not None and front.reference not in networks:
        networks.append(front.reference)
    networks = [each for each in networks if each.cost(cost) is not None]
    low, high = score_range([each.score for each in networks])
    scale = _Scale(
        Frame(width=width, height=height, last=1, low=low, high=high),
        [each.cost(cost) or 1.0 for each in networks],
    )
    numbers = non_dominated(
        [[each.cost(cost) or 0.0] for each in networks], [each.score for each in networks]
    )
    members = [networks[number] for number in numbers]
    words = f"Search score against {_AXES[cost]}, with the front"
    return element(
        "svg",
        element("title", words),
        *scale.axes(_AXES[cost], cost),
        _reference_line(front.reference, scale),
        _steps(members, cost, scale),
        *(_point(each, cost, scale, front, each in members) for each in networks),
        class_=f"chart {shape}",
        viewBox=f"0 0 {width:g} {height:g}",
        role="img",
        aria_label="; ".join([words, *(_words(each, cost) for each in members)]),
    )


class _Scale:
    """Places on a logarithmic axis of costs, and on an axis of scores.

    Args:
        frame: Around the scores.
        costs: That the axis spans, one or more, above 0.
    """

    def __init__(self, frame: Frame, costs: list[float]) -> None:
        self.frame = frame
        self._low, self._high = log10(min(costs)) - 0.05, log10(max(costs)) + 0.05

    def x(self, cost: float) -> float:
        """Return the place of a cost."""
        share = (log10(cost) - self._low) / (self._high - self._low)
        return self.frame.left + share * (self.frame.right - self.frame.left)

    def y(self, score: float) -> float:
        """Return the place of a score."""
        return self.frame.y(score)

    def axes(self, words: str, cost: CostName) -> Iterator[Markup]:
        """Yield the lines and numbers of both axes."""
        frame = self.frame
        for score in ticks(frame.low, frame.high, 5):
            yield line("grid", frame.left, self.y(score), frame.right, self.y(score))
            yield label("end", frame.left - 8, self.y(score) + 4, f"{score:.3f}")
        yield line("axis", frame.left, frame.floor, frame.right, frame.floor)
        steps = (1, 2, 5) if self._high - self._low < 2 else (1, 3)
        for exponent in range(floor(self._low), ceil(self._high) + 1):
            for step in steps:
                if self._low <= log10(tick := step * 10.0**exponent) <= self._high:
                    text = f"{tick:g}" if cost == "latency" else count_text(round(tick))
                    yield label("middle", self.x(tick), frame.floor + 18, text)
        yield label("end", frame.right, frame.height - 6, words)
        yield label("start", 2.0, 12.0, "search score (validation Dice)")


def _reference_line(reference: FrontNetwork | None, scale: _Scale) -> Markup | None:
    if reference is None:
        return None
    y = scale.y(reference.score)
    return line("unet", scale.frame.left, y, scale.frame.right, y)


def _steps(members: list[FrontNetwork], cost: CostName, scale: _Scale) -> Markup:
    first, *later = members
    path = f"M{scale.x(first.cost(cost) or 1.0):.1f} {scale.y(first.score):.1f}"
    for each in later:
        path += f"H{scale.x(each.cost(cost) or 1.0):.1f}V{scale.y(each.score):.1f}"
    return element("path", class_="best-so-far", d=f"{path}H{scale.frame.right:.1f}")


def _point(
    network: FrontNetwork, cost: CostName, scale: _Scale, front: SearchFront, is_member: bool
) -> Markup:
    x, y = scale.x(network.cost(cost) or 1.0), scale.y(network.score)
    is_reference = front.reference is not None and network.genotype == front.reference.genotype
    ring = element("circle", cx=round(x, 1), cy=round(y, 1), r=8, class_="ring")
    colour = "var(--accent)" if is_member else "var(--faint)"
    return element(
        "g",
        element("title", _words(network, cost) + (", the U-Net" if is_reference else "")),
        element("circle", cx=round(x, 1), cy=round(y, 1), r=4 if is_member else 3, fill=colour),
        ring if is_reference else None,
    )


def _words(network: FrontNetwork, cost: CostName) -> str:
    return (
        f"network {network.number}: {score_text(network.score, network.standard_error)}, "
        f"{cost_text(cost, network.cost(cost) or 0.0)}"
    )
