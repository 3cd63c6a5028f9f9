"""Intervals and spreads, against SciPy and the standard library."""

import math
import statistics

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

from mbnas.scoring.intervals import Interval, Spread, bootstrap_mean, over_initialisations

dice = arrays(float, st.integers(1, 12), elements=st.floats(0, 1))


def test_the_interval_is_that_of_scipy():
    values = np.random.default_rng(1).beta(8, 2, 20)
    interval = bootstrap_mean(values, rng=np.random.default_rng(0))
    expected = stats.bootstrap(
        (np.round(values, 12),), np.mean, batch=1000, random_state=np.random.default_rng(0)
    ).confidence_interval
    assert (interval.low, interval.high) == (expected.low, expected.high)
    assert interval.confidence == 0.95


def test_the_same_generator_gives_the_same_interval():
    values = np.random.default_rng(1).random(9)
    first, second, other = (
        bootstrap_mean(values, rng=np.random.default_rng(seed)) for seed in (0, 0, 1)
    )
    assert first == second != other


def test_more_confidence_needs_a_wider_interval():
    values = np.random.default_rng(1).random(30)
    narrow, wide = (
        bootstrap_mean(values, rng=np.random.default_rng(0), confidence=confidence)
        for confidence in (0.8, 0.99)
    )
    assert wide.low < narrow.low < values.mean() < narrow.high < wide.high


def test_the_coverage_of_intervals_is_their_confidence():
    rng = np.random.default_rng(0)
    held = 0
    for _ in range(200):
        interval = bootstrap_mean(rng.normal(0.8, 0.1, 40), rng=rng, num_resamples=999)
        held += interval.low <= 0.8 <= interval.high
    assert 180 <= held <= 199


def test_one_patient_has_no_interval():
    assert bootstrap_mean(np.array([0.8]), rng=np.random.default_rng(0)) is None


def test_equal_patients_give_an_interval_of_one_point():
    interval = bootstrap_mean(np.full(7, 0.8), rng=np.random.default_rng(0))
    assert interval == Interval(low=0.8, high=0.8, confidence=0.95)


@given(dice)
@settings(max_examples=50)
def test_an_interval_is_within_the_values(values):
    interval = bootstrap_mean(values, rng=np.random.default_rng(0), num_resamples=199)
    if values.size == 1:
        assert interval is None
        return
    smallest, largest = values.min() - 1e-9, values.max() + 1e-9
    assert smallest <= interval.low <= interval.high <= largest


@pytest.mark.parametrize("values", [[], [0.5, math.nan]])
def test_missing_values_are_refused(values):
    with pytest.raises(ValueError, match="one or more finite numbers"):
        bootstrap_mean(np.array(values), rng=np.random.default_rng(0))


@pytest.mark.parametrize("confidence", [0.0, 1.0, 95.0])
def test_a_confidence_must_be_between_0_and_1(confidence):
    with pytest.raises(ValueError, match="confidence"):
        bootstrap_mean(np.ones(3), rng=np.random.default_rng(0), confidence=confidence)


def test_the_spread_is_over_initialisations_of_the_mean_over_folds():
    scores = np.random.default_rng(0).random((3, 5))
    means = [statistics.fmean(row) for row in scores]
    spread = over_initialisations(scores)
    assert spread.mean == pytest.approx(statistics.fmean(means))
    assert spread.sd == pytest.approx(statistics.stdev(means))


def test_one_initialisation_has_no_spread():
    assert over_initialisations(np.array([[0.5, 1.0]])) == Spread(mean=0.75, sd=None)
