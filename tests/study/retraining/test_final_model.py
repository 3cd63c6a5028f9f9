"""Final trainings: what is planned, and workers that die on the way."""

import os
import signal
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path

import pytest

from mbnas.errors import ConfigurationError, OutOfMemory, StudyError, TrainingError, WorkerDied
from mbnas.network.architecture import OwnNetwork
from mbnas.space.genotype import Genotype
from mbnas.study.configuration import build
from mbnas.study.drive.worker_pool import WorkerPool
from mbnas.study.retraining import final_model as final
from mbnas.study.retraining.final_model import FinalPlan, final_configuration
from mbnas.training.final.train_final import FinalTask
from mbnas.training.protocol import Protocol
from mbnas.training.task import TrainingTask
from mbnas.workers.executors import ProcessExecutor

NETWORK = Genotype.parse("0vgg3-1vgg3-0vgg3")
STUDY = build({"dataset": "data", "run": {"device": "cpu"}, "training": {"precision": "float32"}})


def test_a_final_training_is_longer_and_keeps_every_class():
    found = final_configuration(STUDY, NETWORK, {})
    assert found.training.epochs == 2 * STUDY.training.epochs
    assert (found.training.loss, found.training.head_bias) == (
        "dice+cross-entropy",
        "class-frequencies",
    )
    assert replace(found, training=STUDY.training) == STUDY
    own = OwnNetwork(module="lab", attribute="Net", fingerprint="0" * 8)
    assert final_configuration(STUDY, own, {}).training.head_bias == "random"


def test_settings_are_laid_over_that():
    asked = {"training": {"epochs": 7, "loss": "dice"}, "preparation": {"slice_size": 192}}
    found = final_configuration(STUDY, NETWORK, asked)
    assert (found.training.epochs, found.training.loss) == (7, "dice")
    assert found.preparation.slice_size == 192
    with pytest.raises(ConfigurationError, match="data cannot be set"):
        final_configuration(STUDY, NETWORK, {"data": {"max_patients": 3}})


def task_of(folder, fold):
    training = TrainingTask(
        architecture=NETWORK,
        protocol=Protocol(),
        fold=fold,
        initialisation=0,
        slices=folder,
        device="cpu",
    )
    return FinalTask(training=training, class_names=("a",), weights=folder / f"fold{fold}")


def plan_of(**run):
    configuration = replace(STUDY, run=replace(STUDY.run, **run))
    return FinalPlan(network=NETWORK, configuration=configuration)


def dies_once(task):
    """A training that loses its worker the first time."""
    mark = task.weights.with_suffix(".died")
    if not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    Path(task.weights).touch()


def dies(task):
    os.kill(os.getpid(), signal.SIGKILL)


def run(monkeypatch, train, tasks, plan):
    monkeypatch.syspath_prepend(Path(__file__).parents[2])  # workers find what is named here
    monkeypatch.setattr(final, "train_final", train)
    with ProcessExecutor(2) as executor:
        final._run(tasks, WorkerPool(executor=executor, slots=2), plan, lambda: None)


def test_a_training_whose_worker_died_goes_on(tmp_path, monkeypatch):
    tasks = [task_of(tmp_path, fold) for fold in range(2)]
    run(monkeypatch, dies_once, tasks, plan_of(retries=1))
    assert all(task.weights.exists() for task in tasks)


def test_one_whose_workers_keep_dying_is_told(tmp_path, monkeypatch):
    with pytest.raises(StudyError, match=r"1 of 5 final trainings failed: .*goes on"):
        run(monkeypatch, dies, [task_of(tmp_path, 0)], plan_of(retries=1))


class Recorded:
    """An executor that answers each call with the next of some outcomes."""

    def __init__(self, outcomes):
        self.outcomes, self.tasks = list(outcomes), []

    def submit(self, _function, task):
        self.tasks.append(task)
        future, outcome = Future(), self.outcomes.pop(0)
        if outcome is None:
            future.set_result(None)
        else:
            future.set_exception(outcome)
        return future


@pytest.mark.parametrize(
    ("outcomes", "fails"),
    [
        ([OutOfMemory("full"), None], False),
        ([OutOfMemory("full"), OutOfMemory("full")], True),
        ([WorkerDied("gone"), WorkerDied("gone"), None], False),
        ([WorkerDied("gone")] * 3, True),
        ([TrainingError("not finite")], True),
    ],
)
def test_who_is_tried_again(tmp_path, outcomes, fails):
    executor = Recorded(outcomes)
    place = WorkerPool.__new__(WorkerPool)
    object.__setattr__(place, "executor", executor)
    task = task_of(tmp_path, 0)
    if fails:
        with pytest.raises(StudyError):
            final._run([task], place, plan_of(retries=2), lambda: None)
    else:
        final._run([task], place, plan_of(retries=2), lambda: None)
    assert not executor.outcomes
    alone = [each.alone for each in executor.tasks]
    assert alone == [isinstance(before, OutOfMemory) for before in [None, *outcomes[:-1]]]
