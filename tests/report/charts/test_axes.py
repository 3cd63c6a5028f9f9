"""Axes of scores."""

from hypothesis import given
from hypothesis import strategies as st

from mbnas.report.charts.axes import score_range


@given(st.lists(st.floats(0.0, 1.0), max_size=12))
def test_the_axis_has_only_scores_that_dice_can_have(scores):
    low, high = score_range(scores)
    assert 0.0 <= low < high <= 1.0
    assert all(score <= high for score in scores)
