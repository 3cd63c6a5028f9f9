"""Failed trainings run again, and the search taken back to where they would have turned it."""

import math
import shutil
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import replace

import pytest

from mbnas.data.phantom import write_phantom
from mbnas.study.begin_or_resume import opened
from mbnas.study.drive import retry_failed
from mbnas.study.drive.run_search import run_search
from mbnas.study.drive.worker_pool import WorkerPool
from mbnas.study.ledger.ledger_file import LedgerFile
from mbnas.study.open_study import OpenStudy
from mbnas.study.progress.search_status import read_status
from mbnas.study.resolve_study import resolve
from mbnas.study.retraining import found_networks as comparison
from mbnas.study.retraining.found_networks import retrain
from mbnas.training.training_record import TrainingRecord
from mbnas.workers.executors import InlineExecutor

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


@pytest.fixture(autouse=True)
def _cheap(monkeypatch):
    """Nothing is measured by building it."""

    def costs(study, architecture):
        study.ledger.record_network(architecture, parameters=1, macs=1, latency_ms=1.0)

    monkeypatch.setattr(OpenStudy, "record_cost", costs)
    monkeypatch.setattr(OpenStudy, "record_latency", costs)
    monkeypatch.setattr("os.cpu_count", lambda: 1)


@pytest.fixture
def held(dataset, tmp_path):
    study = resolve(
        tmp_path / "study", dataset, protocol="quick", default_protocol="quick", options=SETTINGS
    )
    with opened(study, command="mbnas search") as held:
        yield held


def scored(task):
    """A score by the text alone."""
    return outcome(task, score=int(task.architecture.digest, 16) / 2**64)


def outcome(task, *, score=None, error=None):
    return TrainingRecord(
        key=task.key, score=score, error=error, wall_s=1.0, worker="here", started_at="now"
    )


def search(held, train):
    worker_pool = WorkerPool(executor=InlineExecutor(), slots=1, train=train)
    run_search(held, worker_pool=worker_pool)


def retry_with(held, train, monkeypatch):
    place = WorkerPool(executor=InlineExecutor(), slots=1, train=train)
    monkeypatch.setattr(retry_failed, "worker_pool_of", lambda configuration: nullcontext(place))
    return retry_failed.retry_failed(held)


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
    assert len(held.ledger.lost_runs()) == num_failed


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
    status = read_status(held.ledger, held.study.configuration)
    assert all(math.isfinite(each.score) for each in status.evaluations)


def _begin_anew(held):
    held.ledger.end_retry(forget_from=1)
    with held.ledger.file.transaction() as connection:
        for table in ("epochs", "trainings"):
            connection.execute(f"DELETE FROM {table}")


# A retry that is killed between any two commits


class Killed(BaseException):
    """The process was killed: nothing that it would do afterwards happens."""


@pytest.fixture
def doomed(monkeypatch):
    """Returns a function that has this process die once it has committed a number of times."""
    commit, state = LedgerFile.transaction, {"left": math.inf, "done": 0}

    @contextmanager
    def transaction(ledger, begin="BEGIN IMMEDIATE"):
        if state["left"] <= 0:
            raise Killed
        with commit(ledger, begin) as connection:
            yield connection
        if begin == "BEGIN IMMEDIATE":
            state["left"] -= 1
            state["done"] += 1

    monkeypatch.setattr(LedgerFile, "transaction", transaction)

    def dies_after(commits):
        state["left"], state["done"] = commits, 0
        return state

    return dies_after


@pytest.fixture
def astray(dataset, tmp_path, monkeypatch):
    """A finished search, and a comparison, of which some trainings failed."""
    path = tmp_path / "astray"
    with opened(study_at(path, dataset), command="mbnas search") as held:

        def fails(task):
            bad = int(task.architecture.digest, 16) % 3 == 0 and task.fold == 0
            return outcome(task, error="The GPU fell off the bus.") if bad else scored(task)

        search(held, fails)
        place = WorkerPool(executor=InlineExecutor(), slots=1, train=fails)
        monkeypatch.setattr(comparison, "worker_pool_of", lambda configuration: nullcontext(place))
        failed = [key for key, each in held.ledger.outcomes().items() if each.score is None]
        networks = held.ledger.networks()
        retrain(held, [networks[failed[0].network].architecture], initialisations=1)
    return path


def study_at(path, dataset):
    return resolve(path, dataset, protocol="quick", default_protocol="quick", options=SETTINGS)


def end_of(path, dataset, monkeypatch, *, repeated=False):
    """What a study holds once its retry and its search have ended."""
    with opened(study_at(path, dataset), command="mbnas search") as held:
        if repeated:
            retry_with(held, scored, monkeypatch)
        search(held, scored)
        ledger = held.ledger
        facts = ledger.facts()
        assert "retrying" not in facts
        failures = sorted(map(str, ledger.lost_runs()))
        return ledger.evaluations(), ledger.outcomes(), failures, facts


def test_a_retry_that_is_killed_at_any_commit_ends_as_one_that_is_not(
    astray, dataset, tmp_path, monkeypatch, doomed
):
    shutil.copytree(astray, tmp_path / "whole")
    with opened(study_at(tmp_path / "whole", dataset), command="mbnas trainings") as held:
        state = doomed(math.inf)
        retried = retry_with(held, scored, monkeypatch)
        num_commits = state["done"]
    assert retried.forgotten_from is not None
    assert num_commits >= 2 + retried.num_repeated
    undisturbed = end_of(tmp_path / "whole", dataset, monkeypatch)
    for commits in range(1, num_commits):
        path = tmp_path / f"{commits}"
        shutil.copytree(astray, path)
        with (
            suppress(Killed),
            opened(study_at(path, dataset), command="mbnas trainings") as held,
        ):
            doomed(commits)
            retry_with(held, scored, monkeypatch)
        doomed(math.inf)
        repeated = commits % 2 == 0  # or the search goes on by itself
        assert end_of(path, dataset, monkeypatch, repeated=repeated) == undisturbed


def test_trainings_that_advance_together_are_all_repeated(held, monkeypatch):
    """Of a group, one training may be missing because the search was stopped."""
    search(held, scored)
    evaluator = held.search_evaluator(WorkerPool(executor=InlineExecutor(), slots=1, train=scored))
    networks = [each.architecture for each in held.ledger.networks().values()]
    with held.ledger.file.transaction() as connection:
        for table in ("epochs", "trainings"):
            connection.execute(f"DELETE FROM {table}")
    keys = [evaluator.tasks.all(each)[0].key for each in networks[:2]]
    order = []

    def together(tasks):
        order.append(len(tasks))
        return [scored(task) for task in tasks]

    place = WorkerPool(executor=InlineExecutor(), slots=1, train=scored, train_together=together)
    fused = replace(held.protocol, training=replace(held.protocol.training, fused="folds"))
    evaluator = replace(held, protocol=fused).search_evaluator(place)
    keys = [replace(key, protocol=fused.digest) for key in keys]
    evaluator.run_missing(keys, networks)
    assert order == [2, 2]
    assert set(keys) < set(held.ledger.outcomes())


def test_failed_trainings_of_a_comparison_are_repeated_too(held, monkeypatch):
    search(held, scored)
    network = held.ledger.evaluations()[0].genotype

    def fails(task):
        return outcome(task, error="The disk was full.") if task.fold else scored(task)

    place = WorkerPool(executor=InlineExecutor(), slots=1, train=fails)
    monkeypatch.setattr(comparison, "worker_pool_of", lambda configuration: nullcontext(place))
    retrain(held, [network], initialisations=2)
    measures = []

    def measured(task):
        measures.append((task.initialisation, task.measure))
        return scored(task)

    retried = retry_with(held, measured, monkeypatch)
    assert (retried.num_repeated, retried.num_mended) == (2, 2)
    assert measures == [(1000, "volumes and predictions"), (1001, "volumes")]
