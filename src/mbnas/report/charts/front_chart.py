"""The front of a search as a chart: every score against a cost, and the steps of the front."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil, floor, log10
from typing import Literal

from mbnas.report.charts.axes import BESIDE, Frame, label, line, score_range, ticks
from mbnas.report.charts.marks import draw_signs, path_of_low, path_of_network, path_of_ring
from mbnas.report.markup import Markup, element
from mbnas.results.fronts.search_front import FrontNetwork, SearchFront
from mbnas.scoring.non_dominated import non_dominated
from mbnas.space.cost_limits import CostName, cost_text
from mbnas.wording import count_text, score_text

_AXES: dict[CostName, str] = {
    "parameters": "parameters",
    "macs": "multiply-accumulates for one {input}",
    "latency": "latency of one {input} in ms",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class CostChart:
    """The scores of a search's networks against one of their costs.

    Attributes:
        front: Of the search, with one network or more.
        cost: One of its costs.
        linked: Numbers of the evaluations whose networks the page can show; the others are part
            of a crowd, unless they are on the front.
        input_name: What networks see at once.
    """

    front: SearchFront
    cost: CostName
    linked: frozenset[int] = frozenset()
    input_name: str = "slice"

    @property
    def networks(self) -> list[FrontNetwork]:
        """All networks of which the cost is known, the reference among them."""
        networks, reference = [*self.front.networks], self.front.reference
        if reference is not None and reference not in networks:
            networks.append(reference)
        return [each for each in networks if each.cost(self.cost) is not None]

    @property
    def members(self) -> list[FrontNetwork]:
        """Those on the front in this cost alone, by rising cost."""
        networks = self.networks
        numbers = non_dominated(
            [[each.cost(self.cost) or 0.0] for each in networks], [each.score for each in networks]
        )
        return [networks[number] for number in numbers]

    def draw(self, shape: Literal["broad", "narrow"]) -> Markup:
        """Return an SVG element; the steps are the front in this cost, a ring is the U-Net.

        Args:
            shape: For a desktop screen and paper, or for a phone.
        """
        width, height = BESIDE[shape]
        networks, members = self.networks, self.members
        low, high = score_range([each.score for each in networks])
        scale = _Scale(
            Frame(width=width, height=height, last=1, low=low, high=high),
            [each.cost(self.cost) or 1.0 for each in networks],
        )
        axis = _AXES[self.cost].format(input=self.input_name)
        words = f"Search score against {axis}, with the front"
        return element(
            "svg",
            element("title", words),
            *scale.axes(axis, self.cost),
            _reference_line(self.front.reference, scale),
            _steps(members, self.cost, scale),
            self._crowd(networks, members, scale),
            *(
                self._point(each, scale, each in members)
                for each in self._singly(networks, members)
            ),
            class_=f"chart {shape}",
            viewBox=f"0 0 {width:g} {height:g}",
            role="group",
            aria_label="; ".join([words, *(_words(each, self.cost) for each in members)]),
        )

    def draw_key(self) -> Markup:
        """Return the key of the marks that occur."""
        networks, members, reference = self.networks, self.members, self.front.reference
        low, _ = score_range([each.score for each in networks])
        unet = "" if reference is None else f"standard U-Net, {score_text(reference.score)}"
        return draw_signs(
            (
                (len(networks) > len(members), "point", path_of_network(10.0, 7.0), "network"),
                (True, "point improved", path_of_network(10.0, 7.0), "on the front"),
                (True, "best-so-far", "M1 11H10V3H19", "front"),
                (reference is not None, "unet", "M0 7H20", unet),
                (reference is not None, "ring", path_of_ring(10.0, 7.0, 6.0), "the U-Net"),
                (
                    any(each.score < low for each in networks),
                    "point",
                    path_of_low(10.0, 7.0),
                    "below the axis",
                ),
            )
        )

    def _singly(
        self, networks: list[FrontNetwork], members: list[FrontNetwork]
    ) -> list[FrontNetwork]:
        """Return the networks with a mark of their own, those on the front above the others."""
        found = [
            each
            for each in networks
            if each.number in self.linked or each in members or self._is_reference(each)
        ]
        return sorted(found, key=lambda each: each in members)

    def _crowd(
        self, networks: list[FrontNetwork], members: list[FrontNetwork], scale: _Scale
    ) -> Markup | None:
        """Return a dot for every other network; dots in one place are merged."""
        singly = {each.number for each in self._singly(networks, members)}
        places = {
            f"M{scale.x(each.cost(self.cost) or 1.0):.0f} {scale.y(each.score):.0f}h0"
            for each in networks
            if each.number not in singly
        }
        return element("path", class_="crowd", d="".join(sorted(places))) if places else None

    def _is_reference(self, network: FrontNetwork) -> bool:
        reference = self.front.reference
        return reference is not None and network.genotype == reference.genotype

    def _point(self, network: FrontNetwork, scale: _Scale, is_member: bool) -> Markup:
        x, y = scale.x(network.cost(self.cost) or 1.0), scale.y(network.score)
        is_reference = self._is_reference(network)
        words = _words(network, self.cost) + (", the U-Net" if is_reference else "")
        is_low = network.score < scale.frame.low
        children = (
            element("title", words),
            element("path", d=(path_of_low if is_low else path_of_network)(x, y)),
            element("path", class_="ring", d=path_of_ring(x, y)) if is_reference else None,
        )
        kind = "point improved" if is_member else "point"
        if network.number not in self.linked:
            return element("g", *children, class_=f"{kind} unlinked")
        return element(
            "a",
            *children,
            class_=kind,
            href=f"#evaluation-{network.number}",
            data_number=network.number,
            data_x=x,
            data_y=y,
            aria_label=words,
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
        heights = ticks(frame.low, frame.high, 5)
        digits = 2 if all(round(score, 2) == score for score in heights) else 3
        for score in heights:
            yield line("grid", frame.left, self.y(score), frame.right, self.y(score))
            yield label("end", frame.left - 8, self.y(score) + 4, f"{score:.{digits}f}")
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


def _words(network: FrontNetwork, cost: CostName) -> str:
    return (
        f"network {network.number}: {score_text(network.score, network.standard_error)}, "
        f"{cost_text(cost, network.cost(cost) or 0.0)}"
    )
