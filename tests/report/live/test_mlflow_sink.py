"""How a study is shown in MLflow."""

import sys
import warnings
from dataclasses import replace
from inspect import signature

import pytest

from mbnas.report.live.mlflow_sink import PARENT_TAG, RUN_TAG, MlflowSink
from mbnas.report.live.run_sink import LoggedStudy

from .conftest import NETWORKS, name_of, training
from .fake_mlflow import Client, FakeMlflow

STUDY = LoggedStudy(name="prostate", key="0a1b2c3d")


@pytest.fixture
def mlflow(monkeypatch):
    made = FakeMlflow()
    monkeypatch.setitem(sys.modules, "mlflow", made)
    monkeypatch.setitem(sys.modules, "mlflow.entities", made.entities)
    return made


def log_one(study, number=1, **changes):
    study.ask(number)
    with study.log(MlflowSink(study.folder, STUDY)) as watch:
        study.train(watch, number, **changes)


def by_key(mlflow):
    return {each.data.tags[RUN_TAG]: each for each in mlflow.runs.values()}


def key_of(number, failed=""):
    return f"{NETWORKS[number - 1].digest}-fold-0-initialisation-0{failed}"


def test_runs_are_below_that_of_the_study(study, mlflow):
    log_one(study)
    runs = by_key(mlflow)
    assert mlflow.experiments == {"prostate": "1"}
    parent = runs.pop("study").info.run_id
    assert {each.data.tags[PARENT_TAG] for each in runs.values()} == {parent}
    training = runs[key_of(1)]
    assert training.info.run_name == name_of(1)
    assert training.data.params == {
        "network": "0vgg3",
        "fold": "0",
        "initialisation": "0",
        "evaluation": "1",
    }
    assert training.info.end_time - training.info.start_time == 1000


def test_without_an_address_the_store_is_with_the_logs(study, mlflow):
    log_one(study)
    own = study.folder / "mlflow"
    assert mlflow.addresses == [f"sqlite:///{own}/mlflow.db"]
    assert mlflow.artifacts == [(own / "artifacts").as_uri()]
    assert own.is_dir()


def test_an_odd_folder_is_not_taken_for_a_part_of_the_address(study, mlflow):
    study.folder = study.folder / "a?b#c%41"
    log_one(study)
    assert mlflow.addresses[0].endswith("/a%3fb%23c%2541/mlflow/mlflow.db")


def test_an_address_that_the_user_set_is_used(study, mlflow):
    mlflow.is_set = True
    log_one(study)
    assert (mlflow.addresses, mlflow.artifacts) == ([None], [None])
    assert not study.folder.exists()


def test_a_failed_training_is_marked(study, mlflow):
    log_one(study, error="It was killed.")
    run = by_key(mlflow)[key_of(1, "-failed")]
    assert run.info.status == "FAILED"
    assert "killed" not in str(run)  # errors may name patients


def test_what_a_killed_process_was_writing_is_replaced(study, mlflow):
    log_one(study)
    by_key(mlflow)[key_of(1)].info.status = "RUNNING"
    with study.log(MlflowSink(study.folder, STUDY)):
        assert by_key(mlflow)[key_of(1)].info.status == "FINISHED"
    assert len(mlflow.runs) == 3
    assert [each.step for each in by_key(mlflow)[key_of(1)].history if each.key == "loss"] == [1, 2]


def test_the_search_is_written_again_if_its_scores_have_changed(study, mlflow):
    log_one(study, score=0.7)
    before = by_key(mlflow)["search"].info.run_id
    by_key(mlflow)["search"].history[0].value = 0.1  # of a failed training that was withdrawn
    log_one(study, number=2, score=0.9)
    search = by_key(mlflow)["search"]
    assert search.info.run_id != before
    found = [(each.step, each.value) for each in search.history if each.key == "score"]
    assert found == [(1, pytest.approx(0.7)), (2, pytest.approx(0.9))]


def test_two_studies_of_one_name_share_an_experiment_but_no_run(study, mlflow):
    log_one(study)
    other = LoggedStudy(name="prostate", key="4e5f")
    with study.log(MlflowSink(study.folder, other)):
        pass
    assert len(mlflow.experiments) == 1
    assert len(mlflow.runs) == 6


def test_many_epochs_are_sent_in_several_calls(study, mlflow):
    study.ask(1)
    record = training(NETWORKS[0])
    epochs = tuple(replace(record.epochs[-1], epoch=number) for number in range(1, 901))
    study.writer(MlflowSink(study.folder, STUDY)).write(replace(record, epochs=epochs))
    assert len(by_key(mlflow)[key_of(1)].history) == 900 * 3 + 2


@pytest.mark.slow
def test_the_stand_in_has_the_signatures_of_the_package():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        mlflow = pytest.importorskip("mlflow", reason="needs mbnas[mlflow]")
    for name, method in vars(Client).items():
        if not name.startswith("_"):
            real = signature(getattr(mlflow.MlflowClient, name)).parameters
            assert set(signature(method).parameters) <= set(real)
