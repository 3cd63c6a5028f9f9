"""The true spread against the F-test of scipy, and its interval against simulated truth."""

import math

import numpy as np
import pytest
from scipy import stats

from mbnas.scoring.noise.score_table import ScoreTable
from mbnas.scoring.noise.spread import initialisations_to_show, true_spread
from mbnas.scoring.noise.variance_components import variance_components


def drawn(rng, sizes, *, sd, noise=0.01, num_folds=1):
    return [
        0.8 + sd * rng.normal() + noise * math.sqrt(num_folds) * rng.normal(size=(size, num_folds))
        for size in sizes
    ]


def spread_of(scores, **kwargs):
    table = ScoreTable.of(scores)
    return true_spread(table, variance_components(table), **kwargs)


@pytest.mark.parametrize("sizes", [[3] * 8, [1, 2, 5, 3, 1, 1, 4]])
def test_p_is_that_of_the_f_test(sizes):
    scores = drawn(np.random.default_rng(1), sizes, sd=0.01)
    p = stats.f_oneway(*(each[:, 0] for each in scores)).pvalue
    assert spread_of(scores).p == pytest.approx(p, rel=1e-6)


def test_one_initialisation_has_the_f_test_of_blocks():
    scores = drawn(np.random.default_rng(2), [1] * 10, sd=0.01, num_folds=4)
    y = np.concatenate(scores)
    rest = y - y.mean(axis=1, keepdims=True) - y.mean(axis=0) + y.mean()
    ratio = (4 * y.mean(axis=1).var(ddof=1)) / ((rest**2).sum() / (9 * 3))
    assert spread_of(scores).p == pytest.approx(stats.f.sf(ratio, 9, 27), rel=1e-6)


@pytest.mark.parametrize(("sd", "sizes"), [(0.01, [2] * 15), (0.02, [1, 1, 1, 2, 3, 4] * 2)])
def test_the_interval_contains_the_truth_as_often_as_it_says(sd, sizes):
    rng = np.random.default_rng(3)
    covered = 0
    for _ in range(60):
        spread = spread_of(drawn(rng, sizes, sd=sd), confidence=0.9)
        covered += spread.interval.low <= sd <= spread.interval.high
    assert stats.binomtest(covered, 60, 0.9).pvalue > 0.001


def test_equal_networks_are_seldom_told_apart():
    rng = np.random.default_rng(4)
    told = sum(spread_of(drawn(rng, [2] * 12, sd=0, num_folds=3)).is_told_from_0 for _ in range(60))
    assert stats.binomtest(told, 60, 0.05, alternative="greater").pvalue > 0.001


def test_networks_that_differ_are_told_apart():
    spread = spread_of(drawn(np.random.default_rng(5), [3] * 20, sd=0.03))
    assert spread.is_told_from_0
    assert spread.interval.low < spread.sd < spread.interval.high


def test_nothing_is_said_where_nothing_tells_the_noise():
    assert spread_of(drawn(np.random.default_rng(6), [1] * 9, sd=0.01)) is None


def test_the_number_of_initialisations_has_the_power():
    rng = np.random.default_rng(7)
    spread = spread_of(drawn(rng, [2] * 10, sd=0.008))
    assert spread.sd > 0
    number = initialisations_to_show(spread, num_networks=10)

    def power(size):
        y = spread.sd * rng.normal(size=(4000, 10, 1))
        y = y + spread.noise_sd * rng.normal(size=(4000, 10, size))
        return (stats.f_oneway(*np.moveaxis(y, 1, 0), axis=1).pvalue < 0.05).mean()

    assert power(number) > 0.77
    if number > 2:
        assert power(number - 1) < 0.83


def test_scores_nearer_than_their_noise_do_not_show_a_spread_of_0():
    """The means of the networks are nearly equal, and their initialisations differ."""
    scores = [
        np.array([[0.70 + shift], [0.72 - 0.8 * shift]]) for shift in np.linspace(0, 0.01, 12)
    ]
    found = spread_of(scores)
    assert 0.99 < found.p < 1
    assert found.interval.low == 0 < found.interval.high
    assert not found.is_told_from_0
