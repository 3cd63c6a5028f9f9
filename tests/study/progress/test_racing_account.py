"""What racing would have saved, by hand."""

from dataclasses import replace

import pytest

from mbnas.search.racing.judge import Judge
from mbnas.search.racing.outcome import Outcome
from mbnas.space.genotype import Genotype
from mbnas.study.ledger.snapshot import EvaluationRecord
from mbnas.study.progress.racing_account import THRESHOLDS, racing_account
from mbnas.study.progress.search_status import ScoredNetwork
from mbnas.training.training_record import TrainingKey, TrainingRecord

GENOTYPES = tuple(
    Genotype.parse(text) for text in ("0vgg3", "0vgg5", "0vgg7", "0dense3", "0dense5")
)
INCUMBENT = (0.80, 0.70, 0.90, 0.81, 0.72, 0.88)
WORSE = tuple(score - loss for score, loss in zip(INCUMBENT, (0.3, 0.31, 0.29) * 2, strict=True))
BETTER = tuple(score + gain for score, gain in zip(INCUMBENT, (0.05, 0.06, 0.04) * 2, strict=True))
LATE = (0.2, 0.14, 0.26, 1.0, 1.0, 1.0)  # hopeless after its first block, and then far better
LATE_INCUMBENT = (0.80, 0.70, 0.90, 0.3, 0.3, 0.3)


def evaluation(number, scores, *, incumbent=None, why="node 1 kernel", seconds=2.0):
    genotype = GENOTYPES[number - 1]
    trainings = tuple(
        TrainingRecord(
            key=TrainingKey(
                network=genotype.digest, protocol="p", fold=place % 3, initialisation=place // 3
            ),
            score=score,
            wall_s=seconds,
            worker="here",
            started_at="now",
        )
        for place, score in enumerate(scores)
    )
    outcomes = [Outcome(score=score, wall_s=seconds) for score in scores]
    return ScoredNetwork(
        record=EvaluationRecord(
            number=number,
            genotype=genotype,
            why="start 1" if incumbent is None else why,
            incumbent=None if incumbent is None else GENOTYPES[incumbent - 1],
        ),
        trainings=trainings,
        num_trainings=6,
        judgement=Judge(num_folds=3).judge(outcomes),
        parameters=1,
        macs=1,
    )


SEARCH = (
    evaluation(1, INCUMBENT),
    evaluation(2, WORSE, incumbent=1, seconds=4.0),
    evaluation(3, BETTER, incumbent=1),
    evaluation(4, WORSE, incumbent=3, why="node 1 block"),
)


def account(evaluations, threshold=0.05):
    return racing_account(evaluations, num_folds=3, threshold=threshold)


def test_a_dropped_network_saves_its_later_blocks_and_changes_nothing():
    races = account(SEARCH)
    assert races.num_raced == 3
    assert races.dropped == (2, 4)
    assert (races.num_trainings, races.num_saved) == (24, 6)
    assert races.saved_s == pytest.approx(3 * 4.0 + 3 * 2.0)
    assert (races.num_accepted, races.changed) == (1, ())


def test_dropping_an_accepted_network_is_a_change():
    races = account((evaluation(1, LATE_INCUMBENT), evaluation(2, LATE, incumbent=1)))
    assert (races.num_accepted, races.changed, races.dropped) == (1, (2,), (2,))


def test_only_the_best_of_a_proposal_is_accepted():
    better_still = tuple(score + 0.01 for score in BETTER)
    races = account(
        (*SEARCH[:1], evaluation(2, BETTER, incumbent=1), evaluation(3, better_still, incumbent=1))
    )
    assert races.num_accepted == 1
    assert races.dropped == ()


def test_the_account_of_a_search_with_racing_counts_the_trainings_it_ran():
    raced = replace(
        SEARCH[1],
        trainings=SEARCH[1].trainings[:3],
        judgement=Judge(num_folds=3, threshold=0.05).judge(
            [Outcome(score=score, wall_s=4.0) for score in WORSE[:3]] + [None] * 3,
            [Outcome(score=score, wall_s=2.0) for score in INCUMBENT],
        ),
    )
    assert account((SEARCH[0], raced, *SEARCH[2:])) == account(SEARCH)


def test_incomplete_networks_are_left_out():
    open_one = replace(
        SEARCH[3], trainings=SEARCH[3].trainings[:2], judgement=Judge(num_folds=3).judge([None] * 6)
    )
    assert account((*SEARCH[:3], open_one)) == account(SEARCH[:3])


def test_a_higher_threshold_saves_no_less():
    saved = [account(SEARCH, threshold).num_saved for threshold in THRESHOLDS]
    assert saved == sorted(saved)
