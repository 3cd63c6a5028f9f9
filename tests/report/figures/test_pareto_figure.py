import pytest
from hypothesis import given
from hypothesis import strategies as st

from mbnas.errors import FigureError
from mbnas.report.figures.pareto_figure import Candidate, draw_pareto, pareto_front, round_counts

FEW = st.integers(1, 6).map(float)


def candidate(name, dice, parameters, macs, sd=0.01):
    return Candidate(name=name, dice=dice, sd=sd, parameters=parameters, macs=macs)


@given(st.lists(st.tuples(FEW, FEW), max_size=12))
def test_no_candidate_beats_the_front(candidates):
    costs, scores = [cost for cost, _ in candidates], [score for _, score in candidates]
    unbeaten = {
        i
        for i, (cost, score) in enumerate(candidates)
        if not any(
            other <= cost and better >= score and (other, better) != (cost, score)
            for other, better in candidates
        )
    }
    front = pareto_front(costs, scores)
    assert set(front) == unbeaten
    assert [costs[i] for i in front] == sorted(costs[i] for i in front)


@given(st.floats(1, 1e12), st.floats(1.56, 1e9))
def test_an_axis_has_one_to_four_round_ticks_inside(low, ratio):
    ticks = round_counts(low, low * ratio)
    assert 1 <= len(ticks) <= 4
    assert all(low <= tick <= low * ratio for tick in ticks)


def test_networks_are_named_and_members_of_the_front_filled(words):
    networks = [
        candidate("small", 0.80, 100_000, 10**9),
        candidate("large", 0.90, 10_000_000, 10**10),
        candidate("beaten", 0.75, 5_000_000, 5 * 10**9),
    ]
    figure = draw_pareto(networks, slice_size=64)
    assert {"small", "large", "beaten", "Pareto front (filled)", "parameters"} <= set(words(figure))
    assert {"100 k", "10 M", "(slice of 64×64)", "(mean ± SD)"} <= set(words(figure))
    for axes in figure.axes:
        points = [line for line in axes.lines if line.get_marker() in ("o", "s", "^")]
        assert [line.get_markerfacecolor() != "white" for line in points] == [True, True, False]


@pytest.mark.parametrize("number", [1, 2, 6, 11])
def test_texts_do_not_overlap(number, assert_legible):
    networks = [
        candidate(f"Network number {i}", 0.7 + 0.01 * i, 10**5 * 2**i, 10**8 * 3**i, sd=None)
        for i in range(number)
    ]
    assert_legible(draw_pareto(networks, slice_size=128))


def test_without_a_network_there_is_no_figure():
    with pytest.raises(FigureError, match="mbnas compare"):
        draw_pareto([], slice_size=64)
