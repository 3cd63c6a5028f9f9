"""The page in a real browser: what a user sees and does, read from its document."""

import json
import re
import shutil
import subprocess
import threading
import time
from dataclasses import replace
from datetime import UTC, datetime
from html import escape, unescape

import pytest

from mbnas.report.live.live_page import LivePage
from mbnas.report.live.page_server import PageServer
from mbnas.report.page.experiment_page import render_experiment_page
from mbnas.report.page.study_page import render_page
from mbnas.results.experiment_results import ExperimentResults, SpaceSearch
from mbnas.results.explanation.choices import Choice
from mbnas.results.explanation.findings import (
    AblationPath,
    ChoiceEffect,
    Effect,
    Explanation,
    PathStep,
)
from mbnas.results.fronts.search_front import FrontNetwork, SearchFront
from mbnas.results.timeline import timeline_of
from mbnas.space.genotype import Genotype, unet_genotype
from mbnas.study.progress.time_account import time_account
from mbnas.training.training_record import TrainingKey, TrainingRecord

BROWSER = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
pytestmark = pytest.mark.skipif(BROWSER is None, reason="needs Chromium")

RECORDER = """<script>
window.told = [];
addEventListener("error", (event) => told.push(String(event.message)), true);
addEventListener("unhandledrejection", (event) => told.push(String(event.reason)));
addEventListener("securitypolicyviolation", (event) => told.push(`refused: ${event.blockedURI}`));
</script>"""

SCRIPT = """<script>addEventListener("load", () => {
const one = (selector) => document.querySelector(selector);
const all = (selector) => [...document.querySelectorAll(selector)];
const seen = (element) => Boolean(element) && element.getClientRects().length > 0;
const send = (element, kind, fields) =>
  element.dispatchEvent(new kind[0](kind[1], { bubbles: true, cancelable: true, ...fields }));
const result = {};
try {
ACTIONS
} catch (error) { told.push(String(error.stack)); }
result.told = told;
result.fetched = performance.getEntriesByType("resource").map((each) => each.name.slice(0, 40));
const place = document.createElement("script");
place.type = "application/json";
place.id = "result";
place.textContent = JSON.stringify(result).replaceAll("<", "\\\\u003c");
top.document.body.append(place);
});</script>"""


TRAININGS = [
    TrainingRecord(
        key=TrainingKey(network=network, protocol="p", fold=fold, initialisation=0),
        score=0.8,
        wall_s=60.0,
        worker=f"node-of-a-long-name-17:{fold} cuda:{fold}",
        started_at=started_at,
    )
    for network, started_at in (
        ("a", "2026-03-01T12:00:00+00:00"),
        ("b", "2026-03-01T12:01:00+00:00"),
        ("c", "1970-01-01T00:00:00+00:00"),
    )
    for fold in (0, 1)
]

NETWORKS = tuple(
    FrontNetwork(
        number=number,
        genotype=Genotype.parse(f"0vgg{2 * number + 1}"),
        score=score,
        standard_error=None,
        num_trainings=3,
        parameters=10 * macs,
        macs=macs,
        latency_ms=None,
    )
    for number, score, macs in ((1, 0.81, 1000), (2, 0.85, 4000))
)
FRONT = SearchFront(costs=("macs",), networks=NETWORKS, members=NETWORKS, reference=NETWORKS[0])


def effect(mean, half):
    return Effect(mean=mean, sd=half / 2, low=mean - half, high=mean + half)


def explanation(change="block vgg → <b>dense</b> in node 2"):
    """What mattered, with an effect that pays, one that costs, one beyond the axis, and others."""
    unet = unet_genotype(2)
    gains = (0.02, -0.004, 0.006)
    changes = (change, "levels " + "0 1 2 3 4 " * 5 + "→ 0 1 2 3 4 5", "skips in nodes 3, 4")
    found = (
        *((Choice("block", name), mean, 0.005) for name, mean in (("vgg", -0.01), ("dense", 0.01))),
        *((Choice("kernel", side), 0.001 * side, 0.01) for side in (3, 5)),
        (Choice("skip", "over deeper levels"), 0.002, 0.004),
        *((Choice("depth", number), 0.001, 0.004 + 0.1 * (number > 2)) for number in (2, 3)),
    )
    return Explanation(
        num_networks=40,
        num_initialisations=40,
        searcher="random",
        is_limited=False,
        choices=tuple(
            ChoiceEffect(choice=choice, effect=effect(mean, half), num_networks=9)
            for choice, mean, half in found
        ),
        path=AblationPath(
            reference=unet,
            target=unet,
            is_chosen=True,
            steps=tuple(
                PathStep(change=words, network=unet, is_scored=True, gain=effect(gain, 0.01))
                for words, gain in zip(changes, gains, strict=True)
            ),
            total=effect(sum(gains), 0.01),
        ),
    )


@pytest.fixture
def page(study, evaluation, comparison, segmentations, shown_case):
    """A page with every section, two evaluations and two cases."""
    first = evaluation(1, 0.81)
    summary = study(
        first,
        evaluation(2, 0.85, why="node 2 kernel", incumbent=first.genotype),
        comparison=comparison(0.83, 0.8, 0.7, 0.69),
        segmentations=segmentations(shown_case("worst"), shown_case("better", dice=(0.9, None))),
        identity={"Seed": "7"},
        commands=("mbnas search data again --config study.toml",),
        front=FRONT,
        explanation=explanation(),
        timeline=timeline_of(TRAININGS, (), numbers={"a": 1}),
        account=time_account(TRAININGS, (), asked={"a"}, evaluated={"a"}),
    )
    return render_page(replace(summary, state="finished"))


@pytest.fixture
def browse(page, tmp_path):
    """Open the page, act on it by script, and return what the script noted in ``result``."""

    def act(actions, *options, width=None):
        path = tmp_path / "page.html"
        script = SCRIPT.replace("ACTIONS", actions)
        html = page.replace("<head>", f"<head>{RECORDER}", 1)
        html = html.replace("</body>", f"{script}</body>")
        if width is not None:  # no window is as narrow as a phone, a frame is
            html = (
                '<!doctype html><body style="margin:0"><iframe style="border:0" '
                f'width="{width}" height="800" srcdoc="{escape(html)}"></iframe></body>'
            )
        path.write_text(html, encoding="utf-8")
        done = subprocess.run(
            [
                str(BROWSER),
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--hide-scrollbars",
                "--disable-dev-shm-usage",
                f"--user-data-dir={tmp_path / 'profile'}",
                "--enable-logging=stderr",
                "--virtual-time-budget=5000",
                "--dump-dom",
                *options,
                path.as_uri(),
            ],
            capture_output=True,
            text=True,
            timeout=120,
        )
        found = re.search(
            r'<script type="application/json" id="result">(.*?)</script>', done.stdout
        )
        assert found, done.stderr[-2000:]
        result = json.loads(unescape(found[1]))
        assert result.pop("told") == []
        assert result.pop("fetched") == []
        assert not re.search(r"CONSOLE.*", done.stderr)
        return result

    return act


def test_pointing_at_a_network_and_clicking_it_show_what_it_is(browse):
    result = browse("""
      const point = one('#search .chart.broad .point[data-number="2"]');
      const chart = point.ownerSVGElement;
      const { left, top, width } = point.querySelector("path").getBoundingClientRect();
      const place = { clientX: left + width / 2, clientY: top + width / 2, detail: 1 };
      result.before = [seen(one("#search .tip")), seen(one("div.pinned:not(.empty)"))];
      send(chart, [PointerEvent, "pointermove"], place);
      result.tip = one("#search .tip").innerText;
      send(chart, [MouseEvent, "click"], place);
      result.pinned = one("div.pinned:not(.empty)").innerText;
      result.drawn = seen(one("#search div.pinned .net"));
      result.hash = location.hash;
      send(document, [KeyboardEvent, "keydown"], { key: "Escape" });
      result.after = [seen(one("#search .tip")), seen(one("div.pinned:not(.empty)"))];
    """)

    assert result["before"] == result["after"] == [False, False]
    assert "Evaluation 2" in result["tip"]
    assert "node 2: kernel 3 → 5" in result["tip"]
    assert "node 2: kernel 3 → 5" in result["pinned"]
    assert result["drawn"]
    assert result["hash"] == "#evaluation-2"


def test_every_network_can_be_reached_and_chosen_by_keys(browse):
    result = browse("""
      const points = all("#search .chart.broad .point");
      const last = points.find((each) => each.getAttribute("tabindex") === "0");
      last.focus();
      result.first = one("#search .tip").innerText;
      send(last, [KeyboardEvent, "keydown"], { key: "ArrowLeft" });
      result.then = one("#search .tip").innerText;
      document.activeElement.dispatchEvent(
        new MouseEvent("click", { bubbles: true, cancelable: true, detail: 0 }));
      result.pinned = one("#search div.pinned h3").innerText;
    """)

    assert "Evaluation 2" in result["first"]
    assert "Evaluation 1" in result["then"]
    assert result["pinned"] == "Evaluation 1"


@pytest.mark.parametrize("width", [1440, 768, 500])
def test_a_clicked_network_is_shown_beside_the_chart_or_below_it_in_view(browse, width):
    result = browse(
        """
      const point = all('#front .point[data-number="1"]').find(seen);
      point.scrollIntoView({ block: "center" });
      const { left, top, width } = point.querySelector("path").getBoundingClientRect();
      send(point.ownerSVGElement, [MouseEvent, "click"],
        { clientX: left + width / 2, clientY: top + width / 2, detail: 1 });
      const place = (each) => (({ left, right, top, bottom }) => ({ left, right, top, bottom }))(
        each.getBoundingClientRect());
      result.chart = place(point.ownerSVGElement);
      result.panel = place(one("#front div.pinned"));
      result.title = one("#front div.pinned h3").innerText;
      result.height = innerHeight;
      result.others = all("div.pinned:not(.empty)").length;
    """,
        f"--window-size={width},900",
    )
    chart, panel = result["chart"], result["panel"]
    assert result["title"] == "Evaluation 1"
    assert result["others"] == 1
    assert 0 < panel["top"] < result["height"] * 0.6
    assert panel["right"] <= width
    if width == 1440:
        assert panel["left"] > chart["right"]
        assert abs(panel["top"] - chart["top"]) < 5
    else:
        assert panel["top"] > chart["bottom"] > 0


def test_a_link_to_a_network_shows_it_by_the_chart_of_its_section(browse):
    result = browse("""
      one("#front table a").click();
      result.front = one("#front div.pinned h3").innerText;
      for (const details of all("details")) details.open = true;
      one('#evaluations a[href="#evaluation-2"]').click();
      result.search = one("#search div.pinned h3").innerText;
      result.others = all("div.pinned:not(.empty)").length;
    """)
    assert result == {"front": "Evaluation 1", "search": "Evaluation 2", "others": 1}


def test_tables_and_sections_are_filled(browse):
    result = browse("""
      for (const details of all("details")) details.open = true;
      const rows = all("section:not(#statistics) tbody tr");
      result.rows = rows.filter(seen).map((each) => each.innerText);
      result.links = all(".contents a").map((each) => seen(one(each.hash)));
      result.ranked = all(".ranks.broad .ranked").filter(seen).length;
      result.conclusions = all("#statistics table")[0].rows.length - 1;
      result.cite = one("#cite").innerText;
    """)

    assert sum("Best found" in row for row in result["rows"]) == 1 + 2  # over and by class
    assert sum("node 2 kernel" in row for row in result["rows"]) == 1
    assert result["links"] == [True] * 12
    assert result["ranked"] == 4
    assert result["conclusions"] == 6
    assert "@inproceedings{bosma2022mixed" in result["cite"]


def test_the_slider_goes_through_the_slices_of_its_own_patient(browse):
    result = browse("""
      const [moved, other] = all(".case");
      const slider = moved.querySelector("input[type=range]");
      const look = (each) => ({
        words: each.querySelector(".slider .on").textContent,
        spoken: each.querySelector("input").getAttribute("aria-valuetext"),
        top: each.querySelector(".strip").getBoundingClientRect().top
          - each.querySelector(".view").getBoundingClientRect().top,
        outlines: [...each.querySelectorAll(".panel")].map((panel) =>
          [...panel.querySelectorAll(".slice")].map((group) => Number(seen(group)))),
      });
      result.seen = seen(slider);
      result.before = look(moved);
      slider.value = slider.min;
      send(slider, [Event, "input"]);
      result.after = look(moved);
      other.open = true;
      result.other = look(other);
    """)

    before, after = result["before"], result["after"]
    assert result["seen"]
    assert before["words"] == before["spoken"] == result["other"]["words"] == "slice 4 of 9"
    assert after["words"] == after["spoken"] == "slice 1 of 9"
    assert before["top"] < after["top"] < 0
    assert [[sum(panel) for panel in each["outlines"]] for each in (before, after)] == [[1] * 3] * 2
    assert all(panel[0] == 1 for panel in after["outlines"])


def test_boxes_hide_reference_classes_and_networks(browse):
    result = browse("""
      const drawn = () => ({
        networks: all(".case[open] .panel").filter(seen).length,
        reference: all(".case[open] .slice.on .reference").filter(seen).length,
        first: getComputedStyle(one(".panel .slice.on path.class-0")).visibility,
        second: getComputedStyle(one(".panel .slice.on path.class-1")).visibility,
      });
      result.before = drawn();
      one("#shows-network-1").click();
      one("#shows-class-0").click();
      result.some = drawn();
      one("#shows-reference").click();
      result.fewer = drawn();
      for (const box of all(".toggles input")) if (!box.checked) box.click();
      result.after = drawn();
    """)

    assert result["before"] == result["after"]
    assert result["before"]["networks"] == 3
    assert result["some"]["networks"] == 2
    assert (result["some"]["first"], result["some"]["second"]) == ("hidden", "visible")
    assert result["some"]["reference"] > 0
    assert result["fewer"]["reference"] == 0


@pytest.mark.parametrize(("width", "shape"), [(1280, "broad"), (360, "narrow")])
def test_the_timeline_shows_every_run_in_its_row(browse, width, shape):
    result = browse(
        """
      const place = (each) => each.getBoundingClientRect();
      const chart = all(".chart.timeline").filter(seen);
      result.shapes = chart.map((each) => each.getAttribute("class"));
      const bars = [...chart[0].querySelectorAll("rect")];
      result.said = bars.map((each) => each.textContent);
      result.rowTops = [...new Set(bars.map((each) => Math.round(place(each).top)))].length;
      result.wide = bars.every((each) => place(each).width > 10);
      result.inside = bars.every((each) => place(each).right <= innerWidth);
      result.fills = [...new Set(bars.map((each) => getComputedStyle(each).fill))].length;
      result.breaks = chart[0].querySelectorAll(".break").length;
      result.words = one("#timeline").innerText;
    """,
        "--window-size=1400,900",
        width=width,
    )
    assert result["shapes"] == [f"chart timeline {shape}"]
    assert (len(result["said"]), result["rowTops"], result["fills"]) == (6, 2, 2)
    assert "Network 1, fold 0, initialisation 0: search score 0.800, from 1 Mar 12:00:00" in str(
        result["said"]
    )
    assert result["wide"]
    assert result["inside"]
    assert result["breaks"] == 1
    assert "4 trainings, 4 min in total, kept idle workers busy" in result["words"]


def test_light_and_dark_differ_and_both_can_be_read(browse):
    look = """
      const style = getComputedStyle(document.body);
      result.look = [style.backgroundColor, style.color];
    """
    light, dark = (
        browse(look, f"--blink-settings=preferredColorScheme={scheme}")["look"] for scheme in (1, 0)
    )

    def brightness(colour):
        return sum(map(int, re.findall(r"\d+", colour)[:3]))

    assert brightness(light[0]) > 700 > 200 > brightness(light[1])
    assert brightness(dark[0]) < 100 < 600 < brightness(dark[1])


@pytest.mark.parametrize("width", [360, 1280])
def test_nothing_is_wider_than_the_screen(browse, width):
    result = browse(
        """
      for (const details of all("details")) details.open = true;
      result.screen = innerWidth;
      result.width = Math.max(...all("main, main section, main header, .case, .panels, .copied")
        .map((each) => each.getBoundingClientRect().right));
      result.scrolled = document.documentElement.scrollWidth;
    """,
        "--window-size=1400,900",
        width=width,
    )

    assert result["scrolled"] <= result["screen"]
    assert result["screen"] == width
    assert result["width"] <= width


def test_all_cases_are_printed(browse):
    result = browse("""
      dispatchEvent(new Event("beforeprint"));
      result.open = all(".case").map((each) => each.open);
      result.configuration = seen(one("#repeat pre"));
    """)

    assert result == {"open": [True, True], "configuration": True}


@pytest.fixture
def experiment_page(study, evaluation, comparison, segmentations, shown_case):
    """The page of an experiment of two searches, all of it done."""
    summary = study(evaluation(1, 0.81), evaluation(2, 0.85))
    return render_experiment_page(
        ExperimentResults(
            name="experiment",
            updated_at=datetime(2026, 3, 1, tzinfo=UTC),
            stage=None,
            searches=tuple(
                SpaceSearch(name=name, summary=summary, link=f"{name}/report.html")
                for name in ("mixed", "macro")
            ),
            comparison=comparison(0.83, 0.8, 0.7, 0.69),
            segmentations=segmentations(shown_case("worst"), shown_case("better")),
        )
    )


READABLE = """
  for (const details of all("details")) details.open = true;
  const channels = (colour) => {
    const [r, g, b, a] = colour.match(/[\\d.]+/g).map(Number);
    return { rgb: [r, g, b], alpha: a ?? 1 };
  };
  const over = (top, alpha, under) => top.map((each, k) => alpha * each + (1 - alpha) * under[k]);
  const chain = (element) => {
    const found = [];
    for (let each = element; each; each = each.parentElement) found.push(each);
    return found;
  };
  const ground = (element) => chain(element).reverse().reduce((under, each) => {
    const { rgb, alpha } = channels(getComputedStyle(each).backgroundColor);
    return over(rgb, alpha, under);
  }, [255, 255, 255]);
  const light = (rgb) => rgb.map((each) => each / 255).map((each) =>
    each <= 0.04045 ? each / 12.92 : ((each + 0.055) / 1.055) ** 2.4)
    .reduce((sum, each, k) => sum + each * [0.2126, 0.7152, 0.0722][k], 0);
  const ratio = (element) => {
    const style = getComputedStyle(element);
    const { rgb, alpha } = channels(element.ownerSVGElement ? style.fill : style.color);
    const opacity = chain(element).reduce(
      (product, each) => product * getComputedStyle(each).opacity, alpha);
    const under = ground(element);
    const [dark, bright] = [light(over(rgb, opacity, under)), light(under)].sort((a, b) => a - b);
    return (bright + 0.05) / (dark + 0.05);
  };
  const hasText = (element) => [...element.childNodes].some((each) =>
    each.nodeType === Node.TEXT_NODE && each.data.trim());
  // Letters on nodes and on images are on other grounds than the page's.
  const texts = all("body *").filter((each) => hasText(each) && seen(each)
    && !each.matches("script, style, title, .net text[font-size], .net-node *, .edge"));
  result.number = texts.length;
  result.faint = texts.map((each) => [each.textContent.trim().slice(0, 30), ratio(each)])
    .filter(([, found]) => found < 4.5);
"""


@pytest.mark.parametrize("scheme", [1, 0])
def test_text_differs_enough_from_what_is_behind_it(browse, scheme):
    pin = """one('#search .point[data-number="2"]').dispatchEvent(
      new MouseEvent("click", { bubbles: true, cancelable: true, detail: 0 }));"""
    options = (f"--blink-settings=preferredColorScheme={scheme}", "--window-size=1440,900")
    result = browse(pin + READABLE, *options)
    assert result["number"] > 200
    assert result["faint"] == []


@pytest.mark.parametrize("width", [1440, 500])
def test_no_label_is_on_a_line(browse, width):
    result = browse(
        """
      for (const details of all("details")) details.open = true;
      const place = (each) => each.getBoundingClientRect();
      const charts = all(".chart").filter(seen);
      result.charts = charts.length;
      result.crossed = charts.flatMap((chart) => {
        const lines = [...chart.querySelectorAll("line:not(.whisker)")].map(place);
        const texts = [...chart.querySelectorAll("text")];
        return texts.filter((text) => lines.some((line) => {
          const box = place(text);
          const margin = box.height * 0.2; // above and below the letters
          return line.left < box.right - 1 && line.right > box.left + 1
            && line.top < box.bottom - margin && line.bottom > box.top + margin;
        })).map((text) => text.textContent);
      });
    """,
        f"--window-size={width},900",
    )
    assert result["charts"] >= 3
    assert result["crossed"] == []


@pytest.mark.parametrize("width", [1440, 768, 390])
def test_what_mattered_is_drawn_with_names_that_nothing_covers(browse, width):
    result = browse(
        """
      const place = (each) => each.getBoundingClientRect();
      const charts = all(".effects").filter(seen);
      result.shapes = charts.map((each) => each.getAttribute("class"));
      result.rows = charts.map((each) => each.querySelectorAll(".effect").length);
      result.inside = charts.every((chart) => [...chart.querySelectorAll("text, line, rect, path")]
        .every((each) => place(each).left >= -1 && place(each).right <= innerWidth + 1));
      const crossed = (text, mark) => {
        const [box, other] = [place(text), place(mark)];
        const margin = box.height * 0.2; // above and below the letters
        return text !== mark && other.left < box.right - 1 && other.right > box.left + 1
          && other.top < box.bottom - margin && other.bottom > box.top + margin;
      };
      result.crossed = charts.flatMap((chart) => {
        const marks = [...chart.querySelectorAll("text, line, rect, path")];
        return [...chart.querySelectorAll("text")]
          .filter((text) => marks.some((mark) => crossed(text, mark)))
          .map((text) => text.textContent);
      });
      const rows = [...charts[0].querySelectorAll(".effect")];
      const look = (kind) => {
        const row = rows.find((each) => each.matches(kind));
        const style = getComputedStyle(row.querySelector("text"));
        return [style.fill, Number(style.fontWeight)];
      };
      result.looks = [".pays", ".costs", ".open"].map(look);
      result.widths = rows.map((each) => place(each.querySelector(".interval")).width);
      result.cuts = rows.map((each) => each.querySelectorAll(".cut").length);
      result.words = one("#explanation").innerText;
    """,
        "--window-size=1440,900",
        width=None if width == 1440 else width,
    )
    shape = "narrow" if width == 390 else "broad"
    assert result["shapes"] == [f"chart effects {shape}"] * 2
    assert result["rows"] == [7, 5]
    assert result["inside"]
    assert result["crossed"] == []
    pays, costs, unclear = result["looks"]
    assert pays == costs
    assert pays[1] > unclear[1]
    assert pays[0] != unclear[0]
    assert result["cuts"] == [0, 0, 0, 0, 0, 0, 2]
    dense, vgg, kernel, *_ = result["widths"]
    assert vgg == pytest.approx(dense, abs=0.5)
    assert kernel == pytest.approx(2 * dense, abs=0.5)
    assert "block vgg → <b>dense</b> in node 2" in result["words"]


@pytest.mark.parametrize("width", [768, 500])
def test_the_contents_stay_in_view_on_a_narrow_screen(browse, width):
    result = browse(
        """
      const nav = one(".contents");
      const list = nav.querySelector("ol");
      result.scrolls = list.scrollWidth > list.clientWidth;
      result.page = document.documentElement.scrollWidth;
      one("#cite").scrollIntoView();
      dispatchEvent(new Event("scroll"));
      const { top, bottom } = nav.getBoundingClientRect();
      result.top = top;
      result.below = one("#timeline h2").getBoundingClientRect().top;
      const last = nav.querySelector("[aria-current]").getBoundingClientRect();
      result.current = last.left >= 0 && last.right <= innerWidth;
      location.hash = "#timeline";
      result.heading = one("#timeline h2").getBoundingClientRect().top - bottom;
    """,
        f"--window-size={width},900",
    )
    assert result["scrolls"]
    assert result["page"] <= width
    assert result["top"] == 0
    assert result["current"]
    assert 0 <= result["heading"] < 60


class TestExperiment:
    """The same browser on the page of an experiment."""

    @pytest.fixture
    def page(self, experiment_page):
        """In place of a study's page."""
        return experiment_page

    def test_it_shows_searches_tables_and_segmentations(self, browse):
        result = browse("""
          const slider = one(".case input[type=range]");
          const words = () => one(".case .slider .on").textContent;
          result.before = words();
          slider.value = slider.min;
          send(slider, [Event, "input"]);
          result.after = words();
          result.tables = all("table").filter(seen).length;
          result.copy = all("button.copy").filter(seen).length;
          result.cite = one("#cite").innerText;
        """)
        assert result["before"] != result["after"]
        assert result["tables"] > 2
        assert result["copy"] > 0
        assert "@inproceedings{bosma2022mixed" in result["cite"]

    @pytest.mark.parametrize("scheme", [1, 0])
    def test_text_differs_enough_from_what_is_behind_it(self, browse, scheme):
        result = browse(READABLE, f"--blink-settings=preferredColorScheme={scheme}")
        assert result["number"] > 100
        assert result["faint"] == []

    def test_nothing_is_wider_than_a_phone(self, browse):
        result = browse("result.width = document.documentElement.scrollWidth;", width=360)
        assert result["width"] <= 360


class TestTables:
    """Sorting and filtering the rows of a table."""

    @pytest.fixture
    def page(self, study, evaluation):
        """A study of ten networks, one of them without a score."""
        scores = (0.81, 0.79, None, 0.9, 0.805, 0.7, 0.75, 0.71, 0.72, 0.73)
        costs = (12_000, 940, 7_763_041, 3_000_000, 50, 60, 70, 80, 90, 100)
        return render_page(
            study(
                *(
                    evaluation(
                        n, score, parameters=cost, wall_s=50.0 * n, why=f"node {n} kernel <b>"
                    )
                    for n, (score, cost) in enumerate(zip(scores, costs, strict=True), start=1)
                )
            )
        )

    READ = """
      for (const details of all("details")) details.open = true;
      const table = one("#evaluations table");
      const head = (name) => [...table.tHead.rows[0].cells].find((each) =>
        each.textContent.startsWith(name));
      const numbers = () => [...table.tBodies[0].rows].filter(seen).map((row) =>
        Number(row.cells[0].textContent));
    """

    def test_a_column_is_sorted_by_its_values_dashes_last_and_then_as_it_was(self, browse):
        result = browse(
            self.READ
            + """
          const press = (name) => { head(name).querySelector("button").click(); return numbers(); };
          result.scores = [press("score"), press("score"), press("score")];
          result.parameters = press("parameters");
          result.said = head("parameters").getAttribute("aria-sort");
          result.before = head("score").getAttribute("aria-sort");
          result.times = press("time");
          result.tried = press("tried");
        """
        )
        ordered = [6, 8, 9, 10, 7, 2, 5, 1, 4]
        assert result["scores"] == [[*ordered[::-1], 3], [*ordered, 3], list(range(1, 11))]
        assert result["parameters"] == [3, 4, 1, 2, 10, 9, 8, 7, 6, 5]
        assert (result["said"], result["before"]) == ("descending", None)
        assert result["times"] == list(range(10, 0, -1))
        assert result["tried"] == list(range(1, 11))  # node 10 after node 9

    def test_rows_are_filtered_by_all_words(self, browse):
        result = browse(
            self.READ
            + """
          const box = one("#evaluations .filter input");
          const type = (text) => {
            box.value = text;
            send(box, [Event, "input"]);
            return numbers();
          };
          result.found = type("7.76 NODE");
          result.count = one("#evaluations .filter output").textContent;
          result.none = type("nothing");
          result.all = type("").length;
        """
        )
        assert result["found"] == [3]
        assert result["count"] == "1 of 10"
        assert result["none"] == []
        assert result["all"] == 10

    def test_headings_are_reached_by_the_keyboard(self, browse):
        result = browse(
            self.READ
            + """
          const button = head("score").querySelector("button");
          button.focus();
          result.focused = document.activeElement === button;
          result.kind = button.tagName + button.type;
        """
        )
        assert result == {"focused": True, "kind": "BUTTONbutton"}


class CountedPage(LivePage):
    """Counts how often it was read: a visit reads the page, then the stream's first event."""

    reads = 0

    @property
    def edition(self):
        self.reads += 1
        return super().edition


def test_a_served_page_loads_itself_again_when_there_is_a_newer_edition(
    study, evaluation, tmp_path
):
    summary = study(evaluation(1))
    page = CountedPage(lambda number: render_page(summary, edition=number), clock=lambda: 0.0)

    def wait_for(reads):
        deadline = time.monotonic() + 60
        while page.reads < reads:
            assert time.monotonic() < deadline
            time.sleep(0.05)

    with PageServer(page) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        window = subprocess.Popen(
            [
                *(str(BROWSER), "--headless", "--no-sandbox", "--disable-gpu"),
                *("--disable-dev-shm-usage", f"--user-data-dir={tmp_path / 'profile'}"),
                *("--remote-debugging-port=0", server.address),
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            wait_for(2)
            page.refresh()
            wait_for(4)
        finally:
            window.terminate()
            window.wait(60)
            server.shutdown()
            thread.join(60)
