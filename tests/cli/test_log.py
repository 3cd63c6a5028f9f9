"""``--log`` of the commands that train."""

import shutil
import sys
from dataclasses import replace

import pytest

from mbnas.cli.main import main
from mbnas.report.live.study_log import logged_study
from mbnas.study.directory import Study
from mbnas.study.ledger.ledger import Ledger

from ..report.live.fake_wandb import FakeWandb


def runs(study):
    found = (study / "log/tensorboard").glob("**/events*")
    return sorted({str(each.parent.relative_to(study / "log/tensorboard")) for each in found})


@pytest.fixture
def study(finished, tmp_path):
    return shutil.copytree(finished, tmp_path / "study")


def test_a_search_and_a_comparison_are_logged(study, dataset, capsys):
    pytest.importorskip("tensorboard")
    inline = ["--set", "run.executor=inline"]
    more = ["--evaluations", "7", "--log", "tensorboard"]
    assert main(["search", str(dataset), str(study), *inline, *more]) == 0
    searched = runs(study)
    assert searched[0] == "search"
    assert len(searched) == 1 + 7 * 2
    assert searched[1].startswith("trainings/network-0001-")
    compare = ["compare", str(study), "--network", "best", "--initialisations", "1"]
    assert main([*compare, "--log", "tensorboard"]) == 0
    assert len(runs(study)) == 1 + 7 * 2 + 2
    assert sum("initialisation-1000" in each for each in runs(study)) == 2


def test_a_search_is_logged_by_a_service(study, dataset, monkeypatch, capsys):
    wandb = FakeWandb()
    monkeypatch.setitem(sys.modules, "wandb", wandb)
    more = ["--set", "run.executor=inline", "--evaluations", "7", "--log", "wandb"]
    assert main(["search", str(dataset), str(study), *more]) == 0
    assert "warning" not in capsys.readouterr().err
    names = [run.name for run in wandb.server.values()]
    assert len(names) == len(set(names)) == 1 + 7 * 2
    assert {each["project"] for each in wandb.begun} == {"study"}
    compare = ["compare", str(study), "--network", "best", "--initialisations", "1"]
    assert main([*compare, "--log", "wandb"]) == 0
    assert len(wandb.server) == 1 + 7 * 2 + 2


def test_a_service_that_is_down_does_not_end_a_search(study, dataset, monkeypatch, capsys):
    wandb = FakeWandb()
    wandb.is_down = True
    monkeypatch.setitem(sys.modules, "wandb", wandb)
    more = ["--set", "run.executor=inline", "--evaluations", "7", "--log", "wandb"]
    assert main(["search", str(dataset), str(study), *more]) == 0
    printed = capsys.readouterr()
    assert "7 of 7 networks evaluated" in printed.out
    assert printed.err.count("The log to Weights & Biases has stopped") == 1
    assert "Traceback" not in printed.err
    wandb.is_down = False
    assert main(["search", str(dataset), str(study), *more]) == 0
    assert len(wandb.server) == 1 + 7 * 2


@pytest.mark.parametrize("log", ["tensorboard", "wandb", "mlflow"])
def test_without_the_package_nothing_is_started(
    log, dataset, tmp_path, monkeypatch, capsys, options
):
    for name in [each for each in sys.modules if each.partition(".")[0] == log]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, log, None)
    study = tmp_path / "study"
    assert main(["search", str(dataset), str(study), *options, "--log", log]) == 2
    assert capsys.readouterr().err == (
        f"mbnas: --log {log} needs the package {log}, which is not installed: "
        f"pip install 'mbnas[{log}]'.\n"
    )
    assert not study.exists()


def test_a_study_keeps_its_name_and_key_if_it_is_moved_or_goes_on_longer(study, tmp_path):
    def logged_as(path, **search):
        found = Study.open(path)
        configuration = found.configuration
        configuration = replace(configuration, search=replace(configuration.search, **search))
        with Ledger.open(found.ledger, read_only=True) as ledger:
            return logged_study(replace(found, configuration=configuration), ledger)

    before = logged_as(study)
    assert before.name == "study"
    assert logged_as(study, evaluations=99) == before
    assert logged_as(study, searcher="random").key != before.key
    moved = tmp_path / "elsewhere/study"
    shutil.copytree(study, moved)
    assert logged_as(moved) == before


def test_a_part_of_an_experiment_has_the_name_of_the_experiment(study):
    (study / "slices").rename(study.parent / "slices")
    (study / "slices").symlink_to("../slices")
    with Ledger.open(study / "ledger.sqlite", read_only=True) as ledger:
        found = logged_study(Study.open(study), ledger)
    assert found.name == f"{study.parent.name}-study"
