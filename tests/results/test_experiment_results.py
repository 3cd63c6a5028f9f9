"""The page of an experiment, and the paper's table next to a new one."""

import json
import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from mbnas.cli.show.comparison_display import print_comparison
from mbnas.report.charts.spaces_chart import draw_spaces
from mbnas.report.page.experiment_page import render_experiment_page, write_experiment_page
from mbnas.report.tables.published_table import published_notes, published_rows, published_tables
from mbnas.results.experiment_results import ExperimentResults, PublishedNames, SpaceSearch
from mbnas.results.metric_summaries import Quantity
from mbnas.results.published_results import PUBLISHED
from mbnas.training.protocol import PAPER_DATASETS

from .conftest import make_evaluation, make_study

PAPER = Path(__file__).parents[3] / "shared/paper.json"


def searched(name, *scores):
    evaluations = [make_evaluation(number, score) for number, score in enumerate(scores, start=1)]
    return SpaceSearch(name=name, summary=make_study(*evaluations), link=f"{name}/report.html")


def experiment(*searches, **fields):
    values = {
        "name": "a <b>",
        "updated_at": datetime(2026, 3, 1, tzinfo=UTC),
        "stage": "searching the macro space",
        "searches": searches,
    }
    return ExperimentResults(**(values | fields))


SEARCHES = (
    searched("mixed", 0.5, 0.7, 0.6),
    searched("macro", 0.4, None),
    searched("micro"),
    searched("bilevel", None),
)


@pytest.mark.parametrize("shape", ["broad", "narrow"])
@pytest.mark.parametrize("count", range(5))
def test_every_search_with_a_score_has_a_line_and_its_name(shape, count):
    drawing = ET.fromstring(draw_spaces(SEARCHES[:count], shape))
    names = [each.text for each in drawing.iter("text") if each.get("style")]
    assert names == ["mixed", "macro"][:count]
    assert len(list(drawing.iter("path"))) == min(count, 2)


def test_lines_differ_in_their_dashes():
    drawing = draw_spaces(
        tuple(searched(name, 0.5) for name in ("mixed", "macro", "micro")), "broad"
    )
    paths = list(ET.fromstring(drawing).iter("path"))
    assert len({each.get("stroke-dasharray") for each in paths}) == 3


def test_an_unfinished_experiment_has_a_page():
    page = render_experiment_page(experiment(*SEARCHES))
    assert "searching the macro space" in page
    assert "a &lt;b&gt;" in page
    assert page.count('class="net"') == 2
    assert 'href="bilevel/report.html"' in page
    assert "Trained again" not in page


@pytest.mark.parametrize("searches", [(), SEARCHES])
def test_contents_and_sections_match(searches):
    page = render_experiment_page(experiment(*searches))
    contents, sections = page.split("<main>")
    places = re.findall(r'<(?:section|header)\b[^>]* id="(\w+)"', sections)
    assert re.findall(r'href="#(\w+)"', contents) == places
    assert len(places) == len(re.findall(r"<(?:section|header)\b", sections))
    assert ("searches" in places) == bool(searches)


def test_a_page_before_the_first_search():
    assert "No search has begun yet." in render_experiment_page(experiment())


def test_the_page_needs_a_time_zone():
    with pytest.raises(ValueError, match="time zone"):
        replace(experiment(), updated_at=datetime(2026, 3, 1))  # noqa: DTZ001


def test_the_page_creates_its_folder(tmp_path):
    write_experiment_page(experiment(), tmp_path / "new/report.html")
    assert (tmp_path / "new/report.html").exists()


def test_published_numbers_match_the_paper():
    """Spot checks against Table 1 and section 3.4, read by eye."""
    assert PUBLISHED.keys() == PAPER_DATASETS.keys()
    micro, mixed = PUBLISHED["prostate"].rows["micro"], PUBLISHED["spleen"].rows["mixed"]
    assert micro.metrics["dice"] == Quantity(mean=0.6796, sd=0.007)
    assert micro.metrics["hd95_mm"] == Quantity(mean=8.394, sd=0.251)
    assert mixed.metrics["surface_dice"] == Quantity(mean=0.9189, sd=0.002)
    assert (mixed.macs_32, mixed.parameters) == (1_294_000_000, 22_700_000)
    assert PUBLISHED["spleen"].friedman.chi2 == 49.14
    assert PUBLISHED["prostate"].wilcoxon.p_below is None


@pytest.mark.skipif(not PAPER.is_file(), reason=f"{PAPER} is not there")
def test_the_published_numbers_match_the_transcript():
    datasets = json.loads(PAPER.read_text(encoding="utf-8"))["datasets"]
    assert datasets.keys() == PUBLISHED.keys()
    for name, expected in datasets.items():
        published = PUBLISHED[name]
        rows = {row.title: row for row in published.rows.values()}
        assert rows.keys() == expected["table1"].keys()
        for title, numbers in expected["table1"].items():
            row, metrics = rows[title], rows[title].metrics
            for key, metric in (("DSC", "dice"), ("HD", "hd95_mm"), ("SD", "surface_dice")):
                assert [metrics[metric].mean, metrics[metric].sd] == numbers[key]
            assert row.macs_32 / 1e6 == numbers["MMAC"]
            assert row.parameters / 1e6 == pytest.approx(numbers["params_M"])
        friedman, wilcoxon = published.friedman, published.wilcoxon
        assert expected["friedman"] == {
            "chi2": friedman.chi2,
            "df": friedman.freedom,
            "p_below": friedman.p_below,
        }
        assert expected["wilcoxon_best_vs_unet"] == (
            "not significant"
            if wilcoxon.p_below is None
            else {"W": wilcoxon.statistic, "p_below": wilcoxon.p_below}
        )
        assert expected["inside_nnunet_DSC"] == published.dice_inside_nnunet
        for key, value in (
            ("modality", published.modality),
            ("classes", published.num_classes),
            ("scans", published.num_scans),
            ("slices", published.num_slices),
            ("epochs", published.num_epochs),
        ):
            assert expected[key] == value


@pytest.fixture
def reproduced(comparison):
    """Four networks: found in two spaces, the U-Net, the ResU-Net, and one of no row there."""
    rows = tuple(
        PublishedNames(name=name, published=published)
        for name, published in (
            ("Mixed and Micro", ("mixed", "micro")),
            ("U-Net", ("unet",)),
            ("ResU-Net", ("resunet",)),
            ("U-Net genotype", ("unet-genotype",)),
        )
    )
    return comparison(0.83, 0.8, 0.7, 0.69), rows


@pytest.mark.parametrize("dataset", list(PUBLISHED))
def test_the_table_has_all_rows_of_the_papers_table(reproduced, dataset):
    comparison, rows = reproduced
    table, results = published_tables(comparison, rows, dataset)
    assert [(row[0].text, row[0].note) for row in table.rows] == [
        ("Mixed and Micro", "here"),
        ("MB-NAS", "published"),
        ("Micro-NAS", "published"),
        ("U-Net", "here"),
        ("U-Net", "published"),
        ("ResU-Net", "here"),
        ("ResU-Net", "published"),
        ("U-Net genotype", "here"),
        ("Macro-NAS", "published"),
        ("Bilevel-NAS", "published"),
    ]
    assert "–" not in [cell.text for row in table.rows if row[0].note != "here" for cell in row]
    words = [tuple(cell.text for cell in row) for row in results.rows]
    assert [each[2] for each in words] == {
        "prostate": ["16.98 (5)", "< 0.005", "not given", "not significant", "0.7325", "0.7315"],
        "spleen": ["49.14 (5)", "< 0.0001", "48", "< 0.05", "0.9467", "0.9466"],
    }[dataset]
    # All six blocks to one side: W = 0 and p = 2 / 2^6. Four networks in one order in six blocks:
    # chi2 = 6 · 3.
    assert [each[1] for each in words[:4]] == ["18.00 (3)", "0.00044", "0", "0.031"]
    assert len(list(published_rows(comparison, rows, dataset))) == len(table.rows)


def test_the_papers_mean_and_deviation_read_as_printed(reproduced):
    table, _ = published_tables(*reproduced, "spleen")
    assert [(cell.text, cell.note) for cell in table.rows[1]] == [
        ("MB-NAS", "published"),
        ("0.9592", "± 0.002"),
        ("1.385", "± 0.036"),
        ("0.9189", "± 0.002"),
        ("1294", ""),
        ("22.7", ""),
    ]


def test_the_page_has_the_papers_numbers_and_their_source(reproduced):
    comparison, rows = reproduced
    page = render_experiment_page(
        experiment(*SEARCHES, comparison=comparison, published_names=rows, paper_dataset="prostate")
    )
    for words in ("0.6760", "± 0.325", "16.98 (5)", "0.7315", "arXiv 2202.11401, Table 1"):
        assert words in page
    assert "602 slices" in page


@pytest.mark.parametrize("width", [80, 200])
def test_the_papers_numbers_fit_a_screen(reproduced, screen, width):
    comparison, rows = reproduced
    out = screen(width)
    print_comparison(
        comparison,
        out,
        more=published_tables(comparison, rows, "prostate"),
        more_notes=published_notes("prostate"),
    )
    printed = out.file.getvalue()
    _, in_tables = printed.split("\n\n", 1)  # the terminal wraps sentences by itself
    in_tables, _ = in_tables.split(comparison.basis)
    assert max(map(len, in_tables.splitlines())) <= width
    assert "…" not in printed
    for words in ("0.6760", "± 0.541", "1295", "< 0.005", "not significant"):
        assert words in printed
