"""The log for TensorBoard, read back as TensorBoard reads it."""

import math
import sys

import pytest

from mbnas.errors import UsageError
from mbnas.report.live.event_file import check_installed
from mbnas.report.live.tensorboard import TensorBoardLog
from mbnas.search.racing.judge import Judge
from mbnas.space.genotype import Genotype
from mbnas.study.drive.evaluation_request import Progress
from mbnas.study.ledger.ledger import Ledger
from mbnas.study.ledger.snapshot import EvaluationRecord
from mbnas.study.progress.search_status import ScoredNetwork, SearchStatus
from mbnas.training.training_record import EpochRecord, TrainingKey, TrainingRecord

pytest.importorskip("tensorboard")

NETWORKS = [Genotype.parse(f"0vgg{kernel}") for kernel in (3, 5, 7)]


def training(network, score=0.8, fold=0, error=None):
    return TrainingRecord(
        key=TrainingKey(network=network.digest, protocol="p", fold=fold, initialisation=0),
        score=None if error else score,
        error=error,
        wall_s=1.0,
        worker="host:1 cpu",
        started_at="2026-03-01T12:00:00+00:00",
        epochs=(
            EpochRecord(epoch=1, learning_rate=1e-3, loss=math.nan),
            EpochRecord(epoch=2, learning_rate=5e-4, loss=0.5, class_dice=(score, None)),
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
        self.runs = self.folder / "tensorboard"
        self.ledger = Ledger.create(path / "ledger.sqlite")
        for key, value in {"protocol": "p", "budget": "9", "state": "running"}.items():
            self.ledger.set_fact(key, value)

    def log(self):
        return TensorBoardLog(
            self.folder,
            self.ledger,
            class_names=("peripheral zone", "central zone"),
            read_status=lambda: status_of(self.ledger),
        )

    def ask(self, number):
        genotype = NETWORKS[number - 1]
        self.ledger.record_evaluation(
            EvaluationRecord(number=number, genotype=genotype, why="start 1")
        )

    def train(self, log, number, score=0.8, *, complete=True, **changes):
        record = training(NETWORKS[number - 1], score, **changes)
        self.ledger.record_training(record)
        if log is not None:
            network = NETWORKS[number - 1] if complete else None
            log.watch(Progress(done=1, total=1, finished=record, complete=network))

    def folders(self):
        found = self.runs.glob("**/events*")
        return sorted(str(each.parent.relative_to(self.runs)) for each in found)

    def read(self, run):
        """Every curve of a run: its steps and values."""
        from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

        events = EventAccumulator(str(self.runs / run))
        events.Reload()
        return {
            tag: [
                (each.step, pytest.approx(each.value, nan_ok=True)) for each in events.Scalars(tag)
            ]
            for tag in events.Tags()["scalars"]
        }


@pytest.fixture
def study(tmp_path):
    made = Study(tmp_path)
    yield made
    made.ledger.close()


def of(number, *, leaf="fold-0-initialisation-0", asked=True):
    digest = NETWORKS[number - 1].digest
    return f"trainings/network-{f'{number:04d}-' if asked else ''}{digest}/{leaf}"


def test_every_training_is_a_run_with_its_curves(study):
    study.ask(1)
    with study.log() as log:
        study.train(log, 1)
    assert study.folders() == ["search", of(1)]
    assert study.read(of(1)) == {
        "loss": [(1, math.nan), (2, 0.5)],
        "learning rate": [(1, 1e-3), (2, 5e-4)],
        "validation Dice/peripheral zone": [(2, 0.8)],
    }


def test_scores_are_shown_against_evaluations(study):
    with study.log() as log:
        for number, score in enumerate((0.7, 0.9, 0.8), start=1):
            study.ask(number)
            study.train(log, number, score)
    assert study.read("search") == {
        "score": [(1, 0.7), (2, 0.9), (3, 0.8)],
        "best so far": [(1, 0.7), (2, 0.9), (3, 0.9)],
    }


def test_evaluations_are_written_in_order_even_if_a_later_one_ends_first(study):
    study.ask(1)
    study.ask(2)
    with study.log() as log:
        study.train(log, 2, 0.9)
        assert study.folders() == [of(2)]
        study.train(log, 1, 0.7)
    assert study.read("search")["best so far"] == [(1, 0.7), (2, 0.9)]


def test_a_failed_evaluation_has_no_score(study):
    with study.log() as log:
        study.ask(1)
        study.train(log, 1, 0.7)
        study.ask(2)
        study.train(log, 2, error="It was killed.")
    curves = study.read("search")
    assert (curves["score"], curves["best so far"]) == ([(1, 0.7)], [(1, 0.7), (2, 0.7)])
    assert of(2, leaf="fold-0-initialisation-0-failed") in study.folders()


def test_a_search_that_resumes_writes_nothing_twice(study):
    study.ask(1)
    with study.log() as log:
        study.train(log, 1, 0.7)
    written = {each: each.stat().st_mtime_ns for each in study.runs.glob("trainings/*/*/*")}
    with study.log() as log:
        study.ask(2)
        study.train(log, 2, 0.9)
    again = {each: each.stat().st_mtime_ns for each in study.runs.glob("trainings/*/*/*")}
    assert written.items() <= again.items()
    assert study.folders() == ["search", of(1), of(2)]  # each in one file
    assert study.read("search")["score"] == [(1, 0.7), (2, 0.9)]


def test_earlier_records_are_written_when_the_log_is_opened(study):
    study.ask(1)
    study.train(None, 1, 0.7)
    (study.folder / ".writing").mkdir(parents=True)
    (study.folder / ".writing/events.half").touch()
    with study.log():
        pass
    assert study.folders() == ["search", of(1)]
    assert study.read("search")["score"] == [(1, 0.7)]


def test_a_network_trained_ahead_gets_its_number_once_it_is_asked_for(study):
    study.ledger.record_network(NETWORKS[0])
    with study.log() as log:
        study.train(log, 1, 0.7, complete=False)
        assert study.folders() == [of(1, asked=False)]
        study.ask(1)
    assert study.folders() == ["search", of(1)]


def test_the_log_needs_tensorboard(monkeypatch):
    check_installed()
    monkeypatch.setitem(sys.modules, "tensorboard.compat.proto.event_pb2", None)
    with pytest.raises(UsageError, match=r"needs the package tensorboard.*mbnas\[tensorboard\]"):
        check_installed()
