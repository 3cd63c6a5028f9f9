"""Confirmation keeps to its budget, drops the worse half and ends with equal numbers."""

import math
from itertools import pairwise

import hypothesis.strategies as st
import pytest
from hypothesis import given

from mbnas.search.confirmation import (
    MIN_INITIALISATIONS,
    MOST_LEADERS,
    ConfirmationRound,
    fewest,
    num_confirmable,
    num_kept,
    num_rounds,
    num_worthwhile,
    sequential_halving,
)


def run(leaders, protected, budget, score):
    """Return all rounds and the leaders in order, where ``score`` is of a network."""
    rounds, scores = [], None
    schedule = sequential_halving(leaders, protected, budget)
    while True:
        try:
            rounds.append(schedule.send(scores))
        except StopIteration as ended:
            return rounds, ended.value
        scores = [score(network) for network in rounds[-1].networks]


def spent(rounds):
    """Return the initialisations that all networks have together."""
    final = {network: each.initialisations for each in rounds for network in each.networks}
    return sum(final.values())


SIZES = st.tuples(st.integers(0, 20), st.integers(1, 4), st.integers(0, 400))


@given(sizes=SIZES, scores=st.lists(st.floats(0, 1) | st.just(-math.inf), min_size=24))
def test_the_budget_is_kept_and_the_end_is_equal(sizes, scores):
    num_leaders, num_protected, budget = sizes
    leaders = list(range(num_leaders))
    protected = list(range(num_leaders, num_leaders + num_protected))
    rounds, ranked = run(leaders, protected, budget, scores.__getitem__)
    assert spent(rounds) <= budget
    assert all(set(protected) <= set(each.networks) for each in rounds)
    asked = [each.initialisations for each in rounds]
    assert asked == sorted(set(asked))  # each round asks for more
    confirmed = min(num_leaders, num_confirmable(budget, num_protected=num_protected))
    assert sorted(ranked) == leaders[:confirmed]
    if rounds and all(scores[each] > -math.inf for each in leaders):
        assert len(rounds[-1].networks) == 1 + num_protected
        assert rounds[-1].initialisations >= MIN_INITIALISATIONS
        assert len(rounds) == num_rounds(confirmed)
        assert budget - spent(rounds) <= num_protected  # too little for one more of each


def test_the_worse_half_is_dropped():
    rounds, ranked = run("abcde", ["u"], 60, "abcdeu".index)
    assert [each.networks for each in rounds] == [
        (*"abcdeu",),
        (*"edcu",),
        (*"edu",),
        (*"eu",),
    ]
    assert ranked == (*"edcba",)


def test_rounds_share_the_budget():
    """Karnin et al.: each round has the same part of the budget, up to whole initialisations."""
    rounds, _ = run(list(range(8)), ["unet"], 4 * 90, lambda network: 0.0)
    new = [rounds[0].initialisations] + [
        later.initialisations - earlier.initialisations for earlier, later in pairwise(rounds)
    ]
    assert [len(each.networks) for each in rounds] == [9, 5, 3, 2]
    assert [count * len(each.networks) for count, each in zip(new, rounds, strict=True)] == [90] * 4


def test_equals_keep_their_order():
    _, ranked = run("abcd", ["unet"], 30, lambda network: 0.5)
    assert ranked == (*"abcd",)


def test_a_leader_without_a_score_is_dropped_at_once():
    rounds, ranked = run("ab", ["unet"], 20, {"a": -math.inf, "b": -math.inf, "unet": 0.5}.get)
    assert [each.networks for each in rounds] == [("a", "b", "unet")]
    assert set(ranked) == {"a", "b"}


@pytest.mark.parametrize("num_protected", [1, 2, 3])
def test_too_small_a_budget_confirms_nothing(num_protected):
    least = MIN_INITIALISATIONS * (1 + num_protected)
    protected = [f"p{number}" for number in range(num_protected)]
    assert run("ab", protected, least - 1, lambda network: 0.5) == ([], ())
    rounds, ranked = run("a", protected, least, lambda network: 0.5)
    assert rounds == [ConfirmationRound(networks=("a", *protected), initialisations=2)]
    assert ranked == ("a",)


@given(number=st.integers(1, 30), protected=st.integers(1, 4))
def test_what_a_budget_confirms_is_what_it_pays_for(number, protected):
    assert num_confirmable(fewest(number, protected), num_protected=protected) >= number
    for fewer in range(1, number):
        assert fewest(fewer, protected) <= fewest(number, protected)


def test_networks_must_be_distinct_and_protected():
    with pytest.raises(ValueError, match="twice"):
        next(sequential_halving("aa", ["unet"], 10))
    with pytest.raises(ValueError, match="twice"):
        next(sequential_halving("a", ["a"], 10))
    with pytest.raises(ValueError, match="protected"):
        next(sequential_halving("a", [], 10))


def test_a_score_must_be_a_number():
    schedule = sequential_halving("a", ["unet"], 10)
    next(schedule)
    with pytest.raises(ValueError, match="nan"):
        schedule.send([math.nan, 0.5])


@given(budget=st.integers(0, 2000), protected=st.integers(1, 4))
def test_worthwhile_leaders_can_be_confirmed(budget, protected):
    number = num_worthwhile(budget, num_protected=protected)
    assert 0 <= number <= MOST_LEADERS
    assert (number == 0) == (budget < fewest(1, protected))
    assert number == 0 or fewest(number, protected) <= budget


@given(
    budget=st.integers(0, 2000),
    share=st.floats(0, 1, exclude_max=True),
    protected=st.integers(1, 4),
)
def test_what_is_kept_confirms_a_leader_or_is_nothing(budget, share, protected):
    kept = num_kept(budget, share, num_protected=protected)
    assert 0 <= kept <= budget
    assert (kept == 0) == (num_confirmable(kept, num_protected=protected) == 0)
    assert kept == 0 or kept <= max(budget / 2, share * budget)
    assert (kept > 0) == (
        share > 0 and max(budget / 2, int(share * budget)) >= fewest(1, protected)
    )


def test_a_share_is_a_share():
    with pytest.raises(ValueError, match="share"):
        num_kept(100, 1.0)
