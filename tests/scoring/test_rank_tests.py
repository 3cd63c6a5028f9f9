"""Ranks: Demšar's worked example, SciPy's test, and undefined cases."""

import math
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from numpy.testing import assert_allclose
from scipy import stats

from mbnas.scoring.rank_tests import average_ranks, critical_difference, friedman, groups

scores = arrays(
    float,
    array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=6),
    elements=st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0]),
)


def test_ranks_are_those_printed_by_demsar(demsar):
    assert [round(rank, 3) for rank in average_ranks(demsar)] == [3.143, 2.0, 2.893, 1.964]


def test_statistics_are_those_printed_by_demsar(demsar):
    # He corrects for no ties: 9.28 and 3.69 follow from his formulas and our ranks.
    num_blocks, num_networks = demsar.shape
    squares = sum(rank**2 for rank in average_ranks(demsar))
    chi2 = (
        12 * num_blocks / (num_networks * (num_networks + 1))
        * (squares - num_networks * (num_networks + 1) ** 2 / 4)
    )  # fmt: skip
    f = (num_blocks - 1) * chi2 / (num_blocks * (num_networks - 1) - chi2)
    assert (round(chi2, 2), round(f, 2)) == (9.28, 3.69)
    ours = friedman(demsar)
    # Ties of 2, 2, 2 and 4: the sum of t³ − t is 78, against 60 for each of the 14 blocks.
    assert ours.chi2 == pytest.approx(chi2 / (1 - 78 / 840))
    assert ours.chi2_p < stats.chi2.sf(chi2, 3)
    assert ours.f_p < stats.f.sf(f, 3, 39)


def test_chi2_is_that_of_scipy(demsar):
    result = friedman(demsar)
    expected = stats.friedmanchisquare(*demsar.T)
    assert (result.chi2, result.chi2_p) == pytest.approx((expected.statistic, expected.pvalue))
    assert result.num_blocks == 14


def test_f_is_that_of_an_analysis_of_variance_on_ranks(demsar):
    ranks = stats.rankdata(-demsar, axis=1)
    num_blocks, num_networks = ranks.shape
    between = num_blocks * ((ranks.mean(0) - ranks.mean()) ** 2).sum() / (num_networks - 1)
    left = ranks - ranks.mean(0) - ranks.mean(1, keepdims=True) + ranks.mean()
    f = between / ((left**2).sum() / ((num_networks - 1) * (num_blocks - 1)))
    assert friedman(demsar).f == pytest.approx(f)
    assert friedman(demsar).f_p == pytest.approx(stats.f.sf(f, 3, 39))


@pytest.mark.parametrize("shape", [(5, 2), (5, 1), (1, 3)])
def test_two_networks_or_one_block_have_no_friedman_test(shape):
    assert friedman(np.random.default_rng(0).random(shape)) is None


def test_equal_scores_show_no_difference():
    result = friedman(np.full((5, 3), 0.7))
    assert (result.chi2, result.chi2_p, result.f, result.f_p) == (0, 1, 0, 1)
    assert result.average_ranks == (2, 2, 2)


def test_where_all_blocks_agree_the_p_is_exact():
    agreed = np.tile([0.9, 0.8, 0.7], (3, 1))
    result = friedman(agreed)
    assert (result.chi2, result.f) == (6, None)
    assert result.f_p == pytest.approx(1 / 36)
    tied = friedman(np.tile([0.9, 0.8, 0.8], (3, 1)))
    assert tied.f_p == pytest.approx(1 / 9)
    orders = list(permutations((1, 2, 3)))
    agreeing = sum(second == third == (1, 2, 3) for second in orders for third in orders)
    assert result.f_p == pytest.approx(agreeing / len(orders) ** 2)


def test_rounding_makes_no_winner():
    third = 0.1 + 0.2
    assert third != 0.3
    assert average_ranks(np.array([[third, 0.3]])) == (1.5, 1.5)


@given(scores)
def test_ranks_have_their_fixed_sum(scores_BN):
    num_networks = scores_BN.shape[1]
    assert math.fsum(average_ranks(scores_BN)) == pytest.approx(
        num_networks * (num_networks + 1) / 2
    )


@given(scores)
def test_p_values_are_between_0_and_1(scores_BN):
    result = friedman(scores_BN)
    assert (result is None) == (scores_BN.shape[1] < 3 or scores_BN.shape[0] < 2)
    if result is not None:
        assert 0 <= result.chi2_p <= 1
        assert 0 <= result.f_p <= 1
        assert result.chi2 >= 0
        assert result.f is None or 0 <= result.f < math.inf


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_missing_score_is_refused(value):
    with pytest.raises(ValueError, match=r"shape \(1, 2\) must be one or more finite numbers"):
        average_ranks(np.array([[0.5, value]]))


def test_no_scores_are_refused():
    with pytest.raises(ValueError, match="one or more finite numbers"):
        friedman(np.empty((0, 3)))


# Demšar 2006, table 5: critical values of the Nemenyi test for 2 to 10 classifiers.
NEMENYI = {
    0.05: (1.960, 2.343, 2.569, 2.728, 2.850, 2.949, 3.031, 3.102, 3.164),
    0.10: (1.645, 2.052, 2.291, 2.459, 2.589, 2.693, 2.780, 2.855, 2.920),
}


@pytest.mark.parametrize("alpha", NEMENYI)
def test_critical_values_are_those_printed_by_demsar(alpha):
    for num_networks, expected in enumerate(NEMENYI[alpha], start=2):
        # With this many blocks the difference is the critical value itself.
        difference = critical_difference(
            num_networks, num_networks * (num_networks + 1), alpha=alpha
        )
        assert_allclose(difference * math.sqrt(6), expected, atol=0.0011)


@pytest.mark.parametrize(("alpha", "expected"), [(0.05, 1.25), (0.10, 1.12)])
def test_critical_differences_are_those_printed_by_demsar(alpha, expected):
    assert round(critical_difference(4, 14, alpha=alpha), 2) == expected


@pytest.mark.parametrize(
    ("networks", "blocks", "alpha"), [(1, 5, 0.05), (3, 0, 0.05), (3, 5, 0.0), (3, 5, 1.0)]
)
def test_a_critical_difference_of_too_little_is_refused(networks, blocks, alpha):
    with pytest.raises(ValueError, match="A critical difference needs 2 networks"):
        critical_difference(networks, blocks, alpha=alpha)


@pytest.mark.parametrize(
    ("ranks", "difference", "expected"),
    [
        ((1.0, 2.0, 3.0), 0.5, ()),
        ((1.0, 2.0, 3.0), 1.0, ()),
        ((1.0, 2.0, 3.0), 1.5, ((0, 1), (1, 2))),
        ((3.0, 2.0, 1.0), 2.5, ((2, 1, 0),)),
        ((1.5, 1.5, 3.0), 1.0, ((0, 1),)),
        ((1.0, 1.2, 2.0, 2.3, 4.0), 1.15, ((0, 1, 2), (1, 2, 3))),
        ((1.0,), 1.0, ()),
    ],
)
def test_groups_are_the_largest_that_fit(ranks, difference, expected):
    assert groups(ranks, difference) == expected


def test_groups_of_demsars_example(demsar):
    # At 0.10, C4.5 is worse than both with m; at 0.05, nothing is told apart.
    ranks = average_ranks(demsar)
    assert groups(ranks, critical_difference(4, 14, alpha=0.10)) == ((3, 1, 2), (2, 0))
    assert groups(ranks, critical_difference(4, 14)) == ((3, 1, 2, 0),)


@given(st.lists(st.floats(1, 8), min_size=1, max_size=7).map(tuple), st.floats(0.01, 3))
def test_two_networks_share_a_group_if_and_only_if_they_are_close(ranks, difference):
    found = groups(ranks, difference)
    for first in range(len(ranks)):
        for second in range(first):
            together = any({first, second} <= set(group) for group in found)
            assert together == (abs(ranks[first] - ranks[second]) < difference)
