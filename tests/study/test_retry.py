"""Failed trainings run again, and the search taken back to where they would have turned it."""

import math
from contextlib import nullcontext

import pytest

from mbnas.data.phantom import write_phantom
from mbnas.study import comparison, retry, run
from mbnas.study.comparison import train_anew
from mbnas.study.executors import InlineExecutor
from mbnas.study.standing import read_standing
from mbnas.study.study import resolve
from mbnas.study.workplace import Workplace
from mbnas.training.record import TrainingRecord

SETTINGS = {
    "preparation": {"slice_size": 16},
    "protocol": {"folds": 2},
    "training": {"base_channels": 4, "precision": "float32"},
    "space": {"num_nodes": 3, "num_levels": 2},
    "search": {"evaluations": 10},
    "run": {"executor": "inline"},
}


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    return write_phantom("spleen", tmp_path_factory.mktemp("data") / "spleen", num_patients=3)


@pytest.fixture
def held(dataset, tmp_path, monkeypatch):
    monkeypatch.setattr("os.cpu_count", lambda: 1)
    study = resolve(
        tmp_path / "study", dataset, protocol="quick", default_protocol="quick", options=SETTINGS
    )
    with run.opened(study, command="mbnas search") as held:
        yield held


def scored(task):
    """A score by the text alone."""
    return outcome(task, score=int(task.architecture.digest, 16) / 2**64)


def outcome(task, *, score=None, error=None):
    return TrainingRecord(
        key=task.key, score=score, error=error, wall_s=1.0, worker="here", started_at="now"
    )


def search(held, train):
    workplace = Workplace(executor=InlineExecutor(), slots=1, train=train)
    run.search(held, workplace=workplace)


def retry_with(held, train, monkeypatch):
    place = Workplace(executor=InlineExecutor(), slots=1, train=train)
    monkeypatch.setattr(retry, "workplace_of", lambda configuration: nullcontext(place))
    return retry.retry_failed(held)


def test_nothing_failed_so_nothing_is_repeated(held, monkeypatch):
    search(held, scored)
    before = held.ledger.trainings()
    retried = retry_with(held, lambda task: pytest.fail("nothing was to be run"), monkeypatch)
    assert (retried.num_repeated, retried.num_mended, retried.forgotten_from) == (0, 0, None)
    assert held.ledger.trainings() == before


def test_what_fails_again_leaves_the_search_as_it_was(held, monkeypatch):
    def fails(task):
        bad = task.fold == 1 and int(task.architecture.digest, 16) % 2
        return outcome(task, error="The loss is not finite.") if bad else scored(task)

    search(held, fails)
    before = held.ledger.evaluations()
    num_failed = sum(each.error is not None for each in held.ledger.trainings())
    assert num_failed
    retried = retry_with(held, fails, monkeypatch)
    assert (retried.num_repeated, retried.num_mended) == (num_failed, 0)
    assert retried.forgotten_from is None
    assert held.ledger.evaluations() == before
    assert held.ledger.facts()["state"] == "finished"
    assert len(held.ledger.failures()) == num_failed


def test_a_mended_training_takes_the_search_back_to_where_it_turns(held, monkeypatch):
    search(held, scored)
    sound = held.ledger.evaluations()
    best_start = max(sound[1:], key=lambda each: int(each.network, 16))

    def fails(task):
        if task.architecture == best_start.genotype and task.fold == 0:
            return outcome(task, error="The GPU fell off the bus.")
        return scored(task)

    _begin_anew(held)
    search(held, fails)
    astray = held.ledger.evaluations()
    assert astray != sound
    trained = set(held.ledger.outcomes())
    retried = retry_with(held, scored, monkeypatch)
    assert (retried.num_repeated, retried.num_mended) == (1, 1)
    assert retried.forgotten_from is not None
    assert held.ledger.evaluations() == sound[: retried.forgotten_from - 1]
    assert held.ledger.facts()["state"] == "stopped"
    assert set(held.ledger.outcomes()) == trained
    search(held, scored)
    assert held.ledger.evaluations() == sound
    standing = read_standing(held.ledger, held.study.configuration)
    assert all(math.isfinite(each.score) for each in standing.evaluations)


def _begin_anew(held):
    held.ledger.forget_evaluations(1)
    with held.ledger._transaction() as connection:
        for table in ("epochs", "trainings"):
            connection.execute(f"DELETE FROM {table}")


def test_failed_trainings_of_a_comparison_are_repeated_too(held, monkeypatch):
    search(held, scored)
    network = held.ledger.evaluations()[0].genotype

    def fails(task):
        return outcome(task, error="The disk was full.") if task.fold else scored(task)

    place = Workplace(executor=InlineExecutor(), slots=1, train=fails)
    monkeypatch.setattr(comparison, "workplace_of", lambda configuration: nullcontext(place))
    train_anew(held, [network], initialisations=2)
    measures = []

    def measured(task):
        measures.append((task.initialisation, task.measure))
        return scored(task)

    retried = retry_with(held, measured, monkeypatch)
    assert (retried.num_repeated, retried.num_mended) == (2, 2)
    assert measures == [(1000, "volumes and predictions"), (1001, "volumes")]
