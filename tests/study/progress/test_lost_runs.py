"""Failed trainings and lost runs."""

import pytest

from mbnas.study.progress.search_status import failed_trainings, lost_run_outcomes
from mbnas.training.training_record import LostRunRecord, TrainingKey, TrainingRecord

KEYS = [TrainingKey(network="n", protocol="p", fold=fold, initialisation=0) for fold in range(3)]


def training(key, error=None):
    return TrainingRecord(
        key=key,
        score=None if error else 0.8,
        error=error,
        wall_s=1.0,
        worker="host:1 cpu",
        started_at="2026-03-01T12:00:00+00:00",
    )


def failure(key):
    return LostRunRecord(
        key=key, kind="worker died", reason="It was killed.", wall_s=1.0, worker="host:1 cpu",
        started_at="2026-03-01T12:00:00+00:00",
    )  # fmt: skip


def test_failed_trainings_are_those_with_an_error():
    sound, failed = training(KEYS[0]), training(KEYS[1], "It was killed.")
    assert failed_trainings([sound, failed]) == (failed,)


@pytest.mark.parametrize(("number", "sequel"), [(0, "scored"), (1, "failed"), (2, None)])
def test_a_lost_run_knows_how_its_training_ended(number, sequel):
    trainings = [training(KEYS[0]), training(KEYS[1], "It was killed.")]
    (run,) = lost_run_outcomes([failure(KEYS[number])], trainings)
    assert (run.record.key, run.sequel) == (KEYS[number], sequel)
