"""A network as an SVG drawing: resolution against depth, like the paper's Figure 2c.

A node is in the column of its number and in the row of its output's resolution, finest
on top. Colour and letter show the block, size shows the kernel. Straight arrows are the
sequence of nodes. Arcs are skips; each joins the input of the node at its end. Lines and
text take the colour of their surroundings, so the same drawing suits light and dark pages.

Source: Bosma et al. 2022 (arXiv 2202.11401), figure 2c.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from mbnas.report.drawings.block_symbols import Symbol, symbols_of
from mbnas.report.drawings.network_layout import LEFT, MARK, Arc, Arrow, Layout, Point, chevron
from mbnas.report.markup import Content, Markup, element, fragment
from mbnas.space.genotype import Genotype

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
        blocks: Blocks of the other drawings on the page, so that a block has the same
            colour in all of them.
        marked: Numbers of nodes to put a dashed ring around.
        inline: Leave out what only a separate file needs, the namespace and the colour
            of text and lines; those of the page apply instead.
    """
    symbols = symbols_of([*blocks, *(node.block for node in genotype.nodes)])
    plan = Layout(genotype)
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


def _draw_rows(plan: Layout) -> Markup:
    """Return the two axes: a faint line with its resolution per level, a number per node."""
    levels = range(plan.genotype.num_levels)
    lines = (
        element("path", d=f"M{_number(LEFT)} {_number(plan.y(level))}H{_number(plan.right)}")
        for level in levels
    )
    resolutions = (
        _text(LEFT - 8, plan.y(level), f"1/{2**level}" if level else "1", text_anchor="end")
        for level in levels
    )
    middle = (plan.y(0) + plan.y(levels[-1])) / 2
    turn = f"rotate(-90 14 {_number(middle)})"
    numbers = range(1, len(plan.genotype.nodes) + 1)
    words = (
        *resolutions,
        _text(14.0, middle, "resolution", transform=turn),
        _text(LEFT - 8, plan.axis_y, "node", text_anchor="end"),
        *(_text(plan.x(number), plan.axis_y, number) for number in numbers),
    )
    faint = {"stroke": "currentColor", "stroke_opacity": _FAINT, "stroke_dasharray": "1 5"}
    return fragment(
        element("g", *lines, stroke_linecap="round", **faint),
        element("g", *words, opacity=_QUIET),
    )


def _draw_lines(plan: Layout) -> Markup:
    """Return an arrow from each node to the next and an arc for each skip."""
    edges = (
        element("path", class_="net-edge", d=_arrow_path(plan.arrow(number)))
        for number in range(len(plan.genotype.nodes) + 1)
    )
    skips = (
        element(
            "path",
            element("title", f"Skip from node {first} to node {last}"),
            class_="net-skip",
            d=_arc_path(plan.arc((first, last))),
        )
        for first, last in plan.skips
    )
    quiet = element("g", *skips, stroke_opacity=_QUIET)
    return element("g", *edges, quiet, stroke_linecap="round", **_STROKE)


def _arrow_path(arrow: Arrow) -> str:
    return f"M{_pair(arrow.tail)}L{_pair(arrow.tip)}{_chevron(arrow.tip, arrow.direction)}"


def _arc_path(arc: Arc) -> str:
    """Return the path of a skip: up to its tier, along it, and to the target's rim."""
    rise, fall = (" ".join(map(_pair, each)) for each in (arc.rise, arc.fall))
    path = f"M{_pair(arc.tail)}C{rise}H{_number(arc.bend)}C{fall}"
    return f"{path}{_chevron(arc.tip, arc.direction)}"


def _chevron(tip: Point, direction: Point) -> str:
    left, right = chevron(tip, direction)
    return f"M{_pair(left)}L{_pair(tip)}L{_pair(right)}"


def _draw_ends(plan: Layout) -> Iterator[Markup]:
    """Yield the marks of the input, a stack of slices, and of the head."""
    x, y, _ = plan.stop(0)
    for offset in (4.0, 0.0, -4.0):
        yield _mark(x + offset, y - offset, 12.0)
    yield _text(x, y + 32, "input", opacity=_QUIET)
    x, y, _ = plan.stop(len(plan.genotype.nodes) + 1)
    yield _mark(x, y, MARK)
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


def _draw_nodes(plan: Layout, symbols: dict[str, Symbol], marked: Collection[int]) -> Markup:
    nodes = (
        _draw_node(plan, number, symbols[node.block], number in marked)
        for number, node in enumerate(plan.genotype.nodes, start=1)
    )
    return element("g", *nodes, font_weight="600")


def _draw_node(plan: Layout, number: int, symbol: Symbol, marked: bool) -> Markup:
    node = plan.genotype.nodes[number - 1]
    x, y, radius = plan.stop(number)
    widened = "" if node.expansion is None else f", expansion {node.expansion}"
    source = "" if node.skip is None else f", skip from node {node.skip}"
    ring = element("circle", cx=x, cy=y, r=radius + 5, stroke_dasharray="3 3", **_STROKE)
    return element(
        "g",
        element(
            "title",
            f"Node {number}: {symbol.name}, {symbol.side} {node.kernel}×{node.kernel}{widened}, "
            f"at 1/{2**node.level} of the input's resolution{source}",
        ),
        element("circle", cx=x, cy=y, r=radius, fill=symbol.fill),
        _text(x, y, symbol.letters, fill=symbol.ink),
        ring if marked else None,
        class_="net-node",
        data_node=number,
    )


def _draw_legend(plan: Layout, symbols: dict[str, Symbol]) -> tuple[list[Markup], float]:
    """Return the legend, its items wrapped into rows, and the height of the drawing."""
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
    x, y = LEFT, plan.axis_y + 46.0
    for sign, words, radius in items:
        width = 2 * radius + 8 + 7 * len(words) + 20
        if x > LEFT and x + width > plan.width:
            x, y = LEFT, y + _LEGEND_ROW + 8
        place = f"translate({_number(x + radius)} {_number(y)})"
        legend.append(element("g", sign, transform=place))
        legend.append(_text(x + 2 * radius + 8, y, words, text_anchor="start"))
        x += width
    return legend, y + _LEGEND_ROW


def _text(x: float, y: float, words: str | int, **attributes: str | int | float | None) -> Markup:
    """Return a text that is vertically centred on ``y``."""
    return element("text", words, x=x, y=y + 4, **attributes)


def _pair(point: Point) -> str:
    return f"{_number(point[0])} {_number(point[1])}"


def _number(value: float) -> str:
    return f"{round(value, 1):g}"
