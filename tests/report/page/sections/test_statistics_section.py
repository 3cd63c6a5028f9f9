import re
from xml.etree import ElementTree as ET

import pytest

from mbnas.report.charts.rank_diagram import draw_ranks
from mbnas.report.page.sections.statistics_section import statistics_section

SHAPES = ("broad", "narrow")


def test_conclusions_cautions_and_optimism_are_shown(comparison):
    compared = comparison(0.83, 0.8, 0.7, 0.69)

    text = ET.fromstring(statistics_section(compared) or "")

    words = " ".join(text.itertext())
    assert all(each in words for each in (compared.basis, *compared.cautions, compared.optimism))
    assert words.count("between Best found and Network 1") == 1  # one conclusion, said once
    conclusions, paper_tests = text.iter("table")
    assert len(conclusions.findall("tbody/tr")) == 6
    assert len(paper_tests.findall("tbody/tr")) == 2 + 6
    assert len(list(text.iter("svg"))) == 2


def test_two_networks_have_no_diagram_and_one_has_no_conclusion(comparison):
    two, one = (statistics_section(comparison(*means)) or "" for means in ((0.8, 0.7), (0.8,)))

    assert "<svg" not in two
    assert two.count("Too few patients to show any difference") == 1
    assert "<table" not in one
    assert "in the search, the best of 20 networks" in one


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("num_networks", range(2, 11))
def test_lines_lead_to_the_ranks_and_do_not_cross(shape, num_networks):
    ranks = tuple(1.0 + 0.9 * number for number in range(num_networks))
    names = [f"Network {number}" for number in range(num_networks)]

    picture = ET.fromstring(draw_ranks(names, ranks, 1.0, shape))

    _, _, width, height = map(float, picture.get("viewBox", "").split())
    lines = []
    for group in picture.iter("g"):
        path = group.find("path")
        assert path is not None
        x, top, bottom, end = map(float, re.findall(r"-?[\d.]+", path.get("d", "")))
        assert 0 <= x <= width
        assert top < bottom < height
        lines.append((x, bottom, end))
    assert len(lines) == len({x for x, _, _ in lines}) == num_networks
    for x, bottom, _ in lines:
        for _, row, end in lines:
            other = next(each[0] for each in lines if each[1:] == (row, end))
            assert x == other or row > bottom or not min(other, end) < x < max(other, end)


@pytest.mark.parametrize("shape", SHAPES)
def test_bars_join_networks_that_do_not_differ(shape):
    ranks = (3.143, 2.0, 2.893, 1.964)

    picture = ET.fromstring(draw_ranks(("a", "b", "c", "d"), ranks, 1.12, shape))

    assert len([each for each in picture.iter("path") if each.get("class") == "tied"]) == 2
    assert picture.get("aria-label") == "Average ranks: d 1.96; b 2.00; c 2.89; a 3.14"


def test_a_critical_difference_beyond_all_ranks_stays_inside_the_picture():
    picture = draw_ranks(("a", "b", "c"), (1.0, 2.0, 3.0), 9.0, "narrow")

    ruler = next(
        each for each in ET.fromstring(picture).iter("path") if each.get("class") == "ruler"
    )
    assert float(re.findall(r"h([\d.]+)", ruler.get("d", ""))[-1]) < 380
