"""Collapsed trainings and clearly worse networks are taken apart, ordinary ones are not."""

import numpy as np

from mbnas.scoring.noise.outlying import find_outlying
from mbnas.scoring.noise.score_table import ScoreTable


def drawn(seed):
    rng = np.random.default_rng(seed)
    return 0.8 + 0.02 * rng.normal(size=(30, 1, 1)) + 0.01 * rng.normal(size=(30, 3, 3))


def test_normal_scores_have_no_outliers():
    for seed in range(20):
        found = find_outlying(ScoreTable.of(list(drawn(seed))))
        assert not found.rows_R.any()
        assert not found.networks_N.any()


def test_a_collapsed_training_is_outlying_and_a_lucky_one_is_not():
    scores = drawn(0)
    scores[4, 1, 2] -= 0.3
    scores[7, 0, 0] += 0.1
    found = find_outlying(ScoreTable.of(list(scores)))
    assert np.flatnonzero(found.rows_R).tolist() == [4 * 3 + 1]
    assert not found.networks_N.any()


def test_a_network_that_is_clearly_worse_is_outlying():
    scores = drawn(0)
    scores[5] -= 0.4
    found = find_outlying(ScoreTable.of(list(scores)))
    assert np.flatnonzero(found.networks_N).tolist() == [5]
    assert not found.rows_R.any()


def test_nothing_is_outlying_among_single_or_no_scores():
    assert not find_outlying(ScoreTable.of([np.array([[0.5]]), np.array([[0.1]])])).rows_R.any()
    assert not find_outlying(ScoreTable.of([np.array([[np.nan]])])).networks_N.any()
