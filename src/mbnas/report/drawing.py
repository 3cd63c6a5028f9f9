"""A network as a picture: resolution against depth, as the paper's Figure 2c.

A node stands in the column of its number and in the row of its output's resolution,
finest on top. Colour and letter tell the block, size tells the kernel. Straight arrows
are the sequence of nodes; arcs are skips, each joining the input of the node at which
it ends. Lines and text take the colour of their surroundings, so that the same drawing
serves light and dark pages.

Source: Bosma et al. 2022 (arXiv 2202.11401), figure 2c.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from math import hypot

from mbnas.genotype.genotype import Genotype
from mbnas.report.lanes import assign_lanes
from mbnas.report.markup import Content, Markup, element, fragment
from mbnas.report.symbols import Symbol, symbols_of

_Point = tuple[float, float]

_COLUMN, _ROW = 72.0, 76.0
_LEFT, _RIGHT = 64.0, 20.0
_MAX_RADIUS, _MIN_RADIUS = 23.0, 9.0
_MARK = 16.0  # half the side of the input and head marks
_LANE_LOW, _LANE_HIGH, _LANE_STEP = 31.0, 49.0, 9.0  # of arcs, above the centre of their row
_LEGEND_ROW = 32.0
_FAINT, _QUIET = "0.16", "0.65"
_STROKE = {"fill": "none", "stroke": "currentColor", "stroke_width": "1.5"}
_STYLE = (
    ".net{color:#1f2328}"
    "@media(prefers-color-scheme:dark){.net{color:#e6edf3}}"
    "@media print{.net{color:#000}}"
)


def draw_network(
    genotype: Genotype,
    *,
    blocks: Iterable[str] = (),
    marked: Collection[int] = (),
    inline: bool = False,
) -> str:
    """Return a drawing of ``genotype`` as a self-contained SVG document.

    Args:
        genotype: The network to draw.
        blocks: Blocks of other drawings beside this one, so that a further block has
            the same colour in all of them.
        marked: Numbers of nodes to put a dashed ring around.
        inline: Leave out what only a file of its own needs, the namespace and the
            colour of text and lines: those of the page around it then hold.
    """
    symbols = symbols_of([*blocks, *(node.block for node in genotype.nodes)])
    plan = _Plan(genotype)
    legend, height = _draw_legend(plan, symbols)
    title = f"Network {genotype}"
    return element(
        "svg",
        element("title", title),
        None if inline else element("style", Markup(_STYLE)),
        _draw_rows(plan),
        _draw_lines(plan),
        *_draw_ends(plan),
        _draw_nodes(plan, symbols, marked),
        *legend,
        class_="net",
        xmlns=None if inline else "http://www.w3.org/2000/svg",
        viewBox=f"0 0 {_number(plan.width)} {_number(height)}",
        width=plan.width,
        height=height,
        role="img",
        aria_label=title,
        font_family="ui-sans-serif, system-ui, sans-serif",
        font_size=12,
        text_anchor="middle",
        fill="currentColor",
    )


class _Plan:
    """Where everything stands: columns, rows, radii and the lanes of the arcs."""

    def __init__(self, genotype: Genotype) -> None:
        self.genotype = genotype
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
        self.right = _LEFT + (len(genotype.nodes) + 2) * _COLUMN
        self.width = self.right + _RIGHT

    def x(self, number: int) -> float:
        """Return the centre of a node's column; 0 is the input, N + 1 the head."""
        return _LEFT + (number + 0.5) * _COLUMN

    def y(self, level: int) -> float:
        """Return the centre of a level's row."""
        return self.top + level * _ROW

    def radius(self, kernel: int) -> float:
        """Return the radius of a node, growing linearly with its kernel."""
        span = _MAX_RADIUS - _MIN_RADIUS
        return _MIN_RADIUS + span * kernel / max(7, self.kernels[-1])

    def stop(self, number: int) -> tuple[float, float, float]:
        """Return centre and radius of a node, or of the mark at either end."""
        nodes = self.genotype.nodes
        if number == 0:
            return self.x(0), self.y(0), _MARK + 3
        if number > len(nodes):
            return self.x(number), self.y(nodes[-1].level), _MARK + 3
        node = nodes[number - 1]
        return self.x(number), self.y(node.level), self.radius(node.kernel)

    def arc_y(self, skip: tuple[int, int]) -> float:
        """Return the height at which a skip's arc runs."""
        return self.y(self._level(skip[0])) - self._heights[skip]

    def _level(self, number: int) -> int:
        return self.genotype.nodes[number - 1].level

    def _arc_heights(self) -> dict[tuple[int, int], float]:
        """Return for each skip how far its arc runs above its row, without overlaps."""
        heights: dict[tuple[int, int], float] = {}
        for level in range(self.genotype.num_levels):
            spans = [skip for skip in self.skips if self._level(skip[0]) == level]
            lanes = assign_lanes(spans)
            room = (_LANE_HIGH - _LANE_LOW) / max([1, *lanes])
            step = _LANE_STEP if level == 0 else min(_LANE_STEP, room)
            heights |= {
                span: _LANE_LOW + lane * step for span, lane in zip(spans, lanes, strict=True)
            }
        return heights


def _draw_rows(plan: _Plan) -> Markup:
    """Return the two axes: a faint line with its resolution per level, a number per node."""
    levels = range(plan.genotype.num_levels)
    lines = (
        element("path", d=f"M{_number(_LEFT)} {_number(plan.y(level))}H{_number(plan.right)}")
        for level in levels
    )
    resolutions = (
        _text(_LEFT - 8, plan.y(level), f"1/{2**level}" if level else "1", text_anchor="end")
        for level in levels
    )
    middle = (plan.y(0) + plan.y(levels[-1])) / 2
    turn = f"rotate(-90 14 {_number(middle)})"
    numbers = range(1, len(plan.genotype.nodes) + 1)
    words = (
        *resolutions,
        _text(14.0, middle, "resolution", transform=turn),
        _text(_LEFT - 8, plan.axis_y, "node", text_anchor="end"),
        *(_text(plan.x(number), plan.axis_y, number) for number in numbers),
    )
    faint = {"stroke": "currentColor", "stroke_opacity": _FAINT, "stroke_dasharray": "1 5"}
    return fragment(
        element("g", *lines, stroke_linecap="round", **faint),
        element("g", *words, opacity=_QUIET),
    )


def _draw_lines(plan: _Plan) -> Markup:
    """Return an arrow from each node to the next and an arc for each skip."""
    edges = (
        element("path", class_="net-edge", d=_arrow(plan.stop(number), plan.stop(number + 1)))
        for number in range(len(plan.genotype.nodes) + 1)
    )
    skips = (
        element(
            "path",
            element("title", f"Skip from node {first} to node {last}"),
            class_="net-skip",
            d=_arc(plan, (first, last)),
        )
        for first, last in plan.skips
    )
    quiet = element("g", *skips, stroke_opacity=_QUIET)
    return element("g", *edges, quiet, stroke_linecap="round", **_STROKE)


def _arrow(start: tuple[float, float, float], end: tuple[float, float, float]) -> str:
    """Return the path of a straight arrow between the rims of two circles."""
    (x0, y0, r0), (x1, y1, r1) = start, end
    length = hypot(x1 - x0, y1 - y0)
    dx, dy = (x1 - x0) / length, (y1 - y0) / length
    tail = (x0 + dx * (r0 + 2), y0 + dy * (r0 + 2))
    tip = (x1 - dx * (r1 + 3), y1 - dy * (r1 + 3))
    return f"M{_pair(tail)}L{_pair(tip)}{_chevron(tip, (dx, dy))}"


def _arc(plan: _Plan, skip: tuple[int, int]) -> str:
    """Return the path of a skip: up into its lane, along it, and to the target's rim."""
    first, last = skip
    x0, y0, r0 = plan.stop(first)
    x1, y1, r1 = plan.stop(last)
    _, y_before, _ = plan.stop(last - 1)
    lane = plan.arc_y(skip)
    if y1 < y_before:  # the target is in the row above: arrive from its left
        dx, dy, bend = -0.97, 0.26, plan.x(last - 1) - 8
    elif y1 > y_before:  # in the row below: arrive from its top
        dx, dy, bend = 0.1, -0.99, plan.x(last - 1) + 12
    else:
        dx, dy, bend = -0.5, -0.87, x1 - 38
    tail = (x0 + 0.5 * (r0 + 2), y0 - 0.87 * (r0 + 2))
    tip = (x1 + dx * (r1 + 3), y1 + dy * (r1 + 3))
    pull = 0.45 * hypot(tip[0] - bend, tip[1] - lane)
    before_tip = (tip[0] + dx * pull, tip[1] + dy * pull)
    rise = f"C{_pair((tail[0] + 5, lane))} {_pair((tail[0] + 9, lane))} {_pair((x0 + 38, lane))}"
    fall = f"C{_pair((bend + pull, lane))} {_pair(before_tip)} {_pair(tip)}"
    return f"M{_pair(tail)}{rise}H{_number(bend)}{fall}{_chevron(tip, (-dx, -dy))}"


def _chevron(tip: _Point, direction: _Point) -> str:
    """Return the two strokes of an arrow's head."""
    (x, y), (dx, dy) = tip, direction
    left = (x - 5 * dx + 3 * dy, y - 5 * dy - 3 * dx)
    right = (x - 5 * dx - 3 * dy, y - 5 * dy + 3 * dx)
    return f"M{_pair(left)}L{_pair(tip)}L{_pair(right)}"


def _draw_ends(plan: _Plan) -> Iterator[Markup]:
    """Yield the marks of the input, a stack of slices, and of the head."""
    x, y, _ = plan.stop(0)
    for offset in (4.0, 0.0, -4.0):
        yield _mark(x + offset, y - offset, 12.0)
    yield _text(x, y + 32, "input", opacity=_QUIET)
    x, y, _ = plan.stop(len(plan.genotype.nodes) + 1)
    yield _mark(x, y, _MARK)
    yield _text(x, y, "1×1")
    yield _text(x, y + 32, "head", opacity=_QUIET)
    if level := plan.genotype.nodes[-1].level:
        yield _text(x, y + 46, f"then ×{2**level}", opacity=_QUIET)


def _mark(x: float, y: float, half: float) -> Markup:
    return element(
        "rect",
        x=x - half,
        y=y - half,
        width=2 * half,
        height=2 * half,
        rx=3,
        fill_opacity="0.06",
        stroke="currentColor",
    )


def _draw_nodes(plan: _Plan, symbols: dict[str, Symbol], marked: Collection[int]) -> Markup:
    nodes = (
        _draw_node(plan, number, symbols[node.block], number in marked)
        for number, node in enumerate(plan.genotype.nodes, start=1)
    )
    return element("g", *nodes, font_weight="600")


def _draw_node(plan: _Plan, number: int, symbol: Symbol, marked: bool) -> Markup:
    node = plan.genotype.nodes[number - 1]
    x, y, radius = plan.stop(number)
    source = "" if node.skip is None else f", skip from node {node.skip}"
    ring = element("circle", cx=x, cy=y, r=radius + 5, stroke_dasharray="3 3", **_STROKE)
    return element(
        "g",
        element(
            "title",
            f"Node {number}: {symbol.name}, kernel {node.kernel}×{node.kernel}, "
            f"at 1/{2**node.level} of the input's resolution{source}",
        ),
        element("circle", cx=x, cy=y, r=radius, fill=symbol.fill),
        _text(x, y, symbol.letters, fill=symbol.ink),
        ring if marked else None,
        class_="net-node",
        data_node=number,
    )


def _draw_legend(plan: _Plan, symbols: dict[str, Symbol]) -> tuple[list[Markup], float]:
    """Return the legend, its items set like words in lines, and the drawing's height."""
    used = {node.block for node in plan.genotype.nodes}
    items: list[tuple[Content, str, float]] = []
    for block, symbol in symbols.items():
        if block in used:
            dot = element("circle", r=8, fill=symbol.fill)
            letters = _text(0.0, 0.0, symbol.letters, fill=symbol.ink, font_size=10)
            items.append((Markup(dot + letters), symbol.name, 8.0))
    for kernel in plan.kernels:
        radius = plan.radius(kernel)
        ring = element(
            "circle", r=radius, fill="none", stroke="currentColor", stroke_opacity=_QUIET
        )
        items.append((ring, f"{kernel}×{kernel}", radius))
    if plan.skips:
        arc = "M-14 6C-12-5-9-5-5-5H5C9-5 12-5 14 6"
        items.append((element("path", d=arc, stroke_opacity=_QUIET, **_STROKE), "skip", 14.0))
    legend = []
    x, y = _LEFT, plan.axis_y + 46.0
    for sign, words, radius in items:
        width = 2 * radius + 8 + 7 * len(words) + 20
        if x > _LEFT and x + width > plan.width:
            x, y = _LEFT, y + _LEGEND_ROW + 8
        place = f"translate({_number(x + radius)} {_number(y)})"
        legend.append(element("g", sign, transform=place))
        legend.append(_text(x + 2 * radius + 8, y, words, text_anchor="start"))
        x += width
    return legend, y + _LEGEND_ROW


def _text(x: float, y: float, words: str | int, **attributes: str | int | float | None) -> Markup:
    """Return a text whose middle line runs at ``y``."""
    return element("text", words, x=x, y=y + 4, **attributes)


def _pair(point: _Point) -> str:
    return f"{_number(point[0])} {_number(point[1])}"


def _number(value: float) -> str:
    return f"{round(value, 1):g}"
