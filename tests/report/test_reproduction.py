"""The page of a whole experiment, and the paper's table beside a new one."""

import re
from dataclasses import replace
from datetime import UTC, datetime
from xml.etree import ElementTree as ET

import pytest

from mbnas.report.published import PUBLISHED
from mbnas.report.published_table import published_text
from mbnas.report.race import draw_race
from mbnas.report.reproduction import Reproduction, SearchedSpace
from mbnas.report.reproduction_page import render_reproduction, write_reproduction
from mbnas.training.paper_datasets import PAPER_DATASETS

from .conftest import make_evaluation, make_study


def searched(name, *scores):
    evaluations = [make_evaluation(number, score) for number, score in enumerate(scores, start=1)]
    return SearchedSpace(name=name, summary=make_study(*evaluations), link=f"{name}/report.html")


def experiment(*searches, **fields):
    values = {
        "name": "a <b>",
        "updated_at": datetime(2026, 3, 1, tzinfo=UTC),
        "stage": "searching the macro space",
        "searches": searches,
    }
    return Reproduction(**(values | fields))


SEARCHES = (
    searched("mixed", 0.5, 0.7, 0.6),
    searched("macro", 0.4, None),
    searched("micro"),
    searched("bilevel", None),
)


@pytest.mark.parametrize("shape", ["broad", "narrow"])
@pytest.mark.parametrize("count", range(5))
def test_every_search_with_a_score_has_a_line_and_its_name(shape, count):
    drawing = ET.fromstring(draw_race(SEARCHES[:count], shape))
    names = [each.text for each in drawing.iter("text") if each.get("style")]
    assert names == ["mixed", "macro"][:count]
    assert len(list(drawing.iter("path"))) == min(count, 2)


def test_lines_differ_in_their_dashes():
    drawing = draw_race(tuple(searched(name, 0.5) for name in ("mixed", "macro", "micro")), "broad")
    paths = list(ET.fromstring(drawing).iter("path"))
    assert len({each.get("stroke-dasharray") for each in paths}) == 3


def test_the_page_shows_what_there_is_so_far():
    page = render_reproduction(experiment(*SEARCHES))
    assert "searching the macro space" in page
    assert "a &lt;b&gt;" in page
    assert page.count('class="net"') == 2
    assert 'href="bilevel/report.html"' in page
    assert "Trained anew" not in page


@pytest.mark.parametrize("searches", [(), SEARCHES])
def test_every_section_is_in_the_contents_and_every_entry_is_there(searches):
    page = render_reproduction(experiment(*searches))
    contents, sections = page.split("<main>")
    places = re.findall(r'<(?:section|header)\b[^>]* id="(\w+)"', sections)
    assert re.findall(r'href="#(\w+)"', contents) == places
    assert len(places) == len(re.findall(r"<(?:section|header)\b", sections))
    assert ("searches" in places) == bool(searches)


def test_a_page_before_the_first_search():
    assert "No search has begun yet." in render_reproduction(experiment())


def test_the_page_needs_a_time_zone():
    with pytest.raises(ValueError, match="time zone"):
        replace(experiment(), updated_at=datetime(2026, 3, 1))  # noqa: DTZ001


def test_the_page_makes_its_folder(tmp_path):
    write_reproduction(experiment(), tmp_path / "new/report.html")
    assert (tmp_path / "new/report.html").exists()


def test_the_published_table_holds_what_is_known_and_nothing_else():
    assert PUBLISHED.keys() == PAPER_DATASETS.keys()
    for rows in PUBLISHED.values():
        assert (rows["unet"].parameters, rows["unet"].macs_32) == (18_400_000, 302_000_000)
        assert (rows["resunet"].parameters, rows["resunet"].macs_32) == (32_500_000, 166_000_000)
        assert all(row.dice_percent is None for row in rows.values())


def test_a_network_of_two_spaces_has_both_published_values():
    rows = [replace(PUBLISHED["spleen"]["unet"], parameters=n) for n in (1, 2)]
    assert published_text(rows, lambda row: str(row.parameters)) == "1 / 2"
    assert published_text([], lambda row: "1") == "–"
