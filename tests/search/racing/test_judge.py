"""Judgements of networks, with and without a race."""

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mbnas.search.racing.chance import chance_to_beat, variance
from mbnas.search.racing.judge import Judge, Judgement, full_scores
from mbnas.search.racing.outcome import Outcome

INCUMBENT = (0.80, 0.70, 0.90, 0.81, 0.72, 0.88)
BETTER = tuple(score + 0.05 for score in INCUMBENT)


def outcomes(*scores):
    return [None if score is None else Outcome(score=score, wall_s=1.0) for score in scores]


FAILED = Outcome(score=None, wall_s=1.0)


def alone(given):
    return Judge(num_folds=3).judge(given)


def raced(given, threshold=0.1, incumbent=INCUMBENT):
    return Judge(num_folds=3, threshold=threshold).judge(given, outcomes(*incumbent))


def test_without_a_race_all_trainings_are_needed_and_their_mean_is_the_score():
    assert alone(outcomes(*[None] * 6)).needed == tuple(range(6))
    assert alone(outcomes(0.5, None, 0.7, 0.1, None, 0.3)).needed == (1, 4)
    done = alone(outcomes(0.5, 0.5, 0.5, 0.8, 0.8, 0.8))
    assert done.score == pytest.approx(0.65)
    assert not done.needed


def test_without_an_incumbent_there_is_no_race():
    hopeless = outcomes(0.1, 0.1, 0.2, None, None, None)
    judge = Judge(num_folds=3, threshold=0.4)
    assert judge.judge(hopeless).needed == (3, 4, 5)
    assert judge.judge(hopeless, outcomes(0.8, None, 0.8, 0.8, 0.8, 0.8)).needed == (3, 4, 5)


def test_a_race_asks_for_a_block_at_a_time():
    assert raced(outcomes(*[None] * 6)) == Judgement(needed=(0, 1, 2), perhaps=(3, 4, 5))
    assert raced(outcomes(0.9, None, 0.9, None, 0.9, None)) == Judgement(
        needed=(1,), perhaps=(3, 5)
    )


def test_a_hopeless_network_is_dropped_with_a_score_below_the_incumbent():
    dropped = raced(outcomes(0.51, 0.40, 0.60, None, None, None))
    assert dropped.dropped_after == 3
    assert dropped.score == pytest.approx((0.51 + 0.40 + 0.60) / 3)
    assert not dropped.needed
    assert not dropped.perhaps


def test_nothing_is_accepted_early():
    assert raced(outcomes(*BETTER[:3], None, None, None)).needed == (3, 4, 5)


def test_a_decision_does_not_depend_on_what_later_blocks_say():
    first = (0.51, 0.40, 0.60)
    known = [raced(outcomes(*first, *later)) for later in ((None,) * 3, (1.0,) * 3, (0.0,) * 3)]
    assert known[0] == known[1] == known[2]


def test_after_the_last_block_the_mean_counts_and_nothing_is_dropped():
    worse = [score - 0.001 * number for number, score in enumerate(INCUMBENT)]
    done = raced(outcomes(*worse), threshold=0.01)
    assert (done.score, done.dropped_after) == (math.fsum(worse) / 6, None)


@pytest.mark.parametrize("place", range(6))
def test_a_failed_training_settles_its_block(place):
    given = outcomes(*BETTER)
    given[place] = FAILED
    judged = raced(given)
    assert judged.score == -math.inf
    assert judged.dropped_after == (3 if place < 3 else None)
    assert alone(given).score == -math.inf


@given(
    st.lists(st.floats(0, 1), min_size=9, max_size=9),
    st.lists(st.floats(0, 1), min_size=9, max_size=9),
    st.floats(0.001, 0.499),
)
def test_a_judgement_follows_block_by_block(scores, incumbent, threshold):
    judged = raced(outcomes(*scores), threshold, incumbent)
    on_fold = [math.fsum(incumbent[fold::3]) / 3 for fold in range(3)]
    differences = [score - on_fold[number % 3] for number, score in enumerate(scores)]
    for end in (3, 6):
        if chance_to_beat(differences[:end], 9 - end) < threshold:
            assert judged.dropped_after == end
            assert judged.score <= math.fsum(incumbent) / 9  # equal by rounding alone
            assert judged.spread == variance(differences[:end])
            return
    assert judged == Judgement(score=math.fsum(scores) / 9, spread=variance(differences))


def test_a_judge_learns_the_variance_from_earlier_proposals():
    misleading = (0.76, 0.60, 0.89)
    judge = Judge(num_folds=3, threshold=0.03)
    undecided = judge.judge(outcomes(*misleading, None, None, None), outcomes(*INCUMBENT))
    assert undecided.needed == (3, 4, 5)
    assert undecided.spread is None
    judge.learn([undecided, judge.judge(outcomes(*misleading, *misleading))])
    again = judge.judge(outcomes(*misleading, None, None, None), outcomes(*INCUMBENT))
    assert again == undecided, "what has no spread taught something"
    steady = outcomes(*(score - 0.05 for score in INCUMBENT))
    judge.learn([judge.judge(steady, outcomes(*INCUMBENT))])
    wiser = judge.judge(outcomes(*misleading, None, None, None), outcomes(*INCUMBENT))
    assert wiser.dropped_after == 3


@given(st.lists(st.sampled_from([None, 0.1, 0.8]), min_size=6, max_size=6))
def test_needed_and_known_trainings_never_overlap(scores):
    judged = raced(outcomes(*scores))
    open_ones = {number for number, score in enumerate(scores) if score is None}
    assert set(judged.needed) | set(judged.perhaps) <= open_ones
    assert not set(judged.needed) & set(judged.perhaps)
    assert (judged.score is None) == bool(judged.needed)


def test_only_a_network_with_every_score_can_be_raced_against():
    assert full_scores(outcomes(0.1, 0.2)) == (0.1, 0.2)
    for missing in itertools.permutations([Outcome(score=0.1, wall_s=1.0), None, FAILED], 2):
        assert full_scores(missing) is None
