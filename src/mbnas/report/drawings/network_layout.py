"""The layout of a drawing of a network, for all renderers.

Units are those of :mod:`mbnas.report.drawings.svg_drawing`, about a pixel each; y runs downwards.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import hypot

from mbnas.space.genotype import Genotype

Point = tuple[float, float]

LEFT = 64.0
"""Left end of the columns, right of the axis of resolutions."""
MARK = 16.0
"""Half the side of the marks of input and head."""

_COLUMN, _ROW = 72.0, 76.0
_RIGHT = 20.0
_MAX_RADIUS, _MIN_RADIUS = 23.0, 9.0
_TIER_LOW, _TIER_HIGH, _TIER_STEP = 31.0, 49.0, 9.0  # heights of arcs above their row's centre


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrow:
    """A straight line between two rims, and its direction as a vector of length 1."""

    tail: Point
    tip: Point
    direction: Point


@dataclass(frozen=True, slots=True, kw_only=True)
class Arc:
    """The arc of a skip: up to its tier, along it, and down to the target's rim.

    Attributes:
        tail: Its start.
        rise: Two control points and the end of the Bézier curve up to the tier.
        bend: Horizontal place on the tier where the curve down begins.
        fall: Two control points and the end of the Bézier curve down.
        direction: Of its end, as a vector of length 1.
    """

    tail: Point
    rise: tuple[Point, Point, Point]
    bend: float
    fall: tuple[Point, Point, Point]
    direction: Point

    @property
    def tip(self) -> Point:
        """Its end."""
        return self.fall[-1]


class Layout:
    """The places of columns, rows, nodes and arcs, and the radii of nodes."""

    def __init__(self, genotype: Genotype, *, growth: float = 1.0) -> None:
        """Lay out a network.

        Args:
            genotype: The network.
            growth: Factor for the nodes only, for drawings too small for the letters.
        """
        self.genotype = genotype
        self._growth = growth
        self.kernels = sorted({node.kernel for node in genotype.nodes})
        self.skips = [
            (node.skip, number)
            for number, node in enumerate(genotype.nodes, start=1)
            if node.skip is not None
        ]
        self._heights = self._arc_heights()
        over_the_top = [h for skip, h in self._heights.items() if self._level(skip[0]) == 0]
        self.top = max([_MAX_RADIUS, *over_the_top]) + 12
        self.axis_y = self.top + (genotype.num_levels - 1) * _ROW + 46
        self.right = LEFT + (len(genotype.nodes) + 2) * _COLUMN
        self.width = self.right + _RIGHT

    def x(self, number: int) -> float:
        """Return the centre of a node's column; 0 is the input, N + 1 the head."""
        return LEFT + (number + 0.5) * _COLUMN

    def y(self, level: int) -> float:
        """Return the centre of a level's row."""
        return self.top + level * _ROW

    def radius(self, kernel: int) -> float:
        """Return the radius of a node, growing linearly with its kernel."""
        span = _MAX_RADIUS - _MIN_RADIUS
        return self._growth * (_MIN_RADIUS + span * kernel / max(7, self.kernels[-1]))

    def stop(self, number: int) -> tuple[float, float, float]:
        """Return centre and radius of a node, or of the mark of the input or head."""
        nodes = self.genotype.nodes
        if number == 0:
            return self.x(0), self.y(0), MARK + 3
        if number > len(nodes):
            return self.x(number), self.y(nodes[-1].level), MARK + 3
        node = nodes[number - 1]
        return self.x(number), self.y(node.level), self.radius(node.kernel)

    def arc_y(self, skip: tuple[int, int]) -> float:
        """Return the vertical place of a skip's arc."""
        return self.y(self._level(skip[0])) - self._heights[skip]

    def arrow(self, number: int) -> Arrow:
        """Return the arrow from a node, or the input, to what follows it."""
        (x0, y0, r0), (x1, y1, r1) = self.stop(number), self.stop(number + 1)
        length = hypot(x1 - x0, y1 - y0)
        dx, dy = (x1 - x0) / length, (y1 - y0) / length
        return Arrow(
            tail=(x0 + dx * (r0 + 2), y0 + dy * (r0 + 2)),
            tip=(x1 - dx * (r1 + 3), y1 - dy * (r1 + 3)),
            direction=(dx, dy),
        )

    def arc(self, skip: tuple[int, int]) -> Arc:
        """Return the arc of a skip, from the rim of its source to that of its target."""
        first, last = skip
        x0, y0, r0 = self.stop(first)
        x1, y1, r1 = self.stop(last)
        _, y_before, _ = self.stop(last - 1)
        tier = self.arc_y(skip)
        if y1 < y_before:  # the target is in the row above: arrive from its left
            dx, dy, bend = -0.97, 0.26, self.x(last - 1) - 8
        elif y1 > y_before:  # in the row below: arrive from its top
            dx, dy, bend = 0.1, -0.99, self.x(last - 1) + 12
        else:
            dx, dy, bend = -0.5, -0.87, x1 - 38
        tail = (x0 + 0.5 * (r0 + 2), y0 - 0.87 * (r0 + 2))
        tip = (x1 + dx * (r1 + 3), y1 + dy * (r1 + 3))
        pull = 0.45 * hypot(tip[0] - bend, tip[1] - tier)
        return Arc(
            tail=tail,
            rise=((tail[0] + 5, tier), (tail[0] + 9, tier), (x0 + 38, tier)),
            bend=bend,
            fall=((bend + pull, tier), (tip[0] + dx * pull, tip[1] + dy * pull), tip),
            direction=(-dx, -dy),
        )

    def _level(self, number: int) -> int:
        return self.genotype.nodes[number - 1].level

    def _arc_heights(self) -> dict[tuple[int, int], float]:
        """Return for each skip the height of its arc above its row, without overlaps."""
        heights: dict[tuple[int, int], float] = {}
        for level in range(self.genotype.num_levels):
            spans = [skip for skip in self.skips if self._level(skip[0]) == level]
            tiers = assign_tiers(spans)
            largest_step = (_TIER_HIGH - _TIER_LOW) / max([1, *tiers])
            step = _TIER_STEP if level == 0 else min(_TIER_STEP, largest_step)
            heights |= {
                span: _TIER_LOW + tier * step for span, tier in zip(spans, tiers, strict=True)
            }
        return heights


def chevron(tip: Point, direction: Point, size: float = 1.0) -> tuple[Point, Point]:
    """Return the far ends of the two strokes of an arrowhead."""
    (x, y), (dx, dy) = tip, direction
    along, aside = 5 * size, 3 * size
    left = (x - along * dx + aside * dy, y - along * dy - aside * dx)
    right = (x - along * dx - aside * dy, y - along * dy + aside * dx)
    return left, right


def assign_tiers(spans: Sequence[tuple[int, int]]) -> tuple[int, ...]:
    """Return a tier from 0 for each span; spans that overlap have different tiers.

    Shorter spans come first and take the lowest free tier, so that arcs nest. Spans
    that only touch may share a tier.

    Args:
        spans: First and last node of each skip.

    >>> assign_tiers([(1, 10), (2, 9), (3, 5), (5, 8)])
    (2, 1, 0, 0)
    """
    tiers: dict[int, int] = {}
    for index in sorted(range(len(spans)), key=lambda i: (spans[i][1] - spans[i][0], i)):
        first, last = spans[index]
        taken = {
            tier
            for other, tier in tiers.items()
            if spans[other][0] < last and first < spans[other][1]
        }
        tiers[index] = next(tier for tier in range(len(spans)) if tier not in taken)
    return tuple(tiers[index] for index in range(len(spans)))
