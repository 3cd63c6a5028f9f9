import re
from dataclasses import replace
from html import unescape
from html.parser import HTMLParser

import pytest

from mbnas.report.page.study_page import render_page, write_report
from mbnas.results.evaluation_summary import TrainingSummary
from mbnas.results.learning_curves import MOST_CURVES, learning_curves
from mbnas.results.search_summary import MOST_SHOWN
from mbnas.training.training_record import EpochRecord

VOID = {"meta", "link", "br", "wbr", "input"}
ADDRESSED = {"src", "href", "srcset", "action", "data", "poster", "xlink:href"}


class Page(HTMLParser):
    """Reads a page: its texts outside templates, its elements, whether all are closed."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self._open: list[str] = []
        self.feed(html)
        self.close()
        assert not self._open

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", " ".join(self.texts))

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag):
        assert self._open.pop() == tag

    def handle_data(self, data):
        if not {"template", "script", "style"} & set(self._open):
            self.texts.append(data)


def contents_of(elements) -> set[str]:
    """Return the targets of the links before the first section."""
    before = next(n for n, (tag, _) in enumerate(elements) if tag == "main")
    return {values["href"] for tag, values in elements[:before] if tag == "a"}


@pytest.fixture
def full_study(study, evaluation, contender, drawn, compare, segmentations, shown_case):
    collapsed = TrainingSummary(fold=1, initialisation=2, score=0.41, collapsed=("posterior",))
    missed = TrainingSummary(
        fold=2, initialisation=2, score=0.5, absent=("cyst",), unpredicted=("cyst",)
    )
    first = evaluation(1, 0.8123, trainings=(*evaluation(1, 0.8123).trainings, collapsed, missed))
    return study(
        first,
        evaluation(2, 0.8577, why="node 2 kernel", incumbent=first.genotype),
        evaluation(3, None, why="node 3 block", incumbent=first.genotype),
        unet=evaluation(0, 0.8461, genotype="0vgg3", why="reference"),
        comparison=compare(
            contender("Best found", drawn(1)), contender("ResU-Net", drawn(2), kernel=5)
        ),
        segmentations=segmentations(shown_case("hippocampus_007")),
        identity={"Data digest": "abc123", "Protocol digest": "def456"},
        commands=("mbnas search data again --config study.toml",),
    )


def test_the_page_shows_the_whole_study(full_study):
    page = Page(render_page(full_study))

    for words in (
        "first study",
        "Task04_Hippocampus",
        "3 of 20 evaluations",
        "1 March 2026, 14:05 UTC",
        "0.858",
        "+0.012",
        "7.76 M",
        "12.1 G",
        "node 2: kernel 3 → 5",
        "collapsed: predicted on no training slice: posterior",
        "trainings never predicted a class of their validation patients.",
        "never predicted on validation patients: cyst (absent from training)",
        "failed: The loss was not finite.",
        "ResU-Net",
        "0.758 ± 0.023",
        "[0.729, 0.798]",
        "posterior ResU-Net",
        "300 M",
        "Mean ± standard deviation over 3 fresh initialisations",
        "between Best found and ResU-Net",
        "Selected and compared on the same patients",
        "seed = 7",
        "2.15.0",
        "hippocampus_007",
        "slice 4 of 9",
        "doi 10.1117/12.2611428",
        "@software{mbnas,",
        "abc123",
        "def456",
        "mbnas search data again --config study.toml",
        "not a medical device",
    ):
        assert words in page.text
    best = full_study.best.genotype
    assert best in page.text.replace("- ", "-")


def test_the_page_says_which_slices_networks_see(full_study):
    assert "further channels" not in Page(render_page(full_study)).text
    seeing = Page(render_page(replace(full_study, context=1))).text
    assert "a network sees the slice before and the slice after as further channels" in seeing
    seeing = Page(render_page(replace(full_study, context=2))).text
    assert "sees the 2 slices before and the 2 slices after" in seeing


def test_every_evaluation_can_be_pinned(full_study):
    elements = Page(render_page(full_study)).elements

    templates = {values["id"] for tag, values in elements if tag == "template"}
    links = {values["href"] for tag, values in elements if tag == "a"}
    assert templates == {"evaluation-1", "evaluation-2", "evaluation-3"}
    assert links - contents_of(elements) == {f"#{name}" for name in templates}


def test_contents_and_sections_match(full_study):
    elements = Page(render_page(full_study)).elements

    sections = {f"#{values['id']}" for tag, values in elements if tag in ("section", "header")}
    assert contents_of(elements) == sections


@pytest.mark.parametrize(
    ("state", "said", "unsaid"),
    [
        ("running", ("Running", "Reload it", "best network so far"), ("Finished", "Stopped")),
        ("finished", ("Finished", "The best network"), ("Running", "Reload", "so far ")),
        ("stopped", ("Stopped", "the same command resumes it"), ("Running", "Finished")),
    ],
)
def test_the_page_shows_the_state_of_the_search(study, evaluation, state, said, unsaid):
    text = Page(render_page(study(evaluation(1), state=state))).text.replace("best so far", "")

    assert all(words in text for words in said)
    assert not any(words in text for words in unsaid)


def test_a_study_without_evaluations_has_a_page(study):
    page = Page(render_page(study()))

    assert "0 of 20 evaluations" in page.text
    assert "No network has been evaluated yet." in page.text


def test_a_study_in_which_nothing_could_be_scored_has_a_page(study, evaluation):
    page = Page(render_page(study(evaluation(1, None, trainings=()))))

    assert "could not be scored" in page.text


def test_pictures_have_no_slider_and_no_slices(study, evaluation, segmentations, shown_case):
    case = shown_case("ISIC_1")
    picture = replace(case, num_slices=1, slices=case.slices[:1], fullest=0)
    shown = segmentations(picture, slice_axis=None, step=2, num_cases=28)
    page = Page(render_page(study(evaluation(1, 0.8), segmentations=shown, input_name="patch")))
    assert "Pictures have 1/2 of the prepared resolution" in page.text
    assert "it shows 1 of 28 cases: the worst." in page.text
    assert "slice 1 of 1" not in page.text
    assert not any(values.get("type") == "range" for _, values in page.elements)
    assert "for one patch" in page.text
    page = Page(render_page(study(evaluation(1, 0.8), segmentations=segmentations(case))))
    assert "Slices have the prepared resolution" in page.text
    assert "slice 4 of 9" in page.text
    assert "for one slice" in page.text


def test_names_cannot_become_markup(
    study, evaluation, contender, drawn, compare, segmentations, shown_case
):
    evil = "<script>alert('x')</script>\"&$title${style}"
    bad = TrainingSummary(fold=1, initialisation=1, score=None, collapsed=(evil,), error=evil)
    worse = TrainingSummary(fold=2, initialisation=1, score=0.5, collapsed=(evil,))
    html = render_page(
        study(
            evaluation(1, 0.5, why=evil, digest=evil, trainings=(bad, worse)),
            study_name=evil,
            dataset_name=evil,
            class_names=(evil, "<em>"),
            space_text=evil,
            searcher=evil,
            protocol_name=evil,
            configuration_toml=evil,
            comparison=compare(
                contender(evil, drawn(1)),
                contender(evil, drawn(2), kernel=5),
                class_names=(evil, "<b>"),
            ),
            versions={evil: evil, "mbnas": evil},
            identity={evil: evil},
            commands=(evil,),
            segmentations=segmentations(
                shown_case(evil, patient="x" + evil),
                class_names=(evil, "<em>"),
                network_names=(evil, "<em>"),
            ),
        )
    )

    page = Page(html)
    tags = [tag for tag, _ in page.elements]
    assert tags.count("script") == 1
    assert "em" not in tags
    assert tags.count("style") == 2
    assert "<script>alert" not in html
    assert unescape(evil) in page.text


def test_the_page_fetches_nothing(full_study):
    html = render_page(full_study)

    for tag, values in Page(html).elements:
        for name in ADDRESSED & values.keys():
            assert (values[name] or "").startswith(("#", "data:")), (tag, name)
    assert not re.search(r"https?://|url\(|@import|fetch\(|XMLHttpRequest|import\(", html)
    assert "default-src 'none'" in html


def test_every_network_of_a_long_search_is_drawn_within_two_megabytes(study, evaluation):
    nodes = "0inception7-1residual7-1inception7-1residual7@2-1inception7@2-1residual7@2"
    genotype = f"{nodes}-1inception7@2-1residual7@2-1inception7@2-1inception7@2"
    trainings = tuple(
        TrainingSummary(fold=fold, initialisation=initialisation, score=0.8)
        for fold in range(1, 6)
        for initialisation in range(1, 4)
    )
    evaluations = (
        evaluation(n, genotype=genotype, incumbent=genotype, trainings=trainings)
        for n in range(1, 151)
    )

    html = render_page(study(*evaluations, budget=150))

    assert html.count('<svg class="net"') == 151
    assert len(html.encode()) < 2_000_000


def test_the_page_of_a_very_long_search_is_bounded_and_states_what_it_leaves_out(study, evaluation):
    nodes = "0inception7-1residual7-1inception7-1residual7@2-1inception7@2-1residual7@2"
    scores = [0.5 + 0.3 * ((7919 * number) % 3001) / 3001 for number in range(1, 3001)]
    failed = TrainingSummary(fold=0, initialisation=0, score=None, error="The loss is not finite.")
    evaluations = [
        evaluation(
            number,
            score,
            genotype=nodes,
            incumbent=nodes,
            trainings=(failed,),
            digest=f"network {number}",
        )
        for number, score in enumerate(scores, start=1)
    ]
    epochs = [
        EpochRecord(epoch=epoch, learning_rate=0.1, loss=1 / epoch, class_dice=(0.3, 1 - 1 / epoch))
        for epoch in range(1, 1001)
    ]
    curves = {
        f"network {number}": learning_curves([epochs], 2)
        for number in range(3001 - MOST_CURVES, 3001)
    }
    html = render_page(study(*evaluations, budget=3000, curves=curves))
    assert len(html.encode()) < 3_500_000
    assert html.count('class="chart learning"') == MOST_CURVES
    assert "This page has those of 60 networks: the latest and the best." in html
    shown = {int(number) for number in re.findall(r'<template id="evaluation-(\d+)"', html)}
    best = max(range(3000), key=scores.__getitem__) + 1
    assert {best, *range(2851, 3001)} <= shown
    assert len(shown) <= MOST_SHOWN
    assert f"This page lists {len(shown)} of 3,000 networks" in html
    assert "These are the latest 200 of 3000." in html
    assert "3000 of 3000 trainings failed" in html
    links = {int(number) for number in re.findall(r'href="#evaluation-(\d+)"', html)}
    assert links <= shown


def test_the_page_replaces_the_one_before(study, evaluation, tmp_path):
    path = tmp_path / "report.html"

    write_report(study(), path)
    write_report(study(evaluation(1)), path)

    assert "1 of 20 evaluations" in Page(path.read_text(encoding="utf-8")).text
    assert [file.name for file in tmp_path.iterdir()] == ["report.html"]
