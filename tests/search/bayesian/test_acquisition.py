"""The value of a training against integration and simulation."""

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import norm

from mbnas.search.bayesian.acquisition import REPETITIONS, log_expected_excess, log_values


@pytest.mark.parametrize("gap", [-15.0, -8.0, -1.001, -0.999, -0.3, 0.0, 0.7, 5.0])
@pytest.mark.parametrize("sd", [0.5, 2.0])
def test_the_expected_excess_is_the_integral(gap, sd):
    scale = np.exp(-0.5 * (min(gap, 0) / sd) ** 2)  # keeps the integrand's digits
    top = max(gap, 0) + 12 * sd
    expected, _ = quad(lambda x: x * norm.pdf(x, gap, sd) / scale, 0, top, limit=200)
    found = log_expected_excess(np.array([gap]), np.array([sd]))[0]
    assert found == pytest.approx(np.log(expected) + np.log(scale), rel=1e-6)


def test_the_expected_excess_falls_smoothly_however_far_below():
    gaps = -np.logspace(-2, 6, 400)
    found = log_expected_excess(gaps, np.ones(400))
    assert np.isfinite(found).all()
    assert (np.diff(found) < 0).all()


def test_one_initialisation_is_worth_what_it_adds_to_the_best_mean():
    """Brute force: draw the score, update the mean, take the best of all known ones."""
    rng = np.random.default_rng(0)
    means, variances, noise = np.array([0.3, 0.0, 0.2]), np.array([0.4, 0.5, 0.9]), 0.7
    known = np.array([True, True, False])
    worth = []
    for number in range(3):
        best_per_repetition = []
        for repetitions in REPETITIONS:
            spread = np.sqrt(variances[number] + noise / repetitions)
            drawn = means[number] + spread * rng.normal(size=400_000)
            gain = variances[number] / spread**2
            updated = means[number] + gain * (drawn - means[number])
            others = max(means[k] for k in range(3) if known[k] and k != number)
            added = np.maximum(updated, others).mean() - means[known].max()
            best_per_repetition.append(added / repetitions)
        worth.append(max(best_per_repetition))
    found = np.exp(log_values(means, variances, known, noise))
    assert found == pytest.approx(worth, rel=0.03)


def test_the_only_known_network_is_not_worth_another_look():
    found = log_values(np.zeros(2), np.ones(2), np.array([True, False]), 0.5)
    assert found[0] == -np.inf
    assert np.isfinite(found[1])


def test_a_certain_network_is_worth_less_than_an_uncertain_one():
    found = log_values(
        np.array([1.0, 0.9, 0.9]), np.array([0.1, 1e-9, 0.1]), np.array([True] * 3), 0.5
    )
    assert found[1] < found[2]
