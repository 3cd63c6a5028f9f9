"""A search that asks for networks from one initialisation, and comes back to the best of them."""

import hashlib
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from mbnas.search.bayesian import choice
from mbnas.search.bayesian.bayesian_search import bayesian_search
from mbnas.search.limit import Budget
from mbnas.space.search_space import Space
from mbnas.study.drive.driver import drive
from mbnas.study.drive.evaluator import Evaluator
from mbnas.study.ledger.ledger import Ledger
from mbnas.study.pool.worker_pool import WorkerPool
from mbnas.training.protocol import CrossValidationSettings, Protocol
from mbnas.training.training_record import TrainingRecord

from .drawn_executor import Cut, DrawnExecutor

SPACE = Space(num_nodes=2, num_levels=2, blocks=("vgg", "dense"))
PROTOCOL = Protocol(evaluation=CrossValidationSettings(folds=2, initialisations=1))
NUM_INITIALISATIONS = 40


def train(task):
    """A noisy score: convolutions of 5 are good."""
    kernels = [node.kernel for node in task.architecture.nodes]
    key = f"{task.architecture} {task.fold} {task.initialisation}"
    noise = hashlib.sha256(key.encode()).digest()[0] / 256 - 0.5
    return TrainingRecord(
        key=task.key,
        score=0.5 + 0.05 * kernels.count(5) + 0.2 * noise,
        wall_s=0.0,
        worker="here",
        started_at="now",
    )


def search(path, *, slots=1, function=train, budget=NUM_INITIALISATIONS, seed=0, workers=None):
    workers = DrawnExecutor(np.random.default_rng(seed)) if workers is None else workers
    pool = WorkerPool(executor=workers, slots=slots, train=function, completions=workers)
    with Ledger.open(path) if path.exists() else Ledger.create(path) as ledger:
        evaluator = Evaluator(
            ledger,
            pool,
            protocol=PROTOCOL,
            slices=Path("slices"),
            device="cpu",
            initialisations=range(1),
            one_by_one=True,
        )
        drive(
            lambda recorded: bayesian_search(
                SPACE, np.random.default_rng(3), None, recorded=recorded
            ),
            evaluator,
            ledger,
            budget=Budget(initialisations=budget, per_network=1),
            speculate="certain",
        )


def contents(path):
    """Everything in a ledger that does not depend on the order of completion."""
    with Ledger.open(path, read_only=True) as ledger:
        trainings = {each.key: each for each in ledger.trainings()}
        return ledger.evaluations(), ledger.proposals(), trainings


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """The ledger of a search that one worker ran without a stop."""
    path = tmp_path_factory.mktemp("alone") / "ledger.sqlite"
    search(path)
    return contents(path)


def test_leaders_are_trained_again_within_the_budget(alone):
    evaluations, proposals, trainings = alone
    most = max(each.initialisations for each in proposals)
    assert most > 1
    assert len(evaluations) < NUM_INITIALISATIONS
    assert len(trainings) == 2 * NUM_INITIALISATIONS  # nothing is trained in vain
    assert {key.initialisation for key in trainings} == set(range(most))


@pytest.mark.parametrize("slots", [2, 4, 8])
def test_the_number_of_workers_makes_no_difference(slots, alone, tmp_path):
    search(tmp_path / "ledger.sqlite", slots=slots, seed=slots)
    assert contents(tmp_path / "ledger.sqlite") == alone


def test_workers_do_not_wait_for_the_next_proposal(alone, tmp_path):
    """While the last trainings of a proposal run, those of the next one have begun."""
    workers = DrawnExecutor()
    search(tmp_path / "ledger.sqlite", slots=4, workers=workers)
    assert contents(tmp_path / "ledger.sqlite") == alone
    assert min(workers.num_waiting[:-4]) >= 4


@pytest.mark.parametrize("life", [1, 17, 40, 63])
def test_a_killed_search_continues_as_if_it_had_not_been(life, alone, tmp_path):
    count = iter(range(life))

    def mortal(task):
        if next(count, None) is None:
            raise Cut
        return train(task)

    with suppress(Cut):
        search(tmp_path / "ledger.sqlite", function=mortal)
    search(tmp_path / "ledger.sqlite", slots=4, seed=life)
    assert contents(tmp_path / "ledger.sqlite") == alone


def test_a_resumed_search_does_not_propose_by_other_digits(alone, tmp_path, monkeypatch):
    """A model fitted by another library differs in its last digits, or more."""
    path = tmp_path / "ledger.sqlite"
    search(path, budget=24)
    before = contents(path)[1]
    monkeypatch.setattr(choice, "_fitted", lambda *_: pytest.fail("the model was fitted again"))
    search(path, budget=24)
    assert contents(path)[1] == before


def test_a_larger_budget_continues_a_smaller_one(alone, tmp_path):
    path = tmp_path / "ledger.sqlite"
    for budget in (9, 23, NUM_INITIALISATIONS):
        search(path, budget=budget)
    evaluations, proposals, trainings = contents(path)
    assert len(trainings) == 2 * NUM_INITIALISATIONS
    assert proposals[0] == alone[1][0]
    assert len(evaluations) == len({each.genotype for each in evaluations})
