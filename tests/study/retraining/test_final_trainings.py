"""Final trainings: their settings, and lost runs."""

import os
import signal
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path

import pytest

from mbnas.errors import ConfigurationError, OutOfMemory, StudyError, TrainingError, WorkerDied
from mbnas.network.architecture import OwnNetwork
from mbnas.space.genotype import Genotype
from mbnas.study.configuration_layers import build
from mbnas.study.drive.rerun_policy import RerunPolicy
from mbnas.study.pool.worker_pool import WorkerPool
from mbnas.study.retraining.final_plan import final_configuration
from mbnas.study.retraining.final_trainings import run_final_trainings
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


def test_settings_asked_for_replace_the_defaults():
    asked = {"training": {"epochs": 7, "loss": "dice"}, "preparation": {"slice_size": 192}}
    found = final_configuration(STUDY, NETWORK, asked)
    assert (found.training.epochs, found.training.loss) == (7, "dice")
    assert found.preparation.slice_size == 192
    with pytest.raises(ConfigurationError, match="data cannot be set"):
        final_configuration(STUDY, NETWORK, {"data": {"max_patients": 3}})


@pytest.mark.parametrize(
    ("run", "told"),
    [
        ({"device": "quux"}, r"run\.device \(='quux'\) is not a device"),
        ({"device": "cuda:99"}, r"run\.device \(='cuda:99'\) is not on this machine"),
        ({"log": "wandb"}, r"run\.log \(=wandb\) cannot be set for a final training"),
    ],
)
def test_where_it_cannot_run_is_refused(run, told):
    with pytest.raises(ConfigurationError, match=told):
        final_configuration(STUDY, NETWORK, {"run": run})


def test_a_study_with_a_live_log_has_final_trainings():
    logged = replace(STUDY, run=replace(STUDY.run, log="wandb"))
    assert final_configuration(logged, NETWORK, {}).run == logged.run


def test_an_automatic_device_is_found():
    auto = final_configuration(STUDY, NETWORK, {"run": {"device": "auto"}})
    assert auto.run.device in ("cpu", "cuda")


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


def dies_once(task):
    """Kill the worker of a training the first time."""
    mark = task.weights.with_suffix(".died")
    if not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    Path(task.weights).touch()


def dies(task):
    os.kill(os.getpid(), signal.SIGKILL)


def run(monkeypatch, train, tasks):
    monkeypatch.syspath_prepend(Path(__file__).parents[3])  # workers import these functions
    with ProcessExecutor(2) as executor:
        worker_pool = WorkerPool(executor=executor, slots=2)
        run_final_trainings(tasks, worker_pool, policy=RerunPolicy(retries=1), train=train)


def test_a_training_whose_worker_died_is_rerun(tmp_path, monkeypatch):
    tasks = [task_of(tmp_path, fold) for fold in range(2)]
    run(monkeypatch, dies_once, tasks)
    assert all(task.weights.exists() for task in tasks)


def test_a_training_whose_workers_keep_dying_is_an_error(tmp_path, monkeypatch):
    with pytest.raises(StudyError, match=r"1 of 1 final trainings failed: .* to continue"):
        run(monkeypatch, dies, [task_of(tmp_path, 0)])


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
def test_which_lost_runs_are_rerun(tmp_path, outcomes, fails):
    executor = Recorded(outcomes)
    worker_pool = WorkerPool.__new__(WorkerPool)
    object.__setattr__(worker_pool, "executor", executor)
    task = task_of(tmp_path, 0)
    if fails:
        with pytest.raises(StudyError):
            run_final_trainings([task], worker_pool, policy=RerunPolicy(retries=2))
    else:
        run_final_trainings([task], worker_pool, policy=RerunPolicy(retries=2))
    assert not executor.outcomes
    alone = [each.alone for each in executor.tasks]
    assert alone == [isinstance(before, OutOfMemory) for before in [None, *outcomes[:-1]]]
