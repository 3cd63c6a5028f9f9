"""Watching a study while another process writes it, and after that was killed."""

from contextlib import ExitStack
from dataclasses import replace

import pytest

from mbnas.search.racing.judge import Judge
from mbnas.search.racing.outcome import Outcome
from mbnas.space.genotype import Genotype
from mbnas.study.ledger.ledger import Ledger
from mbnas.study.ledger.snapshot import EvaluationRecord
from mbnas.study.lock import study_lock
from mbnas.study.progress.search_status import ScoredNetwork, SearchStatus, TimeSpent
from mbnas.study.progress.time_left import estimate_time_left, num_needed
from mbnas.study.progress.watch import watch_status
from mbnas.study.resolve_study import resolve
from mbnas.training.training_record import LostRunRecord, TrainingKey, TrainingRecord

NETWORKS = [Genotype.parse(f"0vgg{kernel}") for kernel in (3, 5, 7)]
NOON = 1_772_366_400.0  # 2026-03-01T12:00:00Z


def training(network, fold=0, **changes):
    key = TrainingKey(network=network.digest, protocol="p", fold=fold, initialisation=0)
    values = {
        "key": key,
        "score": 0.8,
        "wall_s": 60.0,
        "worker": "host:1 cpu",
        "started_at": "2026-03-01T12:00:00+00:00",
    }
    return TrainingRecord(**(values | changes))


class Writer:
    """The process that searches: holds a study of two folds and writes its ledger."""

    def __init__(self, path):
        self.study = resolve(
            path,
            path.parent,
            protocol="quick",
            default_protocol="quick",
            options={"protocol": {"folds": 2}},
        )
        path.mkdir()
        self.ledger = Ledger.create(self.study.ledger)
        self.study.write_configuration()
        for key, value in {"protocol": "p", "budget": "3", "state": "running"}.items():
            self.ledger.set_fact(key, value)
        self.hold = ExitStack()
        self.hold.enter_context(study_lock(path, "mbnas search"))

    def look(self, *steps):
        """Yield the status, with one step of the search in every pause."""
        left = list(steps)
        return list(watch_status(self.study, clock=lambda: NOON + 60, pause=lambda: left.pop(0)()))


@pytest.fixture
def writer(tmp_path):
    made = Writer(tmp_path / "study")
    yield made
    made.hold.close()
    made.ledger.close()


def test_a_search_is_watched_until_it_is_finished(writer):
    first, ledger = NETWORKS[0], writer.ledger
    ledger.record_evaluation(EvaluationRecord(number=1, genotype=first, why="start 1"))
    watched = writer.look(
        lambda: ledger.record_training(training(first)),
        lambda: None,
        lambda: ledger.record_network(first, parameters=7),
        lambda: ledger.record_training(training(first, 1, score=0.9)),
        lambda: ledger.set_fact("state", "finished"),
    )
    assert [each.is_new for each in watched] == [True, True, False, False, True, True]
    assert [each.num_trainings for each in watched] == [0, 1, 1, 1, 2, 2]
    assert [len(each.status.complete) for each in watched] == [0, 0, 0, 0, 1, 1]
    assert [each.status.state for each in watched] == ["running"] * 5 + ["finished"]
    assert [each.key.fold for each in watched[-1].last] == [1, 0]


def test_failures_and_trainings_ahead_are_counted(writer):
    first, ahead, _ = NETWORKS
    writer.ledger.record_network(ahead)
    writer.ledger.record_evaluation(EvaluationRecord(number=1, genotype=first, why="start 1"))
    writer.ledger.record_training(training(first, score=None, error="It was killed."))
    writer.ledger.record_training(training(ahead))
    writer.ledger.record_lost_run(
        LostRunRecord(
            key=training(first).key,
            kind="worker died",
            reason="It was killed.",
            wall_s=1.0,
            worker="host:1 cpu",
            started_at="2026-03-01T12:00:00+00:00",
        )
    )
    writer.hold.close()
    (watched,) = writer.look()
    assert (watched.num_trainings, watched.num_failed, watched.num_lost_runs) == (2, 1, 1)


def test_a_search_that_was_killed_is_stopped(writer):
    watched = writer.look(lambda: None, writer.hold.close)
    assert [each.status.state for each in watched] == ["running", "running", "stopped"]
    assert [each.is_new for each in watched] == [True, False, True]
    assert watched[-1].time_left is None


def test_a_study_that_is_not_running_is_read_once(writer):
    writer.hold.close()
    writer.ledger.set_fact("state", "stopped")
    (watched,) = writer.look()
    assert (watched.status.state, watched.is_new) == ("stopped", True)


def test_watching_waits_for_a_search_that_is_being_resumed(writer):
    writer.ledger.set_fact("state", "stopped")
    watched = writer.look(
        lambda: writer.ledger.set_fact("state", "running"),
        lambda: writer.ledger.set_fact("state", "finished"),
    )
    assert [each.status.state for each in watched] == ["stopped", "running", "finished"]


# Time left


def evaluation(number, network, *trainings, num_trainings=2):
    return ScoredNetwork(
        record=EvaluationRecord(number=number, genotype=network, why="start 1"),
        trainings=trainings,
        num_trainings=num_trainings,
        judgement=Judge(num_folds=1).judge(
            [Outcome(score=each.score, wall_s=each.wall_s) for each in trainings]
            + [None] * (num_trainings - len(trainings))
        ),
        parameters=None,
        macs=None,
    )


def status(*evaluations, budget=10):
    return SearchStatus(budget=budget, state="running", evaluations=evaluations)


def test_the_rate_is_that_since_the_search_was_resumed():
    first, second, _ = NETWORKS
    done = [training(first), training(first, 1)]
    long_ago = replace(training(second), started_at="2026-02-01T12:00:00+00:00")
    elsewhere = replace(training(second, 1), borrowed=True)
    now = status(evaluation(1, first, *done), evaluation(2, second, long_ago))
    found = estimate_time_left(
        now, [*done, long_ago, elsewhere], begun_s=NOON - 60, now_s=NOON + 540
    )
    assert found.trainings_per_hour == 12.0
    assert found.left_s == (9 * 2 - 1) * 300.0


def test_the_rate_is_that_of_the_last_hour_at_most():
    first = NETWORKS[0]
    done = training(first, started_at="2026-03-01T09:00:00+00:00"), training(first, 1)
    found = estimate_time_left(
        status(evaluation(1, first, *done)), done, begun_s=NOON - 30_000, now_s=NOON + 1800
    )
    assert (found.since_s, found.trainings_per_hour) == (NOON - 1800, 1.0)


@pytest.mark.parametrize("started_at", ["2027-01-01T00:00:00+00:00", "just now", ""])
def test_without_ended_trainings_the_time_left_is_unknown(started_at):
    ended = training(NETWORKS[0], started_at=started_at)
    assert estimate_time_left(status(), [ended], begun_s=NOON - 60, now_s=NOON) is None


def test_needed_trainings_follow_the_present_mean_per_network():
    first, second, third = NETWORKS
    short = evaluation(1, first, training(first), num_trainings=1)
    begun = evaluation(2, second, training(second), num_trainings=15)
    assert num_needed(status()) == 0
    assert num_needed(status(evaluation(1, third, num_trainings=15))) == 150
    assert num_needed(status(begun)) == 149
    assert num_needed(status(short, begun, budget=4)) == 3 - 1
    assert num_needed(status(short, budget=1)) == 0


def test_the_time_left_includes_the_confirmation():
    first = NETWORKS[0]
    done = training(first), training(first, 1)
    searching = replace(status(evaluation(1, first, *done), budget=1), num_confirming=12)
    assert num_needed(searching) == 12


def test_networks_of_different_numbers_of_trainings_share_a_budget():
    first, second, _ = NETWORKS
    twice = evaluation(1, first, training(first), training(first, 1))
    once = evaluation(2, second, training(second), num_trainings=1)
    searching = replace(status(twice, once, budget=3), num_searching=6)
    assert num_needed(searching) == 3


def test_the_time_left_is_not_beyond_the_limit():
    first = NETWORKS[0]
    done = training(first), training(first, 1)
    limited = replace(
        status(evaluation(1, first, *done), budget=10**6),
        spent=TimeSpent(seconds=1800.0, hours=2.0),
    )
    found = estimate_time_left(limited, done, begun_s=NOON - 60, now_s=NOON + 540)
    assert found.left_s == 1.5 * 3600


def test_a_watched_search_says_what_its_confirmation_needs(writer):
    """The quick preset: three trainings of each network here, a quarter is kept."""
    writer.ledger.set_fact("budget", "40")
    (watched, _) = writer.look(lambda: writer.ledger.set_fact("state", "finished"))
    assert watched.status.num_confirming == 10 * 2
    assert watched.status.num_searching == 30 * 2
