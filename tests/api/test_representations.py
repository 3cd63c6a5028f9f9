"""What a notebook shows: drawings and tables, with names escaped."""

import io
import xml.etree.ElementTree as ET
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from hypothesis import given

import mbnas

from ..names import NAMES, shapeless


class Tables(HTMLParser):
    """The text of all cells, and the tags."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.text = set(), []
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        self.tags.add(tag)

    def handle_data(self, data):
        self.text.append(data)


def test_a_network_is_a_drawing_of_its_nodes():
    network = mbnas.Network("0vgg3-1dense5-0residual3-0vgg3@1")
    drawing = ET.fromstring(network._repr_svg_())
    titles = [each.text for each in drawing.iter("{http://www.w3.org/2000/svg}title")]
    assert "Node 2: Dense, kernel 5×5, at 1/2 of the input's resolution" in titles
    assert "<style" not in network._repr_html_()  # which would colour the whole notebook
    assert (str(network), network) == (network.text, mbnas.Network(network.text))


def test_a_network_is_built_and_counted():
    torch = pytest.importorskip("torch")
    network = mbnas.Network("0vgg3-1dense5-0residual3")
    module = network.build(in_channels=2, num_classes=3, base_channels=4)
    assert module(torch.zeros(1, 2, 21, 30)).shape == (1, 3, 21, 30)
    cost = network.cost(size=32, in_channels=2, num_classes=3, base_channels=4)
    assert cost.parameters == sum(each.numel() for each in module.parameters())


def test_a_study_is_a_table_with_its_drawing(study):
    shown = Tables(study._repr_html_())
    assert {"table", "svg"} <= shown.tags
    assert "6 of 6 networks evaluated" in shown.text
    assert study.chosen.sentence in shown.text


def test_records_are_a_table(study):
    shown = Tables(study.evaluations()._repr_html_())
    assert shown.text.count(study.best.genotype) == 1
    assert "probability_best" in shown.text
    many = mbnas.Records(list(study.evaluations()) * 20)
    assert "60 records in the middle are not shown." in many._repr_html_()
    assert mbnas.Records()._repr_html_() == "<p>No records.</p>"


def test_a_search_is_a_table_of_scores():
    search = mbnas.Search("macro", searcher="random", num_nodes=4, num_levels=2)
    network = search.ask()[0].network
    search.tell(network, 0.25)
    assert {str(network), "0.2500"} <= set(Tables(search._repr_html_()).text)


@given(name=NAMES)
def test_names_of_others_are_only_text(searched, name):
    study, _ = searched
    training = replace(study.trainings()[0], error=name, worker=name)
    status = replace(study.status(), study=name)
    for html in (mbnas.Records([training])._repr_html_(), status._repr_html_()):
        assert not Tables(html).tags & {"script", "a", "b", "img"}
        assert shapeless(html.replace("\n", "")) == []


def test_lines_name_each_scored_network_and_each_tenth(searched):
    _, events = searched
    to = io.StringIO()
    lines = mbnas.ProgressLines(to)
    for event in events:
        lines(event)
    for done in range(101):
        lines(mbnas.StageProgress(stage="training", done=done, total=100))
    lines(mbnas.Message(text="Odd\x1b.", is_warning=True))
    written = to.getvalue().splitlines()
    assert sum(each.startswith("Network ") for each in written) == 6
    assert [each for each in written if each.startswith("Trained")] == [
        f"Trained {done} of 100 epochs." for done in range(10, 101, 10)
    ]
    assert written[-1] == "Warning: Odd\\x1b."
