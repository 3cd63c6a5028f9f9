"""How a study is shown in Weights & Biases."""

import sys
import warnings
from inspect import signature

import pytest

from mbnas.report.live.run_sink import LoggedStudy
from mbnas.report.live.wandb_sink import WandbSink

from .conftest import NETWORKS, name_of
from .fake_wandb import FakeWandb

STUDY = LoggedStudy(name="prostate: a/b", key="0a1b2c3d")
RUN = f"0a1b2c3d-{NETWORKS[0].digest}-fold-0-initialisation-0"


@pytest.fixture
def told():
    return []


@pytest.fixture
def begin(monkeypatch, told):
    """Return a function that puts a stand-in in place of W&B."""

    def begin(**changes):
        wandb = FakeWandb(**changes)
        monkeypatch.setitem(sys.modules, "wandb", wandb)
        return wandb

    return begin


def log_one(study, told, number=1):
    study.ask(number)
    with study.log(WandbSink(study.folder, STUDY, told.append)) as watch:
        study.train(watch, number)


def test_runs_are_in_the_project_and_group_of_the_study(study, begin, told):
    wandb = begin()
    log_one(study, told)
    training, search = wandb.begun
    assert training["project"] == search["project"] == "prostate- a-b"
    assert training["group"] == search["group"] == "prostate: a/b"
    assert (training["job_type"], search["job_type"]) == ("training", "search")
    assert (training["id"], training["name"]) == (RUN, name_of(1))
    assert training["dir"] == search["dir"] == str(study.folder)
    assert training["config"] == {
        "network": "0vgg3",
        "fold": 0,
        "initialisation": 0,
        "evaluation": 1,
    }
    assert told == []


def test_without_a_key_runs_are_kept_and_the_user_is_told(study, begin, told):
    wandb = begin(has_key=False)
    log_one(study, told)
    assert {each["mode"] for each in wandb.begun} == {"offline"}
    (sentence,) = told
    assert str(study.folder / "wandb") in sentence
    assert "wandb sync" in sentence


def test_a_mode_that_the_user_chose_is_kept(study, begin, told):
    wandb = begin(mode="offline", has_key=False)
    log_one(study, told)
    assert ({each["mode"] for each in wandb.begun}, told) == ({"offline"}, [])


def test_nothing_counts_as_written_if_wandb_is_switched_off(study, begin, told):
    begin(mode="disabled")
    log_one(study, told)
    wandb = begin(mode="online")
    with study.log(WandbSink(study.folder, STUDY, told.append)):
        pass
    assert set(wandb.server) == {RUN, "0a1b2c3d-search"}


def test_a_run_that_was_not_sent_whole_is_continued(study, begin, told):
    wandb = begin()
    study.ask(1)
    study.train(None, 1)
    wandb.is_down = True
    with (
        pytest.raises(TimeoutError),
        study.log(WandbSink(study.folder, STUDY, told.append)),
    ):
        pass
    assert wandb.server[RUN].exit_code is None
    wandb.is_down = False
    with study.log(WandbSink(study.folder, STUDY, told.append)):
        pass
    assert [step for step, _ in wandb.server[RUN].history] == [1, 2]
    assert wandb.server[RUN].exit_code == 0


def test_the_list_of_written_runs_may_be_lost(study, begin, told):
    wandb = begin()
    log_one(study, told)
    (study.folder / "wandb/written.txt").unlink()
    log_one(study, told, number=2)
    assert len(wandb.server) == 3
    assert [step for step, _ in wandb.server[RUN].history] == [1, 2]
    assert [step for step, _ in wandb.server["0a1b2c3d-search"].history] == [1, 2]


@pytest.mark.slow
def test_the_package_keeps_runs_below_the_folder_of_logs(study, told, monkeypatch):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        wandb = pytest.importorskip("wandb", reason="needs mbnas[wandb]")
    for name in ("init", "login", "setup"):
        imitated = set(signature(getattr(FakeWandb, name)).parameters) - {"self"}
        assert imitated <= set(signature(getattr(wandb, name)).parameters)
    assert set(signature(FakeWandb().Settings).parameters) <= set(wandb.Settings.model_fields)
    monkeypatch.setenv("WANDB_MODE", "offline")
    log_one(study, told)
    log_one(study, told, number=2)
    kept = sorted(
        file.name.removeprefix("run-0a1b2c3d-").removesuffix(".wandb")
        for file in study.folder.glob("wandb/offline-run-*/*.wandb")
    )
    of_second = f"{NETWORKS[1].digest}-fold-0-initialisation-0"
    first = RUN.removeprefix("0a1b2c3d-")
    assert kept == sorted([first, of_second, "search", "search"])  # that of all points is later
    (file,) = study.folder.glob(f"wandb/offline-run-*/run-{RUN}.wandb")
    for text in (b"validation Dice/peripheral zone", b"learning rate", b"0vgg3", b"score"):
        assert text in file.read_bytes()
    assert told == []
