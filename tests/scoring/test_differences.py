"""Differences over patients: SciPy's permutation test, brute force, and consistency."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

from mbnas.scoring.differences import ALPHA, Difference, compare_networks
from mbnas.scoring.intervals import Interval

eighths = arrays(float, st.integers(1, 10), elements=st.integers(-4, 4).map(lambda each: each / 8))


def pair(differences, **options):
    """Return the result for the one pair of networks with these differences."""
    differences = np.asarray(differences, float)
    values = np.stack([differences, np.zeros_like(differences)], axis=1)
    (found,) = compare_networks(values, rng=np.random.default_rng(0), **options)
    return found


def brute_force_p(differences, shift=0.0):
    """Return the two-sided p over all signs of differences minus a shift."""
    shifted = np.asarray(differences) - shift
    signs = np.array(list(itertools.product((1, -1), repeat=shifted.size)))
    means, observed = signs @ shifted / shifted.size, shifted.mean()
    higher, lower = (means >= observed - 1e-9).mean(), (means <= observed + 1e-9).mean()
    return min(1.0, 2 * min(higher, lower))


@given(eighths)
def test_p_is_that_of_all_sign_flips(differences):
    found = pair(differences)
    assert found.p == pytest.approx(brute_force_p(differences))
    assert found.is_exact


def test_p_is_that_of_scipy():
    differences = np.random.default_rng(3).normal(0.3, 1, 12)
    expected = stats.permutation_test(
        (differences,), np.mean, permutation_type="samples", n_resamples=np.inf
    )
    assert pair(differences).p == pytest.approx(expected.pvalue)


@given(eighths)
def test_the_interval_holds_the_shifts_that_the_test_does_not_reject(differences):
    found = pair(differences)
    if found.interval is None:
        assert brute_force_p(np.ones(differences.size)) >= ALPHA
        return
    low, high = found.interval.low, found.interval.high
    for shift, is_inside in ((low, True), (high, True), (low - 0.01, False), (high + 0.01, False)):
        assert (brute_force_p(differences, shift) >= ALPHA) == is_inside
    assert low - 1e-9 <= found.mean <= high + 1e-9


@given(
    arrays(
        float,
        st.tuples(st.integers(1, 9), st.integers(2, 4)),
        elements=st.one_of(st.integers(0, 8).map(lambda each: each / 8), st.just(np.nan)),
    )
)
def test_words_p_and_interval_never_contradict(values):
    for each in compare_networks(values, rng=np.random.default_rng(0)):
        is_shown = each.verdict in ("first", "second")
        assert is_shown == (each.p_adjusted < ALPHA)
        if each.interval is None:
            assert each.verdict == "too few patients"
            assert each.smallest_p >= ALPHA
        else:
            assert is_shown == (not each.interval.low <= 0 <= each.interval.high)
            assert each.smallest_p < ALPHA
        assert each.p_adjusted == pytest.approx(min(1, each.num_comparisons * each.p))


def test_many_patients_have_random_flips_that_agree_with_a_t_test():
    differences = np.random.default_rng(1).normal(0.3, 1, 200)
    found, expected = pair(differences), stats.ttest_1samp(differences, 0)
    assert not found.is_exact
    assert found.num_flips == 65_536
    assert found.p == pytest.approx(expected.pvalue, abs=0.001)
    ends = expected.confidence_interval()
    assert (found.interval.low, found.interval.high) == pytest.approx(tuple(ends), abs=0.005)
    again = pair(differences)
    assert found == again


def test_random_flips_agree_with_all_flips():
    values = np.random.default_rng(2).normal(0.4, 1, 18)
    expected = stats.permutation_test(
        (values,), np.mean, permutation_type="samples", n_resamples=np.inf
    )
    assert pair(values).p == pytest.approx(expected.pvalue, abs=0.004)


def test_darwins_maize_by_fishers_own_count():
    # Fisher 1935, section 21: of 2^15 sums, 863 are as high as Darwin's 314 and as many as low.
    heights = np.array([6.0, 8, 14, 16, 23, 24, 28, 29, 41, -48, 49, 56, 60, -67, 75])
    found = pair(heights)
    assert found.p == pytest.approx(2 * 863 / 2**15)
    assert (found.wins, found.ties, found.losses) == (13, 0, 2)
    assert found.mean == pytest.approx(314 / 15)


@pytest.mark.parametrize("num_patients", [1, 2, 5])
def test_five_patients_cannot_show_a_difference(num_patients):
    found = pair(np.full(num_patients, 0.1))
    assert found.p == pytest.approx(2.0 ** (1 - num_patients))
    assert (found.verdict, found.interval) == ("too few patients", None)


def test_six_patients_can_show_a_difference():
    found = pair(np.arange(1, 7) / 100)
    assert (found.verdict, found.p) == ("first", 2 / 64)
    assert found.interval.low == 0.01  # the smallest mean over a subset
    turned = pair(-np.arange(1, 7) / 100)
    assert turned.verdict == "second"
    assert turned == replace(found.swapped(), first=0, second=1)


def test_patients_without_a_difference_change_no_p():
    assert (
        pair([0.1, 0.2, 0.3, 0.0, 0.1, 0.2, 0.2, 0.0]).p == pair([0.1, 0.2, 0.3, 0.1, 0.2, 0.2]).p
    )
    same = pair(np.zeros(8))
    assert (same.p, same.ties, same.verdict) == (1, 8, "none")
    assert (same.interval.low, same.interval.high) == (0, 0)
    assert pair([(0.1 + 0.2) - 0.3] * 8).ties == 8  # rounding is no difference


def test_p_and_intervals_are_adjusted_for_all_comparisons():
    rng = np.random.default_rng(0)
    values = rng.normal(0, 1, (12, 4))
    values[:, 0] += 1.5
    found = compare_networks(values, rng=rng)
    assert [(each.first, each.second) for each in found] == list(
        itertools.combinations(range(4), 2)
    )
    for each in found:
        alone = pair(values[:, each.first] - values[:, each.second], alpha=ALPHA / 6)
        assert each.num_comparisons == 6
        assert each.p == alone.p
        assert each.p_adjusted == pytest.approx(min(1, 6 * alone.p))
        assert (each.interval.low, each.interval.high) == (alone.interval.low, alone.interval.high)


def test_a_pair_is_compared_on_its_shared_patients():
    values = np.array([[0.9, 0.8, np.nan], [0.8, np.nan, np.nan], [0.7, 0.6, np.nan]])
    (found,) = compare_networks(values, rng=np.random.default_rng(0))
    assert (found.first, found.second, found.num_patients) == (0, 1, 2)
    assert found.mean == pytest.approx(0.1)


def test_values_that_cannot_be_compared_are_refused():
    with pytest.raises(ValueError, match="finite"):
        compare_networks(np.array([[np.inf, 0.0]]), rng=np.random.default_rng(0))
    with pytest.raises(ValueError, match="alpha"):
        compare_networks(np.ones((3, 2)), rng=np.random.default_rng(0), alpha=1.0)


@pytest.mark.parametrize(
    ("low", "p_adjusted"), [(0.01, 0.2), (-0.01, 0.01)], ids=["excludes 0", "holds 0"]
)
def test_a_contradiction_cannot_exist(low, p_adjusted):
    with pytest.raises(ValueError, match="contradict"):
        Difference(
            first=0,
            second=1,
            num_patients=20,
            wins=20,
            ties=0,
            losses=0,
            mean=0.05,
            interval=Interval(low=low, high=0.1, confidence=0.95),
            p=p_adjusted,
            p_adjusted=p_adjusted,
            num_comparisons=1,
            num_flips=65_536,
        )
