"""Rows of effects: positions by the data, in a picture of any names."""

import re
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mbnas.report.charts.effect_rows import Row, draw_rows, draw_rows_key, effect_range
from mbnas.results.explanation.findings import Effect

SHAPES = ("broad", "narrow")
dice = st.floats(-1.0, 1.0)


def effect(mean, half):
    return Effect(mean=mean, sd=half / 2, low=mean - half, high=mean + half)


@st.composite
def any_rows(draw):
    """Rows that begin anywhere, some without an interval of any length."""
    sizes = st.one_of(st.just(0.0), st.floats(1e-9, 1.0))
    return [
        Row(
            name=draw(st.text(min_size=1, max_size=60)),
            effect=effect(draw(dice), draw(sizes)),
            start=draw(dice),
            is_bar=draw(st.booleans()),
        )
        for _ in range(draw(st.integers(1, 6)))
    ]


def draw(rows, shape="broad", heading="Head"):
    words = {"title": "Effects", "details": "What they say", "axis": "in Dice"}
    return str(draw_rows([(heading, rows)], shape, **words))


def parsed(rows, shape="broad"):
    return ET.fromstring(draw(rows, shape))


def groups(chart):
    return [each for each in chart.iter("g") if each.get("class", "").startswith("effect")]


def ends(group):
    (interval,) = [each for each in group.iter("line") if each.get("class") == "interval"]
    return float(interval.get("x1")), float(interval.get("x2"))


def dot(group):
    path = [each for each in group.iter("path") if each.get("class") is None][-1]
    return float(re.match(r"M(-?[\d.]+) ", path.get("d"))[1]) + 4


@pytest.mark.parametrize("shape", SHAPES)
def test_dots_and_intervals_are_where_their_dice_are(shape):
    rows = [Row(name="a", effect=effect(0.02, 0.01)), Row(name="b", effect=effect(-0.01, 0.02))]
    chart = parsed(rows, shape)
    (zero, *_) = [each for each in chart.iter("line") if each.get("class") == "zero"]
    origin = float(zero.get("x1"))
    first, second = groups(chart)
    per_dice = (dot(first) - origin) / 0.02
    assert per_dice > 1000
    for group, row in ((first, rows[0]), (second, rows[1])):
        assert dot(group) == pytest.approx(origin + per_dice * row.effect.mean, abs=0.2)
        places = [origin + per_dice * each for each in (row.effect.low, row.effect.high)]
        assert ends(group) == pytest.approx(places, abs=0.3)
    assert [each.get("class") for each in (first, second)] == ["effect pays", "effect open"]


@pytest.mark.parametrize("shape", SHAPES)
@given(rows=any_rows())
def test_everything_is_inside_the_picture(shape, rows):
    chart = parsed(rows, shape)
    assert not [each for each in chart.iter("path") if re.search("nan|inf", each.get("d"))]
    _, _, width, height = map(float, chart.get("viewBox").split())
    for each in chart.iter("line"):
        assert 0 <= float(each.get("x1")) <= width
        assert 0 <= float(each.get("x2")) <= width
        assert 0 <= float(each.get("y1")) <= float(each.get("y2")) <= height
    for each in chart.iter("rect"):
        assert float(each.get("x")) >= 0
        assert float(each.get("x")) + float(each.get("width")) <= width
    for each in groups(chart):
        low, high = ends(each)
        assert low - 0.1 <= dot(each) <= high + 0.1


@given(any_rows())
def test_the_axis_has_every_estimate_and_every_interval_that_is_told(rows):
    low, high = effect_range(rows)
    assert low < 0 < high
    for row in rows:
        assert low < row.end < high
        assert low < row.start < high
        if row.effect.finding != "open":
            assert low < row.start + row.effect.low
            assert row.start + row.effect.high < high


def test_an_interval_far_longer_than_the_others_is_cut_with_an_arrow():
    short = [Row(name=str(number), effect=effect(0.001, 0.002)) for number in range(3)]
    long = Row(name="long", effect=effect(0.0, 0.3))
    rows = [*short, long]
    chart = parsed(rows)
    cuts = [len([p for p in each.iter("path") if p.get("class")]) for each in groups(chart)]
    assert cuts == [0, 0, 0, 2]
    assert ends(groups(chart)[0])[1] - ends(groups(chart)[0])[0] > 100
    assert "ends beyond the axis" in draw_rows_key(rows)
    assert "beyond" not in draw_rows_key(short)
    assert "95 % interval −0.3000 to +0.3000" in groups(chart)[-1].find("title").text


def test_a_bar_leads_from_where_a_step_begins_to_its_estimate():
    rows = [
        Row(name="start", effect=None),
        Row(name="up", effect=effect(0.02, 0.03), is_bar=True),
        Row(name="down", effect=effect(-0.01, 0.03), start=0.02, is_bar=True),
    ]
    start, up, down = groups(parsed(rows))
    assert start.get("class") == "effect start"
    assert not list(start.iter("line"))
    bars = [next(each.iter("rect")) for each in (up, down)]
    (first, one), (second, other) = [
        (float(each.get("x")), float(each.get("width"))) for each in bars
    ]
    assert one == pytest.approx(2 * other, abs=0.3)
    assert second + other == pytest.approx(first + one, abs=0.3)
    assert dot(down) == pytest.approx(second, abs=0.3)
    (link,) = [each for each in down.iter("line") if each.get("class") == "from"]
    assert float(link.get("x1")) == pytest.approx(dot(up), abs=0.2)


@pytest.mark.parametrize("shape", SHAPES)
def test_long_names_are_broken_into_lines_that_no_line_crosses(shape):
    rows = [
        Row(name="levels " + "0 1 2 3 4 " * 8, effect=effect(0.01, 0.002)),
        Row(name="x" * 90, effect=effect(0.01, 0.02)),
        Row(name="short", effect=effect(0.01, 0.02)),
    ]
    chart = parsed(rows, shape)
    counts = []
    for group in groups(chart):
        texts = [each for each in group.iter("text") if each.get("text-anchor") == "start"]
        counts.append(len(texts))
        (interval,) = [each for each in group.iter("line") if each.get("class") == "interval"]
        heights = [float(each.get("y")) for each in texts]
        assert heights == sorted(set(heights))
        if shape == "narrow":
            assert heights[-1] + 3 < float(interval.get("y1"))
        else:
            assert max(len(each.text) for each in texts) * 6.4 < float(interval.get("x1"))
    assert min(counts[:2]) > 1
    assert counts[2] == 1


def test_names_are_escaped_and_the_chart_says_what_it_shows():
    chart = draw([Row(name="<b>", effect=effect(0.01, 0.02), spoken="all of <b>")], heading="<i>")
    assert "<b>" not in chart
    assert "<i>" not in chart
    assert "<title>all of &lt;b&gt;: +0.0100 Dice" in chart
    assert chart.index("<title>Effects</title><desc>What they say</desc>") < 400
    assert 'role="img"' in chart


def test_the_key_names_only_what_occurs():
    key = draw_rows_key([Row(name="a", effect=effect(-0.02, 0.01))])
    assert "shown to cost" in key
    for absent in ("shown to pay", "cannot be told", "beyond"):
        assert absent not in key
