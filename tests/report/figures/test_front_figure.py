from dataclasses import replace

import pytest

from mbnas.errors import FigureError
from mbnas.report.figures.front_figure import draw_search_front
from mbnas.results.fronts.search_front import FrontNetwork, SearchFront
from mbnas.space.genotype import Genotype


def network(number, score, macs):
    return FrontNetwork(
        number=number,
        genotype=Genotype.parse(f"0vgg{2 * number + 1}"),
        score=score,
        standard_error=0.004 if number != 2 else None,
        num_trainings=9,
        parameters=10 * macs,
        macs=macs,
        latency_ms=macs / 300,
    )


NETWORKS = tuple(network(n, 0.7 + 0.02 * (n % 5), 10**5 * 2**n) for n in range(1, 9))
FRONT = SearchFront(costs=("macs",), networks=NETWORKS, members=NETWORKS[:4], reference=NETWORKS[5])


@pytest.mark.parametrize("costs", [("macs",), ("parameters", "macs", "latency")])
def test_each_cost_has_a_panel_with_front_and_reference(costs, words, ids, assert_legible):
    figure = draw_search_front(replace(FRONT, costs=costs))
    assert len(figure.axes) == len(costs)
    assert {"network", "front (± SE)", "U-Net", "search score"} <= set(words(figure))
    assert ids(figure).count("reference") == len(costs)
    assert_legible(figure)


def test_the_steps_are_the_front():
    (axes,) = draw_search_front(FRONT).axes
    (steps,) = [each for each in axes.lines if each.get_gid() == "front"]
    assert list(steps.get_ydata())[:-1] == [each.score for each in NETWORKS[:4]]
    assert list(steps.get_xdata())[:-1] == [each.macs for each in NETWORKS[:4]]


def test_one_network_is_a_figure_and_none_is_not(assert_legible):
    lone = SearchFront(costs=("macs",), networks=NETWORKS[:1], members=NETWORKS[:1], reference=None)
    assert_legible(draw_search_front(lone))
    with pytest.raises(FigureError, match="Let the search run first"):
        draw_search_front(replace(lone, networks=(), members=()))
