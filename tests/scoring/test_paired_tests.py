"""Paired comparisons: published examples, SciPy, and the limits of few pairs."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

from mbnas.scoring.paired_tests import compare, compare_all, holm

ps = st.lists(st.floats(0, 1), max_size=8)
differences = arrays(
    float, st.integers(1, 12), elements=st.integers(-4, 4).map(lambda each: each / 8)
)


def test_the_depression_scores_of_hollander_and_wolfe():
    # Hollander and Wolfe 1973, p. 29; R's example of wilcox.test has V = 40, one-sided p 0.01953.
    first = np.array([1.83, 0.50, 1.62, 2.48, 1.68, 1.88, 1.55, 3.06, 1.30])
    second = np.array([0.878, 0.647, 0.598, 2.05, 1.06, 1.29, 1.06, 3.14, 1.29])
    result = compare(first - second)
    assert (result.statistic, round(result.p / 2, 5), result.method) == (5, 0.01953, "exact")
    assert result.effect == pytest.approx((40 - 5) / 45)


def test_the_maize_of_darwin():
    # Differences in height that Darwin measured: T = 24, and a p of 0.041 as in SciPy's example.
    heights = np.array([6.0, 8, 14, 16, 23, 24, 28, 29, 41, -48, 49, 56, 60, -67, 75])
    result = compare(heights)
    assert (result.statistic, round(result.p, 4), result.method) == (24, 0.0413, "exact")
    assert (result.wins, result.ties, result.losses, result.num_pairs) == (13, 0, 2, 15)
    assert (result.mean_difference, result.median_difference) == (pytest.approx(314 / 15), 24)


def test_ranks_are_those_that_demsar_sums(demsar):
    # His table 2 shares the ranks of the two zeros, of 14: R+ = 93, R- = 12. Without the zeros all
    # ranks are smaller by 2: R- = 7 + 3.5 - 4 of 78.
    differences = demsar[:, 1] - demsar[:, 0]
    shared = stats.wilcoxon(np.round(differences, 12), zero_method="zsplit", method="approx")
    assert shared.statistic == 12
    result = compare(differences)
    assert (result.statistic, result.effect) == (6.5, pytest.approx((71.5 - 6.5) / 78))
    assert (result.wins, result.ties, result.losses) == (10, 2, 2)


@given(differences)
def test_p_is_computed_over_all_signs(values):
    """Of 2^n sign assignments, count those at least as far from the middle."""
    sizes = np.abs(values[values != 0])
    ranks = stats.rankdata(sizes)
    signs = np.array(list(np.ndindex(*[2] * sizes.size))).reshape(2**sizes.size, sizes.size)
    sums = signs @ ranks
    observed = ranks[values[values != 0] > 0].sum()
    middle = ranks.sum() / 2
    expected = np.mean(np.abs(sums - middle) >= abs(observed - middle) - 1e-9)
    result = compare(values)
    assert result.p == pytest.approx(expected)
    assert result.method == "exact"


@pytest.mark.parametrize("num_pairs", [5, 15, 50])
def test_without_ties_p_is_that_of_scipy(num_pairs):
    values = np.random.default_rng(0).normal(0.3, 1, num_pairs)
    assert compare(values).p == pytest.approx(stats.wilcoxon(values, method="exact").pvalue)


@pytest.mark.parametrize("num_pairs", [200, 201])
def test_the_method_is_reported(num_pairs):
    values = np.round(np.random.default_rng(0).normal(0.15, 1, num_pairs), 1)
    values[values == 0] = 0.1
    result = compare(values)
    assert result.method == ("exact" if num_pairs == 200 else "normal approximation")
    assert result.p == pytest.approx(stats.wilcoxon(values, method="approx").pvalue, rel=0.05)


def test_zeros_are_counted_and_left_out():
    with_zeros = compare(np.array([0.1, 0.2, 0.0, -0.3, 0.0]))
    without = compare(np.array([0.1, 0.2, -0.3]))
    assert (with_zeros.p, with_zeros.effect) == (without.p, without.effect)
    assert (with_zeros.num_pairs, with_zeros.ties) == (5, 2)
    assert with_zeros.mean_difference == pytest.approx(0)


def test_networks_with_equal_scores_have_a_p_of_one():
    result = compare(np.zeros(6))
    assert (result.p, result.effect, result.statistic, result.ties) == (1, 0, 0, 6)


def test_rounding_is_no_difference():
    assert compare(np.array([(0.1 + 0.2) - 0.3])).ties == 1


@given(differences)
def test_swapping_a_pair_negates_the_effect(values):
    result, swapped = compare(values), compare(-values)
    assert swapped.effect == -result.effect
    assert (swapped.p, swapped.statistic) == (result.p, result.statistic)
    assert (swapped.wins, swapped.losses) == (result.losses, result.wins)
    assert -1 <= result.effect <= 1


@pytest.mark.parametrize("num_pairs", range(1, 13))
def test_no_p_is_smaller_than_the_smallest(num_pairs):
    smallest = min(1.0, 2.0 ** (1 - num_pairs))
    assert compare(np.arange(1.0, num_pairs + 1)).p == pytest.approx(smallest)


def test_holm_rejects_what_demsar_rejects():
    # Section 3.2.2: p of 0.016, 0.019 and 0.607; at 0.05 the first two hypotheses are rejected.
    assert [p < 0.05 for p in holm([0.016, 0.019, 0.607])] == [True, True, False]


@pytest.mark.parametrize(
    ("raw", "corrected"),
    [
        ([], ()),
        ([0.2], (0.2,)),
        ([0.01, 0.02, 0.03, 0.04], (0.04, 0.06, 0.06, 0.06)),
        ([0.04, 0.01, 0.03], (0.06, 0.03, 0.06)),
        ([0.6, 0.5], (1.0, 1.0)),
        ([0.0, 1.0], (0.0, 1.0)),
    ],
)
def test_holm_by_hand(raw, corrected):
    assert holm(raw) == pytest.approx(corrected)


@given(ps)
def test_holm_keeps_order_and_lowers_nothing(raw):
    corrected = holm(raw)
    for first, p in zip(raw, corrected, strict=True):
        assert first <= p <= 1
        assert p <= min(1, len(raw) * first)
        for second, other in zip(raw, corrected, strict=True):
            assert first > second or p <= other


def test_all_pairs_are_compared_and_corrected_together(demsar):
    results = compare_all(demsar)
    assert [(each.first, each.second) for each in results] == [
        (0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)
    ]  # fmt: skip
    assert {each.num_comparisons for each in results} == {6}
    assert [each.p_holm for each in results] == list(holm([each.paired.p for each in results]))
    for each in results:
        assert each.paired == compare(demsar[:, each.first] - demsar[:, each.second])


def test_one_network_has_no_pair():
    assert compare_all(np.ones((4, 1))) == ()


def test_a_statistic_of_zero_is_not_minus_zero():
    assert f"{compare(np.array([0.1, 0.2])).statistic:g}" == "0"
