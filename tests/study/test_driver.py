"""The search and its scores, with trainings that cost nothing."""

import hashlib
import itertools
import math
from concurrent.futures import Executor, Future
from contextlib import suppress
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mbnas.errors import StudyError
from mbnas.genotype.space import Space
from mbnas.search.bilevel import bilevel_search
from mbnas.search.local import local_search
from mbnas.search.random_search import random_search
from mbnas.study.driver import drive
from mbnas.study.evaluator import Evaluator
from mbnas.study.executors import InlineExecutor
from mbnas.study.ledger import Ledger
from mbnas.study.worker import WorkerDied
from mbnas.study.workplace import Workplace
from mbnas.training.protocol import EvaluationSettings, Protocol
from mbnas.training.record import TrainingRecord

SPACE = Space(num_nodes=3, num_levels=2, blocks=("vgg", "dense"), kernels=(3, 5))
PROTOCOL = Protocol(evaluation=EvaluationSettings(folds=2, initialisations=1))
BUDGET = 8
bilevel = partial(bilevel_search, num_topologies=BUDGET // 2)


class Cut(BaseException):
    """The end of a process, as far as a test can have it."""


def record(task, *, score, error=None):
    return TrainingRecord(
        key=task.key, score=score, error=error, wall_s=0.0, worker="here", started_at="now"
    )


def train(task):
    """A score that follows from the task alone, as a training's does."""
    digest = hashlib.sha256(f"{task.architecture} {task.fold}".encode()).digest()
    return record(task, score=digest[0] / 256)


class LateExecutor(Executor):
    """Finishes calls in a drawn order, when somebody waits for the last of them."""

    def __init__(self, rng):
        self._rng = rng
        self._calls = []

    def submit(self, fn, /, *args, **kwargs):
        future = Future()
        self._calls.append((future, fn, args))
        if len(self._calls) % 2 == 0:  # both folds of one network, in either order
            for index in self._rng.permutation(len(self._calls)):
                waiting, function, given = self._calls[index]
                waiting.set_result(function(*given))
            self._calls.clear()
        return future


def search(path, *, function=train, executor=None, budget=BUDGET, searcher=local_search, seed=0):
    """Run or resume a search and return its evaluator."""
    with Ledger.open(path) if path.exists() else Ledger.create(path) as ledger:
        evaluator = Evaluator(
            ledger,
            Workplace(executor=executor or InlineExecutor(), slots=1, train=function),
            protocol=PROTOCOL,
            slices=Path("slices"),
            device="cpu",
            initialisations=range(1),
        )
        drive(searcher(SPACE, np.random.default_rng(seed)), evaluator, ledger, budget=budget)
        return evaluator


def told(path):
    """Everything a ledger says that does not depend on the order of completion."""
    with Ledger.open(path, read_only=True) as ledger:
        return ledger.evaluations(), {each.key: each for each in ledger.trainings()}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "ledger.sqlite"


@pytest.mark.parametrize("searcher", [local_search, random_search, bilevel])
@pytest.mark.parametrize("budget", [1, 5])
def test_the_budget_counts_distinct_networks(path, searcher, budget):
    search(path, searcher=searcher, budget=budget)
    evaluations, trainings = told(path)
    assert [each.number for each in evaluations] == list(range(1, budget + 1))
    assert len({each.genotype for each in evaluations}) == budget
    assert len(trainings) == 2 * budget


def test_a_search_ends_with_its_space(path):
    space = Space(num_nodes=1, num_levels=1, blocks=("vgg",), kernels=(3, 5))
    search(path, searcher=lambda _, rng: local_search(space, rng), budget=50)
    assert len(told(path)[0]) == space.count == 2


def test_a_finished_search_trains_nothing_again(path):
    search(path)
    before = told(path)
    search(path, function=lambda task: pytest.fail(f"{task.key} was trained again"))
    assert told(path) == before


@pytest.mark.parametrize("searcher", [local_search, random_search, bilevel])
@pytest.mark.parametrize("budget", [3, 5])
def test_a_larger_budget_goes_on_where_the_smaller_ended(tmp_path, searcher, budget):
    search(tmp_path / "two", searcher=searcher, budget=budget)
    search(tmp_path / "two", searcher=searcher, budget=BUDGET)
    search(tmp_path / "one", searcher=searcher, budget=BUDGET)
    assert told(tmp_path / "two") == told(tmp_path / "one")


@pytest.mark.parametrize("searcher", [local_search, bilevel])
@settings(max_examples=8)  # each writes ledgers that wait for the disk
@given(lives=st.lists(st.integers(0, 2 * BUDGET), max_size=4))
def test_cut_after_any_trainings_and_resumed_gives_the_same_ledger(searcher, lives):
    with TemporaryDirectory() as directory:
        cut, whole = Path(directory, "cut"), Path(directory, "whole")
        search(whole, searcher=searcher)
        for life in lives:
            counted = itertools.count()

            def mortal(task, counted=counted, life=life):
                if next(counted) == life:
                    raise Cut
                return train(task)

            with suppress(Cut):
                search(cut, function=mortal, searcher=searcher)
        search(cut, searcher=searcher)
        with Ledger.open(cut) as resumed, Ledger.open(whole) as left_alone:
            assert resumed.evaluations() == left_alone.evaluations()
            assert resumed.trainings() == left_alone.trainings()


@settings(max_examples=8)  # each writes ledgers that wait for the disk
@given(st.integers(0, 2**32))
def test_any_order_of_completion_gives_the_same_evaluations_and_scores(seed):
    with TemporaryDirectory() as directory:
        ordered, mixed = Path(directory, "ordered"), Path(directory, "mixed")
        one = search(ordered)
        other = search(mixed, executor=LateExecutor(np.random.default_rng(seed)))
        assert told(mixed) == told(ordered)
        genotypes = [each.genotype for each in told(ordered)[0]]
        assert [one.score(each) for each in genotypes] == [other.score(each) for each in genotypes]


def test_a_score_is_the_mean_over_folds(path):
    evaluator = search(path, function=lambda task: record(task, score=0.25 + task.fold / 2))
    assert evaluator.score(told(path)[0][0].genotype) == 0.5


def test_a_failed_training_is_recorded_and_its_network_scores_lowest(path):
    def fails_for_half(task):
        if task.fold == 0 and int(task.architecture.digest, 16) % 2:
            return record(task, score=None, error="The loss is not finite.")
        return train(task)

    evaluator = search(path, function=fails_for_half)
    evaluations, trainings = told(path)
    failed = [each for each in trainings.values() if each.error]
    assert len(evaluations) == BUDGET
    assert {each.error for each in failed} == {"The loss is not finite."}
    by_network = {each.network: each.genotype for each in evaluations}
    assert all(evaluator.score(by_network[each.key.network]) == -math.inf for each in failed)
    assert len(trainings) == 2 * BUDGET


def test_a_dead_worker_is_recorded_and_the_search_goes_on(path):
    def dies(task):
        if task.fold == 1:
            raise WorkerDied("A worker process was killed.")
        return train(task)

    evaluator = search(path, function=dies, budget=3)
    evaluations, trainings = told(path)
    assert len(evaluations) == 3
    errors = [each.error for each in trainings.values() if each.key.fold == 1]
    assert errors == ["A worker process was killed."] * 3
    assert evaluator.score(evaluations[0].genotype) == -math.inf


def test_a_mistake_in_the_program_ends_the_search(path):
    with pytest.raises(ZeroDivisionError):
        search(path, function=lambda _: 1 / 0)
    assert told(path)[1] == {}


def test_the_ledger_of_another_search_is_refused(path):
    search(path)
    with pytest.raises(StudyError, match=r"Evaluation 1 of the ledger is .* Search into a new"):
        search(path, seed=1)


def test_a_training_of_another_study_is_taken_and_not_run_again(path, tmp_path):
    search(path)
    _, known = told(path)
    asked = []

    def elsewhere(key):
        asked.append(key)
        return known.get(key) if key.fold == 0 else None

    trained = []

    def train_and_tell(task):
        trained.append(task.key)
        return train(task)

    other = tmp_path / "other.sqlite"
    with Ledger.create(other) as ledger:
        evaluator = Evaluator(
            ledger,
            Workplace(executor=InlineExecutor(), slots=1, train=train_and_tell),
            protocol=PROTOCOL,
            slices=Path("slices"),
            device="cpu",
            initialisations=range(1),
            elsewhere=elsewhere,
        )
        drive(local_search(SPACE, np.random.default_rng(0)), evaluator, ledger, budget=BUDGET)
    assert told(other) == told(path)
    assert len(asked) == 2 * BUDGET
    assert {key.fold for key in trained} == {1}
    assert len(trained) == BUDGET
