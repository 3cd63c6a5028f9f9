"""Trainings listed for people: failed ones and reasons."""

import shutil
from dataclasses import replace

import pytest

from mbnas.cli.main import main
from mbnas.study.ledger.ledger import Ledger
from mbnas.training.training_record import LostRunRecord


@pytest.fixture
def listed(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")

    def run(study, *options):
        capsys.readouterr()
        assert main(["trainings", str(study), *options]) == 0
        return capsys.readouterr().out

    return run


def test_a_sound_study_lists_no_training(finished, listed):
    assert "none of 12 trainings failed, and no run was lost." in listed(finished)


def test_all_trainings_are_listed_on_demand(finished, listed):
    lines = listed(finished, "--all").splitlines()
    assert lines[0].rstrip() == "12 trainings"
    assert sum(" cpu " in line for line in lines) == 12


def test_a_study_without_a_training_says_so(finished, listed, tmp_path):
    study = tmp_path / "study"
    study.mkdir()
    shutil.copy(finished / "study.toml", study)
    Ledger.create(study / "ledger.sqlite").close()
    assert listed(study) == f"{study}: no training has ended yet.\n"


def test_failures_are_listed_with_reason_and_sequel(finished, listed, tmp_path):
    study = shutil.copytree(finished, tmp_path / "study")
    with Ledger.open(study / "ledger.sqlite") as ledger:
        record = ledger.trainings(with_epochs=False)[0]
        for kind in ("worker died", "out of memory"):
            ledger.record_lost_run(
                LostRunRecord(
                    key=record.key, kind=kind, reason="It was killed [9].", wall_s=3.0,
                    worker="host:1 cpu", started_at=record.started_at,
                )
            )  # fmt: skip
    said = listed(study)
    assert "none of 12 trainings failed." in said
    assert "2 runs lost" in said
    assert said.count("rerun, scored") == 2
    assert said.count("It was killed [9].") == 1
    with Ledger.open(study / "ledger.sqlite") as ledger:
        key = replace(record.key, initialisation=1000)
        ledger.record_training(replace(record, key=key, score=None, error="Loss [nan]."))
    said = listed(study)
    assert "1 of 13 trainings failed" in said
    assert "Loss [nan]." in said
    assert "--retry-failed" in said


@pytest.mark.parametrize("option", ["--all", "--csv"])
def test_what_lists_trainings_and_what_reruns_them_exclude_each_other(finished, option, capsys):
    assert main(["trainings", str(finished), "--retry-failed", option]) == 2
    assert f"{option} lists trainings, and --retry-failed lists none" in capsys.readouterr().err
