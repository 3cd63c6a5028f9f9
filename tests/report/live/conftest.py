"""A study whose driver writes the ledger, and whose runs are written to a sink."""

import math
from contextlib import contextmanager

import pytest

from mbnas.report.live.run_writer import RunWriter
from mbnas.search.racing.judge import Judge
from mbnas.space.genotype import Genotype
from mbnas.study.drive.evaluation_request import Progress
from mbnas.study.ledger.ledger import Ledger
from mbnas.study.ledger.snapshot import EvaluationRecord
from mbnas.study.progress.search_status import ScoredNetwork, SearchStatus
from mbnas.training.training_record import EpochRecord, TrainingKey, TrainingRecord

CLASSES = ("peripheral zone", "central zone")
NETWORKS = [Genotype.parse(f"0vgg{kernel}") for kernel in (3, 5, 7)]


def training(network, score=0.8, fold=0, error=None, dice=None):
    return TrainingRecord(
        key=TrainingKey(network=network.digest, protocol="p", fold=fold, initialisation=0),
        score=None if error else score,
        error=error,
        wall_s=1.0,
        worker="host:1 cpu",
        started_at="2026-03-01T12:00:00+00:00",
        epochs=(
            EpochRecord(epoch=1, learning_rate=1e-3, loss=math.nan),
            EpochRecord(epoch=2, learning_rate=5e-4, loss=0.5, class_dice=dice or (score, None)),
        ),
    )


def status_of(ledger):
    """The status of a search with one training per network."""
    outcomes = ledger.outcomes()

    def evaluation(record):
        of_network = [each for each in ledger.trainings() if each.key.network == record.network]
        outcome = outcomes[of_network[0].key] if of_network else None
        return ScoredNetwork(
            record=record,
            trainings=tuple(of_network),
            num_trainings=1,
            judgement=Judge(num_folds=1).judge([outcome]),
            parameters=None,
            macs=None,
        )

    evaluations = tuple(map(evaluation, ledger.evaluations()))
    return SearchStatus(budget=9, state="running", evaluations=evaluations)


class Study:
    """A study of one fold whose driver writes ledger and log."""

    def __init__(self, path):
        self.folder = path / "log"
        self.ledger = Ledger.create(path / "ledger.sqlite")
        for key, value in {"protocol": "p", "budget": "9", "state": "running"}.items():
            self.ledger.set_fact(key, value)

    def writer(self, sink, class_names=CLASSES):
        return RunWriter(
            sink,
            self.ledger,
            class_names=class_names,
            read_status=lambda: status_of(self.ledger),
        )

    @contextmanager
    def log(self, sink, class_names=CLASSES):
        """What a search does with a log; yields the watch."""
        writer = self.writer(sink, class_names)
        try:
            writer.write_all()
            yield writer.watch
            writer.write_evaluations()
        finally:
            sink.close()

    def ask(self, number):
        genotype = NETWORKS[number - 1]
        self.ledger.record_evaluation(
            EvaluationRecord(number=number, genotype=genotype, why="start 1")
        )

    def train(self, watch, number, score=0.8, *, complete=True, **changes):
        record = training(NETWORKS[number - 1], score, **changes)
        self.ledger.record_training(record)
        if watch is not None:
            network = NETWORKS[number - 1] if complete else None
            watch(Progress(done=1, total=1, finished=record, complete=network))


def name_of(number, *, leaf="fold-0-initialisation-0", asked=True):
    """The name of a training, by the number of its network."""
    digest = NETWORKS[number - 1].digest
    return f"network-{f'{number:04d}-' if asked else ''}{digest}/{leaf}"


@pytest.fixture
def study(tmp_path):
    made = Study(tmp_path)
    yield made
    made.ledger.close()
