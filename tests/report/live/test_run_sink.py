"""What every sink shows of a study, read back as its users see it."""

import math
import sys
import warnings
from collections import defaultdict

import pytest

from mbnas.errors import UsageError
from mbnas.report.live.mlflow_sink import RUN_TAG, MlflowSink
from mbnas.report.live.run_sink import LoggedStudy, needed_module
from mbnas.report.live.tensorboard_sink import TensorBoardSink
from mbnas.report.live.wandb_sink import WandbSink

from .conftest import name_of
from .fake_mlflow import FakeMlflow
from .fake_wandb import FakeWandb

STUDY = LoggedStudy(name="prostate", key="0a1b2c3d")


def of_metrics(history):
    curves = defaultdict(list)
    for each in history:
        curves[each.key].append((each.step, each.value))
    return dict(curves)


class TensorBoard:
    """Event files, read by TensorBoard itself."""

    has_results = False

    def __init__(self, monkeypatch):
        pytest.importorskip("tensorboard")

    def sink(self, folder):
        return TensorBoardSink(folder)

    def read(self, folder):
        from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

        runs = {}
        for file in (folder / "tensorboard").glob("**/events*"):
            name = str(file.parent.relative_to(folder / "tensorboard")).removeprefix("trainings/")
            assert name not in runs
            events = EventAccumulator(str(file.parent))
            events.Reload()
            runs[name] = {
                tag: [(each.step, each.value) for each in events.Scalars(tag)]
                for tag in events.Tags()["scalars"]
            }
        return runs


class Wandb:
    """A stand-in for W&B that is online."""

    has_results = True
    mode = "online"

    def __init__(self, monkeypatch):
        self.wandb = FakeWandb(mode=self.mode)
        monkeypatch.setitem(sys.modules, "wandb", self.wandb)

    def sink(self, folder):
        return WandbSink(folder, STUDY, tell=pytest.fail)

    def read(self, folder):
        self.wandb.sync()
        assert all(run.exit_code is not None for run in self.wandb.server.values())
        runs = {}
        for run in self.wandb.server.values():
            curves = defaultdict(list)
            for step, values in run.history:
                for tag, value in values.items():
                    curves[tag].append((step, value))
            for tag, value in run.summary.items():
                curves[tag].append((run.history[-1][0], value))
            assert run.name not in runs
            runs[run.name] = dict(curves)
        return runs


class OfflineWandb(Wandb):
    """A stand-in for W&B that is offline, and sends the runs at the end."""

    mode = "offline"


class Mlflow:
    """A stand-in for MLflow."""

    has_results = True

    def __init__(self, monkeypatch):
        self.mlflow = FakeMlflow()
        monkeypatch.setitem(sys.modules, "mlflow", self.mlflow)
        monkeypatch.setitem(sys.modules, "mlflow.entities", self.mlflow.entities)

    def sink(self, folder):
        return MlflowSink(folder, STUDY)

    def read(self, folder):
        runs = {}
        for run in self.mlflow.runs.values():
            assert run.info.status in ("FINISHED", "FAILED")
            assert run.info.run_name not in runs
            runs[run.info.run_name] = of_metrics(run.history)
        assert runs.pop("prostate") == {}
        return runs


class RealMlflow(Mlflow):
    """MLflow with a database in the study's folder of logs."""

    def __init__(self, monkeypatch):
        monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self.mlflow = pytest.importorskip("mlflow", reason="needs mbnas[mlflow]")

    def sink(self, folder):
        with warnings.catch_warnings():  # of MLflow, about what it uses
            warnings.simplefilter("ignore")
            return MlflowSink(folder, STUDY)

    def read(self, folder):
        client = self.mlflow.MlflowClient(tracking_uri=f"sqlite:///{folder}/mlflow/mlflow.db")
        experiment = client.get_experiment_by_name("prostate").experiment_id
        runs, keys = {}, {}
        for run in client.search_runs([experiment]):
            assert run.info.status in ("FINISHED", "FAILED")
            assert run.info.run_name not in runs
            keys[run.info.run_name] = run.data.tags[RUN_TAG]
            runs[run.info.run_name] = of_metrics(
                each
                for tag in run.data.metrics
                for each in client.get_metric_history(run.info.run_id, tag)
            )
        assert keys.pop("prostate") == "study"
        assert runs.pop("prostate") == {}
        return runs


@pytest.fixture(
    params=[
        TensorBoard,
        Wandb,
        OfflineWandb,
        Mlflow,
        pytest.param(RealMlflow, marks=pytest.mark.slow),
    ],
    ids=lambda kind: kind.__name__,
)
def shown(request, monkeypatch):
    return request.param(monkeypatch)


def same(curves):
    return {
        tag: [(step, pytest.approx(value, nan_ok=True)) for step, value in points]
        for tag, points in curves.items()
    }


def test_every_training_is_a_run_with_its_curves(shown, study):
    study.ask(1)
    with study.log(shown.sink(study.folder)) as watch:
        study.train(watch, 1)
    runs = shown.read(study.folder)
    assert set(runs) == {"search", name_of(1)}
    results = {"seconds": [(2, 1.0)], "score": [(2, 0.8)]} if shown.has_results else {}
    assert runs[name_of(1)] == same(
        {
            "loss": [(1, math.nan), (2, 0.5)],
            "learning rate": [(1, 1e-3), (2, 5e-4)],
            "validation Dice/peripheral zone": [(2, 0.8)],
            **results,
        }
    )


def test_scores_are_shown_against_evaluations(shown, study):
    with study.log(shown.sink(study.folder)) as watch:
        for number, score in enumerate((0.7, 0.9, 0.8), start=1):
            study.ask(number)
            study.train(watch, number, score)
    assert shown.read(study.folder)["search"] == same(
        {
            "score": [(1, 0.7), (2, 0.9), (3, 0.8)],
            "best so far": [(1, 0.7), (2, 0.9), (3, 0.9)],
        }
    )


def test_evaluations_are_in_order_even_if_a_later_one_ends_first(shown, study):
    study.ask(1)
    study.ask(2)
    with study.log(shown.sink(study.folder)) as watch:
        study.train(watch, 2, 0.9)
        study.train(watch, 1, 0.7)
    assert shown.read(study.folder)["search"]["best so far"] == same({"": [(1, 0.7), (2, 0.9)]})[""]


def test_a_failed_training_is_a_run_and_its_evaluation_has_no_score(shown, study):
    with study.log(shown.sink(study.folder)) as watch:
        study.ask(1)
        study.train(watch, 1, 0.7)
        study.ask(2)
        study.train(watch, 2, error="It was killed.")
    runs = shown.read(study.folder)
    assert runs["search"] == same({"score": [(1, 0.7)], "best so far": [(1, 0.7), (2, 0.7)]})
    assert name_of(2, leaf="fold-0-initialisation-0-failed") in runs


def test_a_search_that_resumes_neither_repeats_nor_loses_runs(shown, study):
    study.ask(1)
    with study.log(shown.sink(study.folder)) as watch:
        study.train(watch, 1, 0.7)
    with study.log(shown.sink(study.folder)):
        pass  # as a comparison whose trainings are known
    with study.log(shown.sink(study.folder)) as watch:
        study.ask(2)
        study.train(watch, 2, 0.9)
    runs = shown.read(study.folder)
    assert set(runs) == {"search", name_of(1), name_of(2)}
    assert runs["search"] == same(
        {"score": [(1, 0.7), (2, 0.9)], "best so far": [(1, 0.7), (2, 0.9)]}
    )
    assert [step for step, _ in runs[name_of(1)]["loss"]] == [1, 2]


def test_earlier_records_are_written_when_the_log_is_opened(shown, study):
    study.ask(1)
    study.train(None, 1, 0.7)
    with study.log(shown.sink(study.folder)):
        pass
    runs = shown.read(study.folder)
    assert set(runs) == {"search", name_of(1)}
    assert runs["search"]["score"] == same({"": [(1, 0.7)]})[""]


def test_classes_of_any_name_have_curves_of_their_own(shown, study):
    names = ("left/right: 10 % (β)", "left/right: 10 % (γ)\x00\n")
    study.ask(1)
    with study.log(shown.sink(study.folder), class_names=names) as watch:
        study.train(watch, 1, dice=(0.25, 0.75))
    found = shown.read(study.folder)[name_of(1)]
    curves = [each for tag, each in found.items() if tag.startswith("validation Dice/")]
    assert sorted(curves) == [same({"": [(2, value)]})[""] for value in (0.25, 0.75)]


@pytest.mark.parametrize("log", ["tensorboard", "wandb", "mlflow"])
def test_a_log_needs_its_package(log, monkeypatch):
    monkeypatch.setitem(sys.modules, log, None)
    with pytest.raises(UsageError) as caught:
        needed_module(log, log=log)
    assert str(caught.value) == (
        f"--log {log} needs the package {log}, which is not installed: pip install 'mbnas[{log}]'."
    )
