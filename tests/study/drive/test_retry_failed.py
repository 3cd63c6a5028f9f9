"""Failed trainings run again, and the search taken back to its first other decision."""

import math
import shutil
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import replace

import pytest

from mbnas.data.phantom import write_phantom
from mbnas.study.begin_or_resume import opened
from mbnas.study.cost.network_costs import NetworkCosts
from mbnas.study.drive import retry_failed
from mbnas.study.drive.run_search import run_search
from mbnas.study.ledger.ledger_file import LedgerFile
from mbnas.study.pool.worker_pool import WorkerPool
from mbnas.study.progress.confirmation_record import confirmation_in
from mbnas.study.progress.search_status import read_status
from mbnas.study.resolve_study import resolve
from mbnas.study.retraining import found_networks as comparison
from mbnas.study.retraining.found_networks import retrain
from mbnas.training.training_record import FIRST_CONFIRMING, TrainingKey, TrainingRecord
from mbnas.workers.executors import InlineExecutor

SETTINGS = {
    "preparation": {"slice_size": 16},
    "protocol": {"folds": 2},
    "training": {"base_channels": 4, "precision": "float32"},
    "space": {"num_nodes": 3, "num_levels": 2},
    "search": {"searcher": "local", "start": "random", "confirmation": 0.0, "evaluations": 10},
    "run": {"executor": "inline"},
}


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    return write_phantom("spleen", tmp_path_factory.mktemp("data") / "spleen", num_patients=3)


@pytest.fixture(autouse=True)
def _cheap(monkeypatch):
    """Costs are recorded without building networks."""

    def costs(known, architecture):
        known._ledger.record_network(architecture, parameters=1, macs=1, latency_ms=1.0)

    monkeypatch.setattr(NetworkCosts, "record", costs)
    monkeypatch.setattr(NetworkCosts, "latency_ms", costs)
    monkeypatch.setattr("os.cpu_count", lambda: 1)


@pytest.fixture
def open_study(dataset, tmp_path):
    study = resolve(
        tmp_path / "study", dataset, protocol="quick", default_protocol="quick", options=SETTINGS
    )
    with opened(study, command="mbnas search") as open_study:
        yield open_study


def scored(task):
    """A score that depends only on the network."""
    return outcome(task, score=int(task.architecture.digest, 16) / 2**64)


def outcome(task, *, score=None, error=None):
    return TrainingRecord(
        key=task.key, score=score, error=error, wall_s=1.0, worker="here", started_at="now"
    )


def search(open_study, train):
    worker_pool = WorkerPool(executor=InlineExecutor(), slots=1, train=train)
    run_search(open_study, worker_pool=worker_pool)


def retry_with(open_study, train, monkeypatch):
    worker_pool = WorkerPool(executor=InlineExecutor(), slots=1, train=train)
    monkeypatch.setattr(
        retry_failed, "worker_pool_of", lambda configuration: nullcontext(worker_pool)
    )
    return retry_failed.retry_failed(open_study)


def test_without_failures_nothing_is_run_again(open_study, monkeypatch):
    search(open_study, scored)
    before = open_study.ledger.trainings()
    retried = retry_with(open_study, lambda task: pytest.fail("nothing was to be run"), monkeypatch)
    assert (retried.num_repeated, retried.num_mended, retried.forgotten_from) == (0, 0, None)
    assert open_study.ledger.trainings() == before


def test_trainings_that_fail_again_do_not_change_the_search(open_study, monkeypatch):
    def fails(task):
        bad = task.fold == 1 and int(task.architecture.digest, 16) % 2
        return outcome(task, error="The loss is not finite.") if bad else scored(task)

    search(open_study, fails)
    before = open_study.ledger.evaluations()
    num_failed = sum(each.error is not None for each in open_study.ledger.trainings())
    assert num_failed
    retried = retry_with(open_study, fails, monkeypatch)
    assert (retried.num_repeated, retried.num_mended) == (num_failed, 0)
    assert retried.forgotten_from is None
    assert open_study.ledger.evaluations() == before
    assert open_study.ledger.facts()["state"] == "finished"
    assert len(open_study.ledger.lost_runs()) == num_failed


def test_a_mended_training_takes_the_search_back_to_the_first_other_decision(
    open_study, monkeypatch
):
    search(open_study, scored)
    sound = open_study.ledger.evaluations()
    best_start = max(sound[1:], key=lambda each: int(each.network, 16))

    def fails(task):
        if task.architecture == best_start.genotype and task.fold == 0:
            return outcome(task, error="The GPU fell off the bus.")
        return scored(task)

    _begin_anew(open_study)
    search(open_study, fails)
    astray = open_study.ledger.evaluations()
    assert astray != sound
    trained = set(open_study.ledger.outcomes())
    retried = retry_with(open_study, scored, monkeypatch)
    assert (retried.num_repeated, retried.num_mended) == (1, 1)
    assert retried.forgotten_from is not None
    assert open_study.ledger.evaluations() == sound[: retried.forgotten_from - 1]
    assert open_study.ledger.facts()["state"] == "stopped"
    assert set(open_study.ledger.outcomes()) == trained
    search(open_study, scored)
    assert open_study.ledger.evaluations() == sound
    status = read_status(open_study.ledger, open_study.study.configuration)
    assert all(math.isfinite(each.score) for each in status.evaluations)


def _begin_anew(open_study):
    open_study.ledger.end_retry(forget_from=1)
    with open_study.ledger.file.transaction() as connection:
        for table in ("epochs", "trainings"):
            connection.execute(f"DELETE FROM {table}")


# A retry that is killed between two commits


class Killed(BaseException):
    """The process was killed: it does nothing more."""


@pytest.fixture
def doomed(monkeypatch):
    """Return a function that kills this process after a number of commits."""
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
    with opened(study_at(path, dataset), command="mbnas search") as open_study:

        def fails(task):
            bad = int(task.architecture.digest, 16) % 3 == 0 and task.fold == 0
            return outcome(task, error="The GPU fell off the bus.") if bad else scored(task)

        search(open_study, fails)
        worker_pool = WorkerPool(executor=InlineExecutor(), slots=1, train=fails)
        monkeypatch.setattr(comparison, "worker_pool_of", lambda *_: nullcontext(worker_pool))
        failed = [key for key, each in open_study.ledger.outcomes().items() if each.score is None]
        networks = open_study.ledger.networks()
        retrain(open_study, [networks[failed[0].network].architecture], initialisations=1)
    return path


def study_at(path, dataset):
    return resolve(path, dataset, protocol="quick", default_protocol="quick", options=SETTINGS)


def end_of(path, dataset, monkeypatch, *, repeated=False):
    """Everything in a study after its retry and its search."""
    with opened(study_at(path, dataset), command="mbnas search") as open_study:
        if repeated:
            retry_with(open_study, scored, monkeypatch)
        search(open_study, scored)
        ledger = open_study.ledger
        facts = ledger.facts()
        assert "retrying" not in facts
        failures = sorted(map(str, ledger.lost_runs()))
        return ledger.evaluations(), ledger.outcomes(), failures, facts


def test_a_retry_killed_at_any_commit_gives_the_same_result(
    astray, dataset, tmp_path, monkeypatch, doomed
):
    shutil.copytree(astray, tmp_path / "whole")
    with opened(study_at(tmp_path / "whole", dataset), command="mbnas trainings") as open_study:
        state = doomed(math.inf)
        retried = retry_with(open_study, scored, monkeypatch)
        num_commits = state["done"]
    assert retried.forgotten_from is not None
    assert num_commits >= 2 + retried.num_repeated
    undisturbed = end_of(tmp_path / "whole", dataset, monkeypatch)
    for commits in range(1, num_commits):
        path = tmp_path / f"{commits}"
        shutil.copytree(astray, path)
        with (
            suppress(Killed),
            opened(study_at(path, dataset), command="mbnas trainings") as open_study,
        ):
            doomed(commits)
            retry_with(open_study, scored, monkeypatch)
        doomed(math.inf)
        repeated = commits % 2 == 0  # or the search goes on by itself
        assert end_of(path, dataset, monkeypatch, repeated=repeated) == undisturbed


def test_missing_trainings_of_a_group_are_all_run(open_study, monkeypatch):
    """One training of a group may be missing because the search was stopped."""
    search(open_study, scored)
    evaluator = open_study.search_evaluator(
        WorkerPool(executor=InlineExecutor(), slots=1, train=scored)
    )
    networks = [each.architecture for each in open_study.ledger.networks().values()]
    with open_study.ledger.file.transaction() as connection:
        for table in ("epochs", "trainings"):
            connection.execute(f"DELETE FROM {table}")
    keys = [evaluator.tasks.all(each)[0].key for each in networks[:2]]
    order = []

    def together(tasks):
        order.append(len(tasks))
        return [scored(task) for task in tasks]

    worker_pool = WorkerPool(
        executor=InlineExecutor(), slots=1, train=scored, train_together=together
    )
    fused = replace(
        open_study.protocol, training=replace(open_study.protocol.training, fused="folds")
    )
    evaluator = replace(open_study, protocol=fused).search_evaluator(worker_pool)
    keys = [replace(key, protocol=fused.digest) for key in keys]
    evaluator.run_missing(keys, networks)
    assert order == [2, 2]
    assert set(keys) < set(open_study.ledger.outcomes())


def test_failed_trainings_of_a_comparison_are_run_again_too(open_study, monkeypatch):
    search(open_study, scored)
    network = open_study.ledger.evaluations()[0].genotype

    def fails(task):
        return outcome(task, error="The disk was full.") if task.fold else scored(task)

    worker_pool = WorkerPool(executor=InlineExecutor(), slots=1, train=fails)
    monkeypatch.setattr(comparison, "worker_pool_of", lambda *_: nullcontext(worker_pool))
    retrain(open_study, [network], initialisations=2)
    measures = []

    def measured(task):
        measures.append((task.initialisation, task.measure))
        return scored(task)

    retried = retry_with(open_study, measured, monkeypatch)
    assert (retried.num_repeated, retried.num_mended) == (2, 2)
    assert measures == [(1000, "volumes and predictions"), (1001, "volumes")]


def confirming_study(dataset, path):
    options = SETTINGS | {"search": SETTINGS["search"] | {"confirmation": 0.4, "evaluations": 20}}
    return resolve(path, dataset, protocol="quick", default_protocol="quick", options=options)


def test_a_confirmation_goes_on_once_its_failed_trainings_have_scores(
    dataset, tmp_path, monkeypatch
):
    def fails(task):
        if task.initialisation >= FIRST_CONFIRMING:
            return outcome(task, error="The disk was full.")
        return scored(task)

    with opened(confirming_study(dataset, tmp_path / "whole"), command="mbnas search") as whole:
        search(whole, scored)
        expected = confirmation_in(whole.ledger.facts())
    with opened(confirming_study(dataset, tmp_path / "study"), command="mbnas search") as study:
        search(study, fails)
        assert confirmation_in(study.ledger.facts()).is_finished
        assert retry_with(study, fails, monkeypatch).num_mended == 0
        assert study.ledger.facts()["state"] == "finished"
        retried = retry_with(study, scored, monkeypatch)
        assert retried.num_mended == retried.num_repeated > 0
        assert not confirmation_in(study.ledger.facts()).is_finished
        assert study.ledger.facts()["state"] == "stopped"
        search(study, scored)
        assert confirmation_in(study.ledger.facts()) == expected


def test_retried_trainings_of_a_confirmation_run_as_they_did(dataset, tmp_path, monkeypatch):
    """Only the folds of an initialisation are fused, and the first keeps its predictions."""
    with opened(confirming_study(dataset, tmp_path / "study"), command="mbnas search") as study:
        search(study, scored)
        network = next(iter(study.ledger.networks().values())).architecture
        fused = replace(study.protocol, training=replace(study.protocol.training, fused="all"))
        ran = []

        def together(tasks):
            ran.append([(each.fold, each.initialisation, each.measure) for each in tasks])
            return [scored(task) for task in tasks]

        pool = WorkerPool(executor=InlineExecutor(), slots=1, train=scored, train_together=together)
        keys = [
            TrainingKey(
                network=network.digest,
                protocol=fused.digest,
                fold=1,
                initialisation=FIRST_CONFIRMING + number,
            )
            for number in range(2)
        ]
        retry_failed._repeat(replace(study, protocol=fused), keys, pool, None)
    first, second = FIRST_CONFIRMING, FIRST_CONFIRMING + 1
    assert ran == [
        [(fold, first, "volumes and predictions") for fold in range(2)],
        [(fold, second, "volumes") for fold in range(2)],
    ]
