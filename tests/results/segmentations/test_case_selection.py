from hypothesis import given
from hypothesis import strategies as st

from mbnas.results.segmentations.case_selection import (
    FEWEST_SLICES,
    MOST_SLICES,
    PAGE_BYTES,
    best_median_worst,
    page_capacity,
    spread_over_order,
)


@given(num_cases=st.integers(0, 60), most=st.integers(1, 30))
def test_the_worst_case_is_always_shown_and_none_twice(num_cases, most):
    chosen = spread_over_order(num_cases, most)

    assert len(chosen) == len(set(chosen)) == min(num_cases, most)
    assert chosen == tuple(sorted(chosen))
    assert num_cases == 0 or chosen[0] == 0


@given(num_cases=st.integers(1, 500), side=st.integers(8, 1024))
def test_some_case_and_enough_slices_always_fit(num_cases, side):
    cases, slices = page_capacity(num_cases, side)

    assert 1 <= cases <= num_cases
    assert FEWEST_SLICES <= slices <= MOST_SLICES


@given(num_cases=st.integers(1, 500), side=st.integers(8, 1024), deepest=st.integers(1, 40))
def test_cases_of_few_slices_leave_room_for_others(num_cases, side, deepest):
    cases, slices = page_capacity(num_cases, side, most_slices=deepest)
    assert slices <= deepest
    assert cases >= page_capacity(num_cases, side)[0]
    assert cases == 1 or cases * min(deepest, slices) * side**2 <= PAGE_BYTES


def test_patients_are_chosen_by_the_mean_over_networks():
    means = [{"a": 0.9, "b": 0.1, "c": 0.5}, {"a": 0.2, "b": 0.8, "c": 0.7, "d": 1.0}]
    assert best_median_worst(means) == (("best", "c"), ("median", "a"), ("worst", "b"))
    assert best_median_worst([{"a": 0.5, "b": 0.5}]) == (("best", "a"), ("worst", "b"))
    assert best_median_worst([{"a": 0.5}]) == (("best", "a"),)
    assert best_median_worst([{"a": 0.5}, {"b": 0.5}]) == ()
    assert best_median_worst([]) == ()
