"""The search and its scores, with trainings that cost nothing."""

import hashlib
import itertools
import math
from collections import Counter, defaultdict
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mbnas.errors import OutOfMemory, StudyError, WorkerDied
from mbnas.search.bilevel import bilevel_search
from mbnas.search.limit import Budget
from mbnas.search.local import local_search
from mbnas.search.random_search import random_search
from mbnas.space.search_space import Space
from mbnas.study.drive.driver import drive
from mbnas.study.drive.evaluator import Evaluator
from mbnas.study.ledger.ledger import Ledger
from mbnas.study.pool.worker_pool import WorkerPool
from mbnas.training.protocol import CrossValidationSettings, Protocol
from mbnas.training.training_record import TrainingRecord
from mbnas.workers.executors import InlineExecutor

from .drawn_executor import Cut, DrawnExecutor

SPACE = Space(num_nodes=3, num_levels=2, blocks=("vgg", "dense"), kernels=(3, 5))
PROTOCOL = Protocol(evaluation=CrossValidationSettings(folds=2, initialisations=1))
BUDGET = 8
bilevel = partial(bilevel_search, num_topologies=BUDGET // 2)


# Ledgers there need not wait for the disk; what they survive is tested in test_ledger.py.
IN_MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None


def record(task, *, score, error=None):
    return TrainingRecord(
        key=task.key, score=score, error=error, wall_s=0.0, worker="here", started_at="now"
    )


def train(task):
    """A score that depends only on the task, as a training's does."""
    digest = hashlib.sha256(f"{task.architecture} {task.fold}".encode()).digest()
    return record(task, score=digest[0] / 256)


def budget_of(num_networks, protocol):
    per_network = protocol.evaluation.initialisations
    return Budget(initialisations=num_networks * per_network, per_network=per_network)


def search(
    path,
    *,
    function=train,
    executor=None,
    slots=1,
    budget=BUDGET,
    searcher=local_search,
    seed=0,
    protocol=PROTOCOL,
    watch=None,
    **options,
):
    """Run or resume a search and return its evaluator."""
    queue = {} if executor is None else {"completions": executor}
    worker_pool = WorkerPool(
        executor=executor or InlineExecutor(), slots=slots, train=function, **queue
    )
    with Ledger.open(path) if path.exists() else Ledger.create(path) as ledger:
        evaluator = Evaluator(
            ledger,
            worker_pool,
            protocol=protocol,
            slices=Path("slices"),
            device="cpu",
            initialisations=range(protocol.evaluation.initialisations),
            **options,
        )
        drive(
            lambda recorded: searcher(SPACE, np.random.default_rng(seed)),
            evaluator,
            ledger,
            budget=budget_of(budget, protocol),
            watch=watch,
        )
        return evaluator


def contents(path):
    """Everything in a ledger that does not depend on the order of completion."""
    with Ledger.open(path, read_only=True) as ledger:
        return ledger.evaluations(), {each.key: each for each in ledger.trainings()}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "ledger.sqlite"


@pytest.mark.parametrize("searcher", [local_search, random_search, bilevel])
@pytest.mark.parametrize("budget", [1, 5])
def test_the_budget_counts_distinct_networks(path, searcher, budget):
    search(path, searcher=searcher, budget=budget)
    evaluations, trainings = contents(path)
    assert [each.number for each in evaluations] == list(range(1, budget + 1))
    assert len({each.genotype for each in evaluations}) == budget
    assert len(trainings) == 2 * budget


@pytest.mark.parametrize("searcher", [local_search, random_search])
@pytest.mark.parametrize("racing", [None, 0.1])
def test_the_best_network_is_known_while_a_search_runs_and_resumes(path, searcher, racing):
    """By brute force: the highest mean of a network that has all of its trainings."""
    settings = {"function": train_truly, "protocol": RACED, "racing": racing, "budget": 12}
    for _ in ("new", "resumed"):
        progress = []
        search(path, searcher=searcher, watch=progress.append, **settings)
        evaluations, trainings = contents(path)
        means = {}
        for each in evaluations:
            scores = [of.score for key, of in trainings.items() if key.network == each.network]
            if len(scores) == 9:
                means[each.number] = math.fsum(scores) / 9
        before = evaluations[-1].proposal  # the last proposal is not complete when its watch ends
        last = [number for number in means if evaluations[number - 1].proposal < before]
        best = max(last, key=means.__getitem__)
        seen = [(each.best.number, each.best.score) for each in progress if each.best]
        assert max(score for _, score in seen) >= means[best]
        assert all(means[number] == pytest.approx(score) for number, score in seen)
        assert [score for _, score in seen] == sorted(score for _, score in seen)


def test_a_search_ends_when_its_space_is_exhausted(path):
    space = Space(num_nodes=1, num_levels=1, blocks=("vgg",), kernels=(3, 5))
    search(path, searcher=lambda _, rng: local_search(space, rng), budget=50)
    assert len(contents(path)[0]) == space.count == 2


def test_a_finished_search_trains_nothing(path):
    search(path)
    before = contents(path)
    search(path, function=lambda task: pytest.fail(f"{task.key} was trained again"))
    assert contents(path) == before


@pytest.mark.parametrize("searcher", [local_search, random_search, bilevel])
@pytest.mark.parametrize("budget", [3, 5])
def test_a_larger_budget_continues_a_smaller_one(tmp_path, searcher, budget):
    search(tmp_path / "two", searcher=searcher, budget=budget)
    search(tmp_path / "two", searcher=searcher, budget=BUDGET)
    search(tmp_path / "one", searcher=searcher, budget=BUDGET)
    assert contents(tmp_path / "two") == contents(tmp_path / "one")


@pytest.mark.parametrize("searcher", [local_search, bilevel])
@settings(max_examples=8)
@given(lives=st.lists(st.integers(0, 2 * BUDGET), max_size=4))
def test_a_search_cut_at_any_training_and_resumed_gives_the_same_ledger(searcher, lives):
    with TemporaryDirectory(dir=IN_MEMORY) as directory:
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


@settings(max_examples=8)
@given(st.integers(0, 2**32))
def test_any_order_of_completion_gives_the_same_evaluations_and_scores(seed):
    with TemporaryDirectory(dir=IN_MEMORY) as directory:
        ordered, mixed = Path(directory, "ordered"), Path(directory, "mixed")
        one = search(ordered)
        other = search(mixed, executor=DrawnExecutor(np.random.default_rng(seed)))
        assert contents(mixed) == contents(ordered)
        genotypes = [each.genotype for each in contents(ordered)[0]]
        assert [one.score(each) for each in genotypes] == [other.score(each) for each in genotypes]


def test_a_score_is_the_mean_over_folds(path):
    evaluator = search(path, function=lambda task: record(task, score=0.25 + task.fold / 2))
    assert evaluator.score(contents(path)[0][0].genotype) == 0.5


def test_a_failed_training_is_recorded_and_its_network_scores_lowest(path):
    def fails_for_half(task):
        if task.fold == 0 and int(task.architecture.digest, 16) % 2:
            return record(task, score=None, error="The loss is not finite.")
        return train(task)

    evaluator = search(path, function=fails_for_half)
    evaluations, trainings = contents(path)
    failed = [each for each in trainings.values() if each.error]
    assert len(evaluations) == BUDGET
    assert {each.error for each in failed} == {"The loss is not finite."}
    by_network = {each.network: each.genotype for each in evaluations}
    assert all(evaluator.score(by_network[each.key.network]) == -math.inf for each in failed)
    assert len(trainings) == 2 * BUDGET


def dying(num_times, error=WorkerDied, message="A worker process was killed."):
    """A training of the second fold that raises the first times, and a record of its calls."""
    asked = defaultdict(list)

    def dies(task):
        asked[task.key].append(task.alone)
        if task.fold == 1 and len(asked[task.key]) <= num_times:
            raise error(message)
        return train(task)

    return dies, asked


def test_a_training_whose_worker_died_is_rerun(tmp_path):
    dies, asked = dying(2)
    search(tmp_path / "dying", function=dies, budget=3)
    search(tmp_path / "living", budget=3)
    assert contents(tmp_path / "dying") == contents(tmp_path / "living")
    assert sorted(map(len, asked.values())) == [1, 1, 1, 3, 3, 3]
    with Ledger.open(tmp_path / "dying") as ledger:
        assert [each.kind for each in ledger.lost_runs()] == ["worker died"] * 6
        assert {each.reason for each in ledger.lost_runs()} == {"A worker process was killed."}


def test_a_training_whose_workers_keep_dying_fails(path):
    dies, asked = dying(99)
    evaluator = search(path, function=dies, budget=3, retries=1)
    evaluations, trainings = contents(path)
    assert len(evaluations) == 3
    errors = [each.error for each in trainings.values() if each.key.fold == 1]
    assert errors == ["Tried 2 times. A worker process was killed."] * 3
    assert evaluator.score(evaluations[0].genotype) == -math.inf
    assert max(map(len, asked.values())) == 2


def test_deaths_are_counted_across_restarts(path):
    dies, asked = dying(99)

    def dies_with_its_driver(task):
        with suppress(WorkerDied):
            return dies(task)
        if sum(map(len, asked.values())) == 3:
            raise Cut
        raise WorkerDied("A worker process was killed.")

    with suppress(Cut):
        search(path, function=dies_with_its_driver, budget=1, retries=2)
    with Ledger.open(path) as ledger:
        assert len(ledger.lost_runs()) == 1
    search(path, function=dies_with_its_driver, budget=1, retries=2)
    (failed,) = [each for each in contents(path)[1].values() if each.error]
    assert failed.error == "Tried 3 times. A worker process was killed."


def test_a_training_out_of_memory_is_rerun_alone_before_it_fails(tmp_path):
    mended, asked = dying(1, OutOfMemory, "Memory ran out on cuda.")
    search(tmp_path / "mended", function=mended, budget=2)
    search(tmp_path / "sound", budget=2)
    assert contents(tmp_path / "mended") == contents(tmp_path / "sound")
    assert {tuple(alone) for key, alone in asked.items() if key.fold == 1} == {(False, True)}
    too_large, asked = dying(99, OutOfMemory, "Memory ran out on cuda.")
    search(tmp_path / "failed", function=too_large, budget=1)
    (failed,) = [each for each in contents(tmp_path / "failed")[1].values() if each.error]
    assert failed.error == "Tried 2 times, the last alone on its device. Memory ran out on cuda."


# Racing and work ahead

RACED = Protocol(evaluation=CrossValidationSettings(folds=3, initialisations=3))


def train_truly(task):
    """A score of a network with some noise, so that racing can distinguish networks."""
    worth = hashlib.sha256(str(task.architecture).encode()).digest()[0] / 256
    cell = f"{task.architecture} {task.fold} {task.initialisation}"
    noise = hashlib.sha256(cell.encode()).digest()[0] / 256
    return record(task, score=0.9 * worth + 0.1 * noise)


def raced(path, **options):
    settings = {"function": train_truly, "protocol": RACED, "racing": 0.1, "budget": 12}
    return search(path, **settings | options)


@pytest.mark.parametrize("searcher", [local_search, random_search, bilevel])
def test_racing_drops_networks_but_never_an_accepted_one(tmp_path, searcher):
    raced(tmp_path / "raced", searcher=searcher)
    raced(tmp_path / "whole", searcher=searcher, racing=None)
    evaluations, trainings = contents(tmp_path / "raced")
    in_full, _ = contents(tmp_path / "whole")
    assert evaluations == in_full  # these networks are so far apart that nothing changes
    num_trainings = Counter(key.network for key in trainings)
    assert set(num_trainings.values()) <= {3, 6, 9}
    assert 3 in num_trainings.values()
    incumbents = {each.incumbent.digest for each in evaluations if each.incumbent}
    assert {num_trainings[digest] for digest in incumbents} == {9}


def test_the_searcher_receives_a_lower_score_for_a_dropped_network(path):
    scores = {}

    def overheard(space, rng):
        searcher = local_search(space, rng)
        batch = next(searcher)
        while True:
            told_scores = yield batch
            scores.update(zip(batch.genotypes, told_scores, strict=True))
            batch = searcher.send(told_scores)

    raced(path, searcher=overheard)
    evaluations, trainings = contents(path)
    num_trainings = Counter(key.network for key in trainings)
    dropped = [each for each in evaluations if num_trainings[each.network] < 9]
    heard = [each for each in dropped if each.genotype in scores]  # all but the last batch
    assert heard
    for each in heard:
        assert scores[each.genotype] < scores[each.incumbent]


@pytest.mark.slow
@pytest.mark.parametrize("searcher", [local_search, random_search, bilevel])
@settings(max_examples=8)
@given(
    seed=st.integers(0, 2**32),
    slots=st.integers(1, 40),
    lives=st.lists(st.integers(0, 60), max_size=3),
)
def test_racing_gives_the_same_ledger_for_any_workers_order_and_cuts(searcher, seed, slots, lives):
    with TemporaryDirectory(dir=IN_MEMORY) as directory:
        alone, many = Path(directory, "alone"), Path(directory, "many")
        raced(alone, searcher=searcher)
        rng = np.random.default_rng(seed)
        trained = Counter()
        for life in [*lives, None]:
            counted = itertools.count()

            def mortal(task, counted=counted, life=life):
                if next(counted) == life:
                    raise Cut
                trained[task.key] += 1
                return train_truly(task)

            with suppress(Cut):
                raced(
                    many,
                    searcher=searcher,
                    function=mortal,
                    executor=DrawnExecutor(rng),
                    slots=slots,
                )
        evaluations, trainings = contents(alone)
        also, more = contents(many)
        assert also == evaluations
        assert {key: more[key] for key in trainings} == trainings
        assert max(trained.values()) == 1


@pytest.mark.parametrize("racing", [None, 0.1])
def test_idle_workers_start_what_may_be_asked_for_next(path, racing):
    executor = DrawnExecutor(np.random.default_rng(0))
    raced(path, executor=executor, slots=12, racing=racing)
    early = executor.num_waiting[: len(executor.num_waiting) // 2]  # the budget ends what may come
    assert min(early) >= 11  # one may be missing where a race ends a block
    evaluations, trainings = contents(path)
    assert len(evaluations) == 12
    assert len({key.network for key in trainings}) > 12


def test_idle_workers_at_last_start_all_that_racing_may_need(path):
    executor = DrawnExecutor(np.random.default_rng(0))
    raced(path, executor=executor, slots=1000, searcher=random_search)
    assert executor.num_waiting[0] == 12 * 9


def test_random_search_never_trains_ahead_in_vain(path):
    executor = DrawnExecutor(np.random.default_rng(0))
    search(path, executor=executor, slots=12, searcher=random_search, budget=30)
    evaluations, trainings = contents(path)
    assert {key.network for key in trainings} == {each.network for each in evaluations}
    assert min(executor.num_waiting[:-12]) >= 12


def test_a_programming_error_ends_the_search(path):
    with pytest.raises(ZeroDivisionError):
        search(path, function=lambda _: 1 / 0)
    assert contents(path)[1] == {}


def test_the_ledger_of_another_search_is_refused(path):
    search(path)
    with pytest.raises(StudyError, match=r"Evaluation 1 of the ledger is .* Search into a new"):
        search(path, seed=1)


def test_a_training_of_another_study_is_taken_and_not_run_again(path, tmp_path):
    search(path)
    _, known = contents(path)
    asked = []

    def find_training(key):
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
            WorkerPool(executor=InlineExecutor(), slots=1, train=train_and_tell),
            protocol=PROTOCOL,
            slices=Path("slices"),
            device="cpu",
            initialisations=range(1),
            find_training=find_training,
        )
        drive(
            lambda recorded: local_search(SPACE, np.random.default_rng(0)),
            evaluator,
            ledger,
            budget=budget_of(BUDGET, PROTOCOL),
        )
    evaluations, trainings = contents(other)
    assert evaluations == contents(path)[0]
    assert {key: replace(each, borrowed=False) for key, each in trainings.items()} == known
    assert {key.fold for key, each in trainings.items() if each.borrowed} == {0}
    assert len(asked) == 2 * BUDGET
    assert {key.fold for key in trained} == {1}
    assert len(trained) == BUDGET
