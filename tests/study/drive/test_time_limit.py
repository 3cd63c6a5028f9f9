"""Searches whose time is limited, with a clock that only trainings move."""

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mbnas.network.cost.complexity import Complexity
from mbnas.search.confirmation import fewest
from mbnas.search.limit import Budget
from mbnas.search.random_search import random_search
from mbnas.search.settings import SearchSettings
from mbnas.space.genotype import unet_genotype
from mbnas.space.search_space import Space
from mbnas.study.drive.driver import drive
from mbnas.study.drive.evaluator import Evaluator
from mbnas.study.drive.time_limit import MEASURING, TimeLimit, least_hours
from mbnas.study.ledger.ledger import Ledger
from mbnas.study.pool.worker_pool import WorkerPool
from mbnas.training.protocol import CrossValidationSettings, Protocol
from mbnas.training.training_record import TrainingRecord

from .drawn_executor import DrawnExecutor

TRAINING_S = 100.0
COST = Complexity(parameters=1, multiply_accumulates=1, activations=1)
UNET = unet_genotype()
PROTOCOL = Protocol(evaluation=CrossValidationSettings(folds=3, initialisations=1))


class Clock:
    now_s = 1e6

    def __call__(self):
        return self.now_s


def search(
    path,
    hours,
    clock,
    *,
    confirmation=0.0,
    dies_after=None,
    slots=1,
    speculate="nothing",
    cost_of=lambda network: COST,
    error=None,
):
    """Run or resume a random search; return its time limit, and its number of networks."""
    trained = []

    def train(task):
        if len(trained) == dies_after:
            raise KeyboardInterrupt
        wall_s = TRAINING_S * cost_of(task.architecture).activations
        clock.now_s += wall_s
        trained.append(task)
        digest = hashlib.sha256(f"{task.architecture} {task.fold}".encode()).digest()
        return TrainingRecord(
            key=task.key,
            score=None if error else digest[0] / 256,
            error=error,
            wall_s=0.0 if error else wall_s,
            worker="here",
            started_at="now",
        )

    with Ledger.open(path) if path.exists() else Ledger.create(path) as ledger:
        workers = DrawnExecutor()
        limit = TimeLimit(
            ledger,
            SearchSettings(hours=hours, confirmation=confirmation),
            folds=3,
            workers=1,
            cost_of=cost_of,
            clock=clock,
        )
        evaluator = Evaluator(
            ledger,
            WorkerPool(executor=workers, slots=slots, train=train, completions=workers),
            protocol=PROTOCOL,
            slices=Path("slices"),
            device="cpu",
            initialisations=range(1),
        )
        drive(
            lambda recorded: random_search(Space(), np.random.default_rng(0), proposal_size=2),
            evaluator,
            ledger,
            budget=Budget(initialisations=10**6, per_network=1),
            watch=lambda progress: limit.note(progress.trainings.finished),
            speculate=speculate,
            may_begin=limit.may_begin,
        )
        return limit, len(ledger.evaluations())


@pytest.fixture
def path(tmp_path):
    return tmp_path / "ledger.sqlite"


@pytest.mark.parametrize("hours", [0.2, 1.0, 2.0])
def test_it_ends_in_time_and_uses_the_time(path, hours):
    clock = Clock()
    limit, num_networks = search(path, hours, clock)
    network_s = 3 * TRAINING_S  # of a proposal of two, only the first may fit
    assert 0 <= limit.left_s < network_s
    assert num_networks == int(3600 * hours // network_s)


def test_the_share_of_the_confirmation_is_left(path):
    limit, _ = search(path, 2.0, Clock(), confirmation=0.25)
    assert limit.left_s >= 1800
    assert limit.num_confirming([UNET]) == int(limit.left_s / (3 * MEASURING * TRAINING_S)) >= 4


def test_a_short_search_keeps_what_one_leader_needs_and_something_to_spare(path):
    limit, _ = search(path, 1.0, Clock(), confirmation=0.01)
    assert limit.num_confirming([UNET]) >= 5


def test_dear_networks_do_not_take_the_time_that_is_kept(path):
    """Networks take from once to 24 times as long, as their digests say."""

    def cost_of(network):
        times = 1 + hashlib.sha256(str(network).encode()).digest()[0] % 24
        return replace(COST, activations=times)

    limit, num_networks = search(path, 40.0, Clock(), confirmation=0.25, cost_of=cost_of)
    assert num_networks > 10
    assert limit.left_s >= 0.25 * 40 * 3600
    each_s = 3 * MEASURING * TRAINING_S * cost_of(UNET).activations
    assert limit.num_confirming([UNET]) == int(limit.left_s / each_s)


def test_a_search_too_short_to_confirm_uses_its_time(path):
    limit, num_networks = search(path, 0.6, Clock(), confirmation=0.25)
    assert limit.left_s < 3 * TRAINING_S
    assert num_networks == int(0.6 * 3600 // (3 * TRAINING_S))


@pytest.mark.parametrize("share", [0.95, 1.05])
def test_the_shortest_time_that_is_confirmed_is_known_beforehand(path, share):
    settings = SearchSettings(confirmation=0.25)
    shortest = least_hours(settings, TRAINING_S, folds=3, workers=1)
    limit, _ = search(path, share * shortest, Clock(), confirmation=0.25)
    kept_one_leader = limit.num_confirming([UNET]) >= fewest(1)
    assert kept_one_leader == (share > 1)
    assert least_hours(SearchSettings(), TRAINING_S, folds=3, workers=1) == 0


@pytest.mark.parametrize("speculate", ["certain", "possible"])
def test_idle_workers_look_no_further_than_a_proposal_that_is_cut(path, speculate):
    _, num_networks = search(path, 0.75, Clock(), slots=8, speculate=speculate)
    assert num_networks % 2 == 1


def test_a_search_cut_within_a_proposal_continues_with_it(path):
    clock = Clock()
    _, before = search(path, 0.75, clock)  # 2 700 s: four proposals, and half of the fifth
    _, after = search(path, 2.0, clock)
    assert (before, after) == (9, 24)
    search(path.with_name("whole"), 2.0, Clock())
    with Ledger.open(path) as cut, Ledger.open(path.with_name("whole")) as other:
        assert [each.genotype for each in cut.evaluations()] == [
            each.genotype for each in other.evaluations()
        ]


def test_a_killed_search_does_not_get_its_time_again(path):
    clock = Clock()
    with pytest.raises(KeyboardInterrupt):
        search(path, 1.0, clock, dies_after=20)
    clock.now_s += 1e5  # nobody searches meanwhile
    before_s = clock.now_s
    search(path, 1.0, clock)
    assert clock.now_s - before_s == pytest.approx(3600 - 20 * TRAINING_S, abs=6 * TRAINING_S)


def test_more_time_continues_a_search(path):
    clock = Clock()
    _, before = search(path, 1.0, clock)
    _, after = search(path, 2.0, clock)
    assert (before, after) == (12, 24)


def test_the_first_networks_are_trained_however_short_the_time(path):
    _, num_networks = search(path, 0.001, Clock())
    assert num_networks == 2


def test_a_search_ends_in_time_also_if_every_training_fails(path):
    clock = Clock()
    limit, num_networks = search(path, 0.5, clock, confirmation=0.25, error="Its worker died.")
    assert -2 * 3 * TRAINING_S < limit.left_s <= 0
    assert limit.num_confirming([UNET]) == 0
    limit, resumed = search(path, 1.0, clock, confirmation=0.25, error="Its worker died.")
    assert resumed > num_networks
    assert limit.num_confirming([UNET]) == 0


def test_failed_trainings_do_not_say_how_long_one_takes(path):
    clock = Clock()
    search(path, 0.1, clock, error="Its worker died.")
    limit, _ = search(path, 1.0, clock)
    assert limit.speed.training_s(COST) == TRAINING_S
    assert limit.left_s >= 0
