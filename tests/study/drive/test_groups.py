"""Fused trainings: run in the protocol's groups, recorded separately."""

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest

from mbnas.errors import OutOfMemory, WorkerDied
from mbnas.network.architecture import parse_architecture
from mbnas.search.searcher import Proposal
from mbnas.space.genotype import Genotype
from mbnas.study.drive.evaluator import Evaluator
from mbnas.study.ledger.ledger import Ledger
from mbnas.study.pool.worker_pool import WorkerPool, demand_of
from mbnas.training.protocol import CrossValidationSettings, Protocol, TrainingSettings
from mbnas.training.training_record import TrainingRecord
from mbnas.workers.executors import InlineExecutor

NETWORKS = [Genotype.parse(text) for text in ("0vgg3", "0vgg5", "0dense3")]


def record(task):
    """A score that depends only on the task, as a training's does."""
    digest = hashlib.sha256(f"{task.architecture} {task.fold} {task.initialisation}".encode())
    score = digest.digest()[0] / 256
    return TrainingRecord(
        key=task.key, score=score, error=None, wall_s=1.0, worker="here", started_at="now"
    )


class Trainer:
    """Runs trainings that cost nothing, and records which were fused."""

    def __init__(self, trouble=()):
        self.ran = []
        self.trouble = list(trouble)

    def train(self, task):
        return self.train_together((task,))[0]

    def train_together(self, tasks):
        self.ran.append([(each.fold, each.initialisation, each.alone) for each in tasks])
        if self.trouble:
            raise self.trouble.pop(0)
        return tuple(map(record, tasks))


def evaluator_of(ledger, trainer, fused, **options):
    """An evaluator of two folds and two initialisations."""
    worker_pool = WorkerPool(
        executor=InlineExecutor(),
        slots=1,
        train=trainer.train,
        train_together=trainer.train_together,
    )
    return Evaluator(
        ledger,
        worker_pool,
        protocol=Protocol(
            evaluation=CrossValidationSettings(folds=2, initialisations=2),
            training=TrainingSettings(fused=fused, precision="float32", step="eager"),
        ),
        slices=Path("slices"),
        device="cpu",
        initialisations=range(2),
        **options,
    )


@pytest.fixture
def ledger(tmp_path):
    with Ledger.create(tmp_path / "ledger.sqlite") as opened:
        yield opened


@pytest.mark.parametrize(
    ("fused", "expected"),
    [
        ("off", [[(0, 0)], [(1, 0)], [(0, 1)], [(1, 1)]]),
        ("folds", [[(0, 0), (1, 0)], [(0, 1), (1, 1)]]),
        ("all", [[(0, 0), (1, 0), (0, 1), (1, 1)]]),
    ],
)
def test_the_protocol_decides_which_trainings_are_fused(ledger, fused, expected):
    trainer = Trainer()
    evaluator = evaluator_of(ledger, trainer, fused)
    evaluator.train(NETWORKS)
    ran = [[each[:2] for each in group] for group in trainer.ran]
    assert ran == expected * len(NETWORKS)
    assert len(ledger.trainings()) == 4 * len(NETWORKS)
    scores = [record(task).score for task in evaluator.tasks.all(NETWORKS[0])]
    assert evaluator.score(NETWORKS[0]) == pytest.approx(sum(scores) / 4)


def test_other_networks_are_not_fused(ledger):
    trainer = Trainer()
    evaluator_of(ledger, trainer, "all").train([parse_architecture("unet")])
    assert [len(group) for group in trainer.ran] == [1, 1, 1, 1]


def test_a_group_with_known_trainings_runs_whole_and_records_the_others(ledger):
    first = evaluator_of(ledger, Trainer(), "folds")
    task = first.tasks.all(NETWORKS[0])[1]
    ledger.record_network(task.architecture)
    ledger.record_training(replace(record(task), worker="there"))
    trainer = Trainer()
    evaluator_of(ledger, trainer, "folds").train(NETWORKS[:1])
    assert [len(group) for group in trainer.ran] == [2, 2]
    workers = {(each.key.fold, each.key.initialisation): each.worker for each in ledger.trainings()}
    assert workers == {(0, 0): "here", (1, 0): "there", (0, 1): "here", (1, 1): "here"}


def test_a_group_whose_worker_died_is_rerun_whole(ledger):
    trainer = Trainer([WorkerDied("It died.")])
    evaluator_of(ledger, trainer, "folds").train(NETWORKS[:1])
    assert [len(group) for group in trainer.ran] == [2, 2, 2]
    assert [(each.kind, each.key.fold) for each in ledger.lost_runs()] == [
        ("worker died", 0),
        ("worker died", 1),
    ]
    assert all(each.error is None for each in ledger.trainings())


def test_a_group_out_of_memory_is_rerun_alone_and_then_fails(ledger):
    shortage = OutOfMemory("Memory ran out on cuda.")
    trainer = Trainer([shortage, shortage])
    evaluator = evaluator_of(ledger, trainer, "folds")
    evaluator.train(NETWORKS[:1])
    assert [[each[2] for each in group] for group in trainer.ran] == [
        [False, False],
        [True, True],
        [False, False],
    ]
    failed = [each for each in ledger.trainings() if each.error is not None]
    assert [(each.key.fold, each.key.initialisation) for each in failed] == [(0, 0), (1, 0)]
    assert all("the last alone on its device" in each.error for each in failed)
    assert evaluator.score(NETWORKS[0]) == float("-inf")


def test_memory_is_predicted_for_the_whole_group(ledger):
    asked = []

    def predict_memory(architecture, trainings):
        asked.append(trainings)
        return 100 + 10 * trainings

    evaluator = evaluator_of(ledger, Trainer(), "all", predict_memory=predict_memory)
    tasks = evaluator.tasks.group(evaluator.tasks.all(NETWORKS[0])[2])
    assert set(asked) == {4}
    assert demand_of(tasks).memory_bytes == 140
    assert not demand_of(tasks).alone
    assert demand_of((*tasks[1:], replace(tasks[0], alone=True))).alone


def test_racing_runs_the_group_of_each_initialisation(ledger):
    trainer = Trainer()
    evaluator = evaluator_of(ledger, trainer, "folds", racing=0.1)
    evaluator.train(NETWORKS[:1])
    evaluator.evaluate(
        Proposal(genotypes=tuple(NETWORKS[1:2]), incumbent=NETWORKS[0], why="a race")
    )
    assert all(
        [each[:2] for each in group] in ([(0, 0), (1, 0)], [(0, 1), (1, 1)])
        for group in trainer.ran
    )
