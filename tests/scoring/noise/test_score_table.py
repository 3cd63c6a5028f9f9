"""The table of scores keeps complete initialisations only."""

import numpy as np
import pytest

from mbnas.scoring.noise.score_table import ScoreTable


def test_a_network_without_a_complete_initialisation_keeps_its_number():
    table = ScoreTable.of([np.array([[0.5, 0.7]]), np.array([[0.5, np.nan]]), np.ones((2, 2))])
    assert table.sizes.tolist() == [1, 0, 2]
    assert table.means_of(table.scores_RF.mean(axis=1)) == pytest.approx(
        [0.6, np.nan, 1], nan_ok=True
    )
    assert table.compact().sizes.tolist() == [1, 2]


def test_networks_need_the_same_folds():
    with pytest.raises(ValueError, match="equally many folds"):
        ScoreTable.of([np.ones((1, 2)), np.ones((1, 3))])


def test_infinite_scores_are_refused():
    with pytest.raises(ValueError, match="finite"):
        ScoreTable.of([np.array([[-np.inf]])])
