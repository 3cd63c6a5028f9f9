from itertools import combinations
from xml.etree import ElementTree as ET

import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Text

from mbnas.report.figures.style import save

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture
def parsed(tmp_path):
    """Return the SVG document of a figure."""

    def parse(figure):
        save(figure, tmp_path / "figure.svg", title="a figure")
        return ET.parse(tmp_path / "figure.svg").getroot()

    return parse


@pytest.fixture
def words(parsed):
    """Return every text of a figure's SVG file."""
    return lambda figure: ["".join(each.itertext()) for each in parsed(figure).iter(f"{SVG}text")]


@pytest.fixture
def ids(parsed):
    """Return the names that elements of a figure's SVG file have."""
    return lambda figure: [each.get("id") for each in parsed(figure).iter() if each.get("id")]


@pytest.fixture
def boxes():
    """Return the texts of a figure and the boxes around them, in pixels."""

    def measure(figure):
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
        renderer = canvas.get_renderer()
        hidden = {text for axes in figure.axes for text in _outside(axes)}
        texts = [each for each in figure.findobj(Text) if each.get_text() and each.get_visible()]
        return [
            (each.get_text(), each.get_window_extent(renderer))
            for each in texts
            if each not in hidden
        ]

    return measure


def _outside(axes):
    """The labels of ticks beyond an axis, which exist but are not drawn."""
    for axis in (axes.xaxis, axes.yaxis):
        low, high = sorted(axis.get_view_interval())
        is_shown = axes.axison
        for tick in axis.get_major_ticks():
            if not is_shown or not low <= tick.get_loc() <= high:
                yield tick.label1


@pytest.fixture
def assert_legible(boxes):
    """Fail where two texts of a figure overlap or one leaves it."""

    def check(figure):
        found = boxes(figure)
        for (one, first), (other, second) in combinations(found, 2):
            across = min(first.x1, second.x1) - max(first.x0, second.x0)
            down = min(first.y1, second.y1) - max(first.y0, second.y0)
            assert not (across > 0.5 and down > 0.5), (one, other)
        width, height = figure.bbox.width, figure.bbox.height
        for text, box in found:
            assert min(box.x0, box.y0) >= -1, text
            assert box.x1 <= width + 1, text
            assert box.y1 <= height + 1, text

    return check
