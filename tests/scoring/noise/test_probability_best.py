"""The probability of being best against closed forms and draws."""

import numpy as np
import pytest
from scipy import stats

from mbnas.scoring.noise.probability_best import probability_best


def test_two_networks_have_the_normal_probability():
    found = probability_best(np.array([0.81, 0.80]), np.array([0.01, 0.02]))
    assert found[0] == pytest.approx(stats.norm.cdf(0.01 / np.hypot(0.01, 0.02)), abs=1e-5)


def test_many_networks_agree_with_draws():
    rng = np.random.default_rng(0)
    means, sds = 0.8 + 0.01 * rng.normal(size=40), rng.uniform(0.002, 0.02, size=40)
    best = (means + sds * rng.normal(size=(200_000, 40))).argmax(axis=1)
    shares = np.bincount(best, minlength=40) / len(best)
    assert probability_best(means, sds) == pytest.approx(shares, abs=0.005)


def test_exactly_known_networks_share_the_first_place():
    found = probability_best(np.array([0.8, 0.8, 0.7]), np.zeros(3))
    assert found.tolist() == [0.5, 0.5, 0]


def test_an_exactly_known_network_is_best_if_the_other_is_below_it():
    found = probability_best(np.array([0.8, 0.79]), np.array([0.0, 0.01]))
    assert found[0] == pytest.approx(stats.norm.cdf(1), abs=2e-3)


def test_no_networks_have_no_probabilities():
    assert probability_best(np.zeros(0), np.zeros(0)).size == 0
