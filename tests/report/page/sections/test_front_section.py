import re

from mbnas.report.page.sections.front_section import front_section
from mbnas.results.fronts.search_front import FrontNetwork, SearchFront
from mbnas.space.genotype import Genotype


def network(number, score, macs, latency_ms=None):
    return FrontNetwork(
        number=number,
        genotype=Genotype.parse(f"0vgg{2 * number + 1}"),
        score=score,
        standard_error=0.004,
        num_trainings=9,
        parameters=10 * macs,
        macs=macs,
        latency_ms=latency_ms,
    )


NETWORKS = (network(1, 0.80, 1000), network(2, 0.81, 500), network(3, 0.83, 4000))
FRONT = SearchFront(
    costs=("macs",), networks=NETWORKS, members=(NETWORKS[1], NETWORKS[2]), reference=NETWORKS[0]
)


def test_the_table_has_the_front_and_the_reference_by_cost():
    page = str(front_section(FRONT))
    cells = re.findall(r'<td class="words">(.*?)</td>', page)
    assert 'href="#evaluation-' not in page
    assert cells == ["2", "1, U-Net (not on the front)", "3"]
    assert "0.810 ± 0.004" in page
    assert page.count('<svg class="chart') == 2  # for both widths of a screen


def test_points_rise_with_the_score_and_the_cost():
    page = str(front_section(FRONT))
    chart = page[: page.index("</svg>")]
    places = {
        int(number): (float(x), float(y))
        for number, x, y in re.findall(
            r'<title>network (\d).*?</title><path d="M([\d.]+) ([\d.]+)a4', chart
        )
    }
    assert places[2][0] < places[1][0] < places[3][0]
    assert places[3][1] < places[2][1] < places[1][1]  # upwards is smaller
    assert chart.count('class="ring"') == 1


def test_each_cost_has_a_chart():
    timed = tuple(network(each.number, each.score, each.macs, 2.0) for each in NETWORKS)
    front = SearchFront(
        costs=("macs", "latency"), networks=timed, members=timed[:1], reference=None
    )
    assert str(front_section(front)).count('<svg class="chart') == 4


def test_a_search_without_costs_has_no_section():
    assert front_section(None) is None
    empty = SearchFront(costs=("macs",), networks=(), members=(), reference=None)
    assert front_section(empty) is None


def test_networks_that_the_page_can_show_are_links_and_the_others_a_crowd():
    page = str(front_section(FRONT, linked=frozenset({2, 3})))
    chart = page[: page.index("</svg>")]
    assert re.findall(r'<a class="point improved" href="#evaluation-(\d)"', chart) == ["2", "3"]
    assert chart.count('class="point unlinked"') == 1  # the reference
    assert 'class="crowd"' not in chart
    others = SearchFront(
        costs=("macs",),
        networks=(*NETWORKS, network(4, 0.79, 2000), network(5, 0.79, 3000)),
        members=FRONT.members,
        reference=NETWORKS[0],
    )
    chart = str(front_section(others, linked=frozenset({4})))
    (crowd,) = set(re.findall(r'class="crowd" d="(.*?)"', chart[: chart.index("</svg>")]))
    assert crowd.count("M") == 1


def test_a_score_far_below_the_others_is_marked_as_below_the_axis():
    scores = (0.80, 0.81, 0.82, 0.83, 0.1)
    networks = tuple(network(n, score, 100 * n) for n, score in enumerate(scores, start=1))
    front = SearchFront(costs=("macs",), networks=networks, members=networks[:4], reference=None)
    assert "below the axis" in str(front_section(front))
    assert "below the axis" not in str(front_section(FRONT))


def test_the_axis_names_what_the_cost_is_of():
    assert "multiply-accumulates for one patch" in str(front_section(FRONT, input_name="patch"))
