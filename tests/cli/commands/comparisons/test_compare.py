"""Networks retrained on a tiny study: tables, files, and nothing trained twice."""

import csv
import json
import shutil
import sys

import pytest

from mbnas.cli.main import main
from mbnas.report.tables.comparison_files import PATIENT_COLUMNS, TABLE_COLUMNS
from mbnas.space.genotype import unet_genotype
from mbnas.study.ledger.ledger import Ledger

FILES = ["differences.csv", "patients.csv", "statistics.json", "table.csv", "table.md", "table.tex"]
OWN = """
from torch import nn

class Small(nn.Conv2d):
    def __init__(self, *, in_channels, num_classes):
        super().__init__(in_channels, num_classes, 3, padding=1)
"""


def networks(*names):
    return [part for name in names for part in ("--network", name)]


def trained(study):
    with Ledger.open(study / "ledger.sqlite", read_only=True) as ledger:
        return sorted((str(each.key), each.started_at) for each in ledger.trainings())


def rows(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture
def study(finished, tmp_path):
    return shutil.copytree(finished, tmp_path / "study")


def test_the_best_network_and_the_unet_side_by_side(study, capsys):
    asked = ["compare", str(study), "--initialisations", "2", *networks("best", "unet-genotype")]
    assert main(asked) == 0
    printed = capsys.readouterr().out
    for words in ("Best found", "U-Net genotype", "DSC", "HD95", "MACs at", "optimistic"):
        assert words in printed
    assert sorted(each.name for each in (study / "comparison").iterdir()) == FILES
    before = trained(study)
    fresh = [key for key, _ in before if "initialisation 100" in key]
    assert len(fresh) == 2 * 2 * 2
    assert main(asked) == 0
    assert trained(study) == before
    assert capsys.readouterr().out == printed
    assert main([*asked, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [each["name"] for each in found["networks"]] == ["Best found", "U-Net genotype"]
    assert (found["initialisations"], found["paper_tests"]["blocks"]) == (2, 4)
    assert "Best found" in (study / "report.html").read_text()


@pytest.mark.parametrize("more", [(), ("best",)])
def test_one_network_of_two_names_is_no_comparison(study, more, capsys):
    unet = str(unet_genotype(3))
    asked = networks("unet-genotype", unet, *more)
    assert main(["compare", str(study), "--initialisations", "1", *asked]) == 0
    told = f"unet-genotype and {unet} are the same network, so nothing is compared."
    assert (told in " ".join(capsys.readouterr().err.split())) == (not more)


def test_files_have_a_row_for_each_value(study):
    assert main(["compare", str(study), "--initialisations", "1", *networks("best")]) == 0
    table, patients = rows(study / "comparison/table.csv"), rows(study / "comparison/patients.csv")
    assert list(table[0]) == list(TABLE_COLUMNS)
    assert list(patients[0]) == list(PATIENT_COLUMNS)
    assert len(table) == 3 * 3  # metrics × two classes and their mean
    assert len(patients) == 4 * 2  # patients, each validated once, × classes
    mean = sum(float(each["dice"]) for each in patients if each["dice"]) / len(patients)
    (dice,) = [each for each in table if each["metric"] == "dice" and not each["class"]]
    if all(each["dice"] for each in patients):
        assert float(dice["mean"]) == pytest.approx(mean)


def test_a_users_own_network(study, tmp_path, monkeypatch, capsys):
    (tmp_path / "lab_nets.py").write_text(OWN)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "lab_nets", raising=False)
    elsewhere = tmp_path / "tables"
    named = networks("module:lab_nets:Small", "best")
    options = ["--initialisations", "1", "--output", str(elsewhere), *named]
    assert main(["compare", str(study), *options]) == 0
    assert "Small" in capsys.readouterr().out
    assert sorted(each.name for each in elsewhere.iterdir()) == FILES
    assert not (study / "comparison").exists()
    assert "Small" in (elsewhere / "table.md").read_text()


def test_held_out_patients_have_separate_tables(dataset, options, tmp_path, capsys):
    study = tmp_path / "study"
    held_out = ["--set", "protocol.test_fraction=0.25", "--set", "run.executor=inline"]
    searched = ["search", str(dataset), str(study), *options, "--evaluations", "1", *held_out]
    assert main(searched) == 0
    assert main(["compare", str(study), "--initialisations", "1", *networks("best")]) == 0
    assert "Held-out patients" in capsys.readouterr().out
    patients = rows(study / "comparison/patients.csv")
    assert len({each["patient"] for each in patients if each["held_out"] == "True"}) == 1
    assert sum(each["held_out"] == "True" for each in patients) == 2 * 2  # folds × classes
    table = rows(study / "comparison/table.csv")
    assert {each["patients"] for each in table} == {"folds", "held out"}


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--network", "bets"], "bets"),
        (["--network", "smp:Unet:resnet3"], "no encoder 'resnet3'"),
        (["--network", "module:nowhere.at.all:Net"], "nowhere"),
        (["--executor", "inline", "--workers", "4"], "run.workers (=4) has no effect"),
        (["--initialisations", "0"], "--initialisations (=0) must be 1 or more"),
    ],
)
def test_invalid_networks_are_misuse_and_train_nothing(study, options, told, capsys):
    before = trained(study)
    assert main(["compare", str(study), *options]) == 2
    said = capsys.readouterr()
    assert (said.out, said.err.count("\n")) == ("", 1)
    assert told in said.err
    assert trained(study) == before


@pytest.mark.parametrize(
    ("place", "output", "told"),
    [
        ("file", ["--output", "file"], "file cannot be written: there is a file in place"),
        ("study/comparison", [], "comparison cannot be written: there is a file in place"),
        ("study/report.html/a", [], "report.html cannot be written: it is a folder"),
    ],
)
def test_files_that_cannot_be_written_train_nothing(
    place, output, told, study, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    if place.startswith("study/report.html"):
        (study / "report.html").unlink()
        (study / "report.html").mkdir()
    (tmp_path / place).write_text("")
    before = trained(study)
    options = ["--initialisations", "1", *networks("best"), *output]
    assert main(["compare", "study", *options]) == 1
    assert told in capsys.readouterr().err
    assert trained(study) == before
