"""Racing: SciPy's t, the posterior predictive drawn by brute force, and what a drop implies."""

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import stats

from mbnas.search.racing.chance import (
    PRIOR_FREEDOM,
    UNKNOWN,
    Variance,
    chance_to_beat,
    expected_score,
    typical,
    variance,
)

# Dice differs by at most 1; of what differs by less than 12 decimals nothing is told apart.
differences = st.lists(st.integers(-1000, 1000).map(lambda each: each / 1000), min_size=1)
remaining = st.integers(1, 12)
priors = st.builds(
    Variance, value=st.integers(0, 100).map(lambda each: each / 1e5), freedom=st.integers(0, 8)
)


@given(differences, remaining)
def test_it_is_the_students_t_of_the_prediction(values, num_remaining):
    assume(np.ptp(values) > 0)
    seen, num_all = len(values), len(values) + num_remaining
    # SciPy's t test is of the posterior mean; the prediction is wider by what is still to come.
    test = stats.ttest_1samp(values, 0)
    statistic = test.statistic * math.sqrt(num_all / num_remaining)
    expected = stats.t(df=seen - 1).cdf(statistic)
    assert chance_to_beat(values, num_remaining) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize(
    ("values", "num_remaining"),
    [
        ((-0.02, 0.01, -0.01), 3),
        ((-0.02, 0.01, -0.01), 6),
        ((-0.004, 0.001, -0.012, -0.003, 0.002), 10),
        ((0.03, 0.01, -0.02, 0.01, 0.005, 0.004, -0.01, 0.0, 0.01, -0.012), 5),
        ((-0.01, 0.002), 1),
    ],
)
def test_it_is_the_share_of_simulations_in_which_the_candidate_wins(values, num_remaining):
    """Draw σ² and µ from their posterior, then the unseen differences: no formula of a mean."""
    rng = np.random.default_rng(0)
    num_draws, seen = 400_000, len(values)
    variance = np.var(values, ddof=1) * (seen - 1) / rng.chisquare(seen - 1, num_draws)
    mean = rng.normal(np.mean(values), np.sqrt(variance / seen))
    unseen = rng.normal(mean, np.sqrt(variance), (num_remaining, num_draws))
    wins = (np.sum(values) + unseen.sum(axis=0)) > 0
    assert chance_to_beat(values, num_remaining) == pytest.approx(wins.mean(), abs=0.004)


def test_a_prior_is_used_in_the_simulation_as_well():
    """By σ² from what was known before and seen since, weighted by degrees of freedom."""
    rng = np.random.default_rng(2)
    values, prior = (-0.02, 0.01, -0.01), Variance(value=0.0001, freedom=4)
    num_draws = 400_000
    sum_of_squares = np.var(values) * 3 + prior.value * prior.freedom
    variances = sum_of_squares / rng.chisquare(2 + prior.freedom, num_draws)
    mean = rng.normal(np.mean(values), np.sqrt(variances / 3))
    unseen = rng.normal(mean, np.sqrt(variances), (6, num_draws))
    wins = (np.sum(values) + unseen.sum(axis=0)) > 0
    assert chance_to_beat(values, 6, prior) == pytest.approx(wins.mean(), abs=0.004)


def test_it_is_calibrated():
    """Of networks that are given a small chance, about that share come out on top.

    Their true differences are spread so widely that any is as likely as any other, as in the prior.
    """
    rng = np.random.default_rng(1)
    differences = rng.uniform(-10, 10, (8000, 1)) + rng.normal(size=(8000, 6))
    chances = np.array([chance_to_beat(each, 3) for each in differences[:, :3].tolist()])
    low = (chances > 0.01) & (chances < 0.25)
    wins = differences.mean(axis=1)[low] > 0
    assert low.sum() > 500
    assert wins.mean() == pytest.approx(chances[low].mean(), abs=0.03)


@given(differences, st.integers(0, 12), priors)
def test_swapping_the_networks_swaps_the_chance(values, num_remaining, prior):
    assume(num_remaining > 0 or math.fsum(values) != 0)
    chances = [
        chance_to_beat([sign * each for each in values], num_remaining, prior) for sign in (1, -1)
    ]
    total = sum(chances)
    assert total == pytest.approx(1)


@given(differences, remaining, st.integers(1, 500), priors)
def test_better_scores_never_lower_the_chance(values, num_remaining, shift, prior):
    better = [each + shift / 1000 for each in values]
    before = chance_to_beat(values, num_remaining, prior)
    assert chance_to_beat(better, num_remaining, prior) >= before - 1e-12


@given(differences, st.integers(0, 12), priors)
def test_a_worse_candidate_has_less_than_an_even_chance(values, num_remaining, prior):
    chance = chance_to_beat(values, num_remaining, prior)
    assert 0 <= chance <= 1
    if chance < 0.5 and num_remaining > 0:
        assert np.mean(values) < 0
    if np.mean(values) < -1e-9 and (num_remaining == 0 or len(values) + prior.freedom > 1):
        assert chance < 0.5


@given(differences, remaining, st.floats(0, 1), priors)
def test_a_dropped_network_scores_below_the_incumbent(values, num_remaining, incumbent, prior):
    assume(chance_to_beat(values, num_remaining, prior) < 0.5)  # the largest threshold
    assert expected_score(incumbent, values) < incumbent


def test_the_smallest_difference_that_drops_is_seen_in_the_score():
    values = [-1e-12, -1e-12, 0.0]
    assert chance_to_beat(values, 1) < 0.5
    assert expected_score(1.0, values) < 1.0


def test_one_training_decides_nothing_before_others_were_raced():
    assert chance_to_beat([-0.5], 1) == 0.5
    assert variance([-0.5]) == UNKNOWN
    prior = Variance(value=0.01, freedom=4)
    assert chance_to_beat([-0.5], 1, prior) == pytest.approx(stats.t(df=4).cdf(-5 * math.sqrt(2)))


@given(differences)
def test_a_variance_is_that_of_numpy(values):
    assume(len(values) > 1)
    found = variance(values)
    assert found.value == pytest.approx(np.var(values, ddof=1), abs=1e-15)
    assert found.freedom == len(values) - 1


@pytest.mark.slow
@pytest.mark.parametrize("freedom", [2, 4, 8])
def test_the_typical_variance_of_normal_differences_is_theirs(freedom):
    rng = np.random.default_rng(3)
    samples = rng.normal(scale=0.1, size=(20_000, freedom + 1)).tolist()
    found = typical([variance(each) for each in samples])
    assert found.value == pytest.approx(0.01, rel=0.03)
    assert found.freedom == PRIOR_FREEDOM


def test_the_typical_variance_is_not_moved_by_one_collapse():
    calm = [Variance(value=1e-5, freedom=2)] * 8
    assert typical([*calm, Variance(value=0.05, freedom=2)]) == typical(calm)


def test_few_raced_networks_give_few_degrees_of_freedom():
    assert typical([]) == UNKNOWN
    assert typical([UNKNOWN]) == UNKNOWN
    assert typical([Variance(value=1.0, freedom=2)]).freedom == 2


@pytest.mark.parametrize(("value", "freedom"), [(-1.0, 2), (math.nan, 2), (math.inf, 2), (1.0, -1)])
def test_an_invalid_variance_is_refused(value, freedom):
    with pytest.raises(ValueError, match="A variance"):
        Variance(value=value, freedom=freedom)


@pytest.mark.parametrize(("value", "expected"), [(-0.1, 0.0), (0.0, 0.5), (0.1, 1.0)])
def test_differences_without_spread_are_the_limit(value, expected):
    # Three times 0.1 has a mean that is not 0.1, and a spread that is not 0.
    assert chance_to_beat([value] * 3, 6) == expected


def test_rounding_does_not_matter():
    third = 0.1 + 0.2
    assert third != 0.3
    assert chance_to_beat([third - 0.3] * 2, 1) == 0.5


@pytest.mark.parametrize(
    ("values", "expected"),
    [([0.02, -0.01], 1), ([-0.02, 0.01], 0), ([0.01, -0.01], 0), ([0.3], 1)],
)
def test_with_nothing_remaining_the_mean_decides_and_a_tie_does_not_beat(values, expected):
    assert chance_to_beat(values, 0) == expected


def test_the_expected_score_is_the_incumbents_and_the_mean_difference():
    assert expected_score(0.8, [-0.03, 0.01, -0.01]) == pytest.approx(0.79)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_values_that_are_not_finite_are_refused(value):
    with pytest.raises(ValueError, match="must be one or more finite numbers"):
        chance_to_beat([0.1, value], 1)
    with pytest.raises(ValueError, match="must be one or more finite numbers"):
        expected_score(0.8, [0.1, value])
    with pytest.raises(ValueError, match="The incumbent's score"):
        expected_score(value, [0.1])


def test_no_differences_are_refused():
    with pytest.raises(ValueError, match="must be one or more finite numbers"):
        chance_to_beat([], 1)


def test_a_negative_number_of_remaining_differences_is_refused():
    with pytest.raises(ValueError, match=r"num_remaining \(=-1\) must be 0 or more"):
        chance_to_beat([0.1, 0.2], -1)
