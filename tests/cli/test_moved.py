"""A dataset or a study that was moved: commands that need the files are given their place."""

import json
import shutil
from dataclasses import replace

import pytest

from mbnas.cli.main import main
from mbnas.data.slices.prepared_slices import Index
from mbnas.study.directory import Study
from mbnas.study.ledger.ledger import Ledger

INLINE = ["--set", "run.executor=inline"]
ONE = ["--network", "0vgg3-1vgg3-1vgg3-0vgg3"]
COMPARE = ["--initialisations", "1", "--executor", "inline", *ONE]
TRAIN = ["--executor", "inline", "--epochs", "1", *ONE]


@pytest.fixture
def moved(finished, dataset, tmp_path):
    """A study whose dataset was moved, and where to."""
    study = shutil.copytree(finished, tmp_path / "study", symlinks=True)
    old, new = tmp_path / "old", shutil.copytree(dataset, tmp_path / "new")
    shutil.copytree(dataset, old)
    assert main(["search", str(old), str(study), *INLINE]) == 0
    assert place_of(study) == [str(old)] * 2
    shutil.rmtree(old)
    return study, new


def place_of(study):
    """Return the dataset's place in study.toml and in the ledger."""
    with Ledger.open(study / "ledger.sqlite", read_only=True) as ledger:
        kept = ledger.facts()["configuration"]
    written = (study / "study.toml").read_text()
    assert kept == written
    return [
        next(line for line in text.splitlines() if line.startswith("dataset =")).split('"')[1]
        for text in (kept, written)
    ]


def test_commands_that_do_not_need_the_dataset_work_without_it(moved, capsys, tmp_path):
    study, _ = moved
    for command in ("status", "report", "trainings", "figures"):
        assert main([command, str(study)]) == 0
    capsys.readouterr()
    assert main(["compare", str(study), *COMPARE]) == 0
    said = capsys.readouterr().err
    assert f"The dataset of {study} is not at {tmp_path / 'old'}: its prepared slices are" in said
    assert "--dataset PLACE" in said
    assert main(["train", str(study), *TRAIN]) == 0
    assert main(["trainings", str(study), "--retry-failed"]) == 0
    assert place_of(study) == [str(tmp_path / "old")] * 2


def test_the_new_place_is_verified_and_remembered(moved, capsys):
    study, new = moved
    before = Study.open(study).configuration
    assert main(["compare", str(study), *COMPARE, "--dataset", str(new)]) == 0
    assert "is not at" not in capsys.readouterr().err
    assert place_of(study) == [str(new)] * 2
    after = Study.open(study).configuration
    assert after == replace(before, dataset=str(new))


def test_the_table_of_patients_may_move_too(dataset, options, tmp_path, capsys):
    old, new, study = tmp_path / "old", tmp_path / "new", tmp_path / "study"
    shutil.copytree(dataset, old)
    names = sorted(path.name.removesuffix(".nii.gz") for path in (old / "labelsTr").iterdir())
    rows = [f"{name},patient {number // 2}" for number, name in enumerate(names)]
    (old / "patients.csv").write_text("\n".join(["case,patient", *rows]))
    table = f'data.patient_table="{old / "patients.csv"}"'
    search = ["search", str(old), str(study), *options, *INLINE, "--evaluations", "1"]
    assert main([*search, "--set", table]) == 0
    old.rename(new)
    assert main(["search", str(new), str(study)]) == 0
    assert place_of(study) == [str(new)] * 2
    table = f'data.patient_table="{new / "patients.csv"}"'
    assert main(["search", str(new), str(study), "--set", table]) == 0
    assert Study.open(study).configuration.data.patient_table == str(new / "patients.csv")
    changed = ["case,patient", *rows[:-1], f"{names[-1]},other"]
    (new / "patients.csv").write_text("\n".join(changed))
    assert main(["search", str(new), str(study)]) == 1
    said = capsys.readouterr().err
    assert f"it gives the case {names[-1]} to another patient" in said


def test_the_table_that_a_dataset_names_moves_with_it(dataset, options, tmp_path):
    old, new, study = tmp_path / "old", tmp_path / "new", tmp_path / "study"
    shutil.copytree(dataset, old)
    names = sorted(path.name.removesuffix(".nii.gz") for path in (old / "labelsTr").iterdir())
    rows = [f"{name},patient {number // 2}" for number, name in enumerate(names)]
    (old / "patients.csv").write_text("\n".join(["case,patient", *rows]))
    facts = json.loads((old / "dataset.json").read_text()) | {"patient_table": "patients.csv"}
    (old / "dataset.json").write_text(json.dumps(facts))
    search = [str(study), *options, *INLINE, "--evaluations", "1"]
    assert main(["search", str(old), *search]) == 0
    (slices,) = Study.open(study).slices.iterdir()
    patients = {volume.patient for volume in Index.read(slices).volumes}
    assert patients == {f"patient {number}" for number in range(len(names) // 2)}
    old.rename(new)
    assert main(["search", str(new), str(study)]) == 0
    assert place_of(study) == [str(new)] * 2


@pytest.mark.parametrize(
    "command",
    [
        ["compare", *COMPARE],
        ["train", *TRAIN],
        ["trainings", "--retry-failed"],
    ],
)
def test_another_dataset_is_refused_with_the_differences(moved, capsys, command):
    study, new = moved
    facts = json.loads((new / "dataset.json").read_text())
    gone = facts["training"].pop()["label"].split("/")[-1].removesuffix(".nii.gz")
    facts["modality"] = {"0": "noNorm"}
    (new / "dataset.json").write_text(json.dumps(facts))
    name, *options = command
    before = place_of(study)
    assert main([name, str(study), *options, "--dataset", str(new)]) == 1
    said = capsys.readouterr().err
    assert f"The dataset {new} is not the one that {study} was begun with: it lacks the" in said
    assert gone in said
    assert "it has the channels noNorm, not " in said
    assert place_of(study) == before
    assert main([name, str(study), *options, "--dataset", str(new / "nowhere")]) == 1
    assert "is not a folder" in capsys.readouterr().err


def test_slices_of_another_size_need_the_dataset(moved, capsys):
    study, new = moved
    larger = ["train", str(study), *TRAIN, "--size", "24", "--name", "larger"]
    assert main(larger) == 1
    said = capsys.readouterr().err
    assert "Slices of 24 pixels are not prepared yet" in said
    assert "Say where it is with --dataset PLACE" in said
    assert main([*larger, "--dataset", str(new)]) == 0
    shutil.rmtree(new)
    assert main(["train", str(study), *TRAIN, "--size", "24", "--name", "again"]) == 0


def test_missing_slices_need_the_dataset(moved, capsys):
    study, new = moved
    shutil.rmtree(study / "slices")
    assert main(["compare", str(study), *COMPARE]) == 1
    assert "its prepared slices are gone too. Say where the dataset is" in capsys.readouterr().err
    assert main(["compare", str(study), *COMPARE, "--dataset", str(new)]) == 0


def test_a_moved_study_is_the_same_study(moved, tmp_path, content):
    study, new = moved
    before = content(study)
    elsewhere = study.rename(tmp_path / "elsewhere")
    assert main(["status", str(elsewhere)]) == 0
    assert main(["figures", str(elsewhere)]) == 0
    assert main(["train", str(elsewhere), *TRAIN]) == 0
    assert main(["search", str(new), str(elsewhere), *INLINE]) == 0
    assert place_of(elsewhere) == [str(new)] * 2
    assert content(elsewhere) == before


def test_a_place_without_effect_is_refused(finished, dataset, capsys):
    assert main(["trainings", str(finished), "--dataset", str(dataset)]) == 2
    assert "--dataset has no effect without --retry-failed" in capsys.readouterr().err
