"""nnU-Net trains, predicts and evaluates with the files of mbnas; and refused options."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from mbnas.cli.main import main
from mbnas.data.datasets.dataset import read_dataset
from mbnas.data.images.read import read_label
from mbnas.nnunet.schedule import TRAINERS

nnunetv2 = pytest.importorskip("nnunetv2")

TRAINER = "nnUNetTrainer_1epochs_2iterations"
SCHEDULE = ["--epochs", "1", "--iterations-per-epoch", "2", "--folds", "0", "--device", "cpu"]


def console(folder, command, *arguments):
    """Run a command of nnU-Net with its folders set in the environment."""
    told = {each: str(folder / each) for each in ("nnUNet_raw", "nnUNet_preprocessed")}
    told |= {"nnUNet_results": str(folder / "nnUNet_results"), "nnUNet_extTrainer": str(TRAINERS)}
    told |= {"nnUNet_n_proc_DA": "0", "nnUNet_def_n_proc": "1"}
    script = Path(sys.executable).parent / command
    ended = subprocess.run(
        [script, *arguments], env=os.environ | told, capture_output=True, text=True, timeout=300
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr


@pytest.mark.slow
def test_nnunet_trains_predicts_and_evaluates_a_found_network(
    finished, dataset, tmp_path, capsys, monkeypatch
):
    folder = tmp_path / "nnunet"
    command = ["nnunet", str(finished), str(folder), *SCHEDULE, "--processes", "1", "--json"]
    assert main(command) == 0
    said = json.loads(capsys.readouterr().out)
    assert [each["name"] for each in said["networks"]] == ["Best found", "nnU-Net 2D"]
    assert all(each["error"] is None and each["training_s"] > 0 for each in said["networks"])
    assert said["folds"] == 1
    assert said["patients"] == 2
    assert (folder / "comparison/table.md").read_text().startswith("# nnU-Net head to head")

    (found,) = (folder / "nnUNet_results/Dataset001_prostatephantom").glob("*_mbnas_*")
    _, plans, _ = found.name.split("__")
    weights = found / "fold_0/checkpoint_final.pth"
    trained_at = weights.stat().st_mtime_ns
    assert main(command) == 0
    capsys.readouterr()
    assert weights.stat().st_mtime_ns == trained_at

    raw = folder / "nnUNet_raw/Dataset001_prostatephantom"
    predicted = tmp_path / "predicted"
    which = ["-d", "1", "-c", "2d", "-tr", TRAINER, "-p", plans, "-device", "cpu"]
    console(
        folder,
        "nnUNetv2_predict",
        *("-i", str(raw / "imagesTr"), "-o", str(predicted), "-f", "0", *which),
        *("--disable_tta", "-npp", "1", "-nps", "1"),
    )
    for case in read_dataset(dataset).cases:
        labels, geometry = read_label(predicted / f"{case.name}.nii.gz")
        reference, expected = read_label(case.label)
        assert geometry.is_stored_as(expected)
        assert labels.shape == reference.shape
        assert set(np.unique(labels)) <= {0, 1, 2}
    console(
        folder,
        "nnUNetv2_evaluate_folder",
        *(str(raw / "labelsTr"), str(predicted), "-djfile", str(raw / "dataset.json")),
        *("-pfile", str(found / "plans.json"), "-np", "1"),
    )
    summary = json.loads((predicted / "summary.json").read_text())
    assert len(summary["metric_per_case"]) == 4

    monkeypatch.setenv("nnUNet_preprocessed", str(folder / "nnUNet_preprocessed"))
    text = "0vgg3-1dense3-0inception3"
    name = "Dataset001_prostatephantom"
    assert main(["export", text, "--to", "nnunet", name, "--base-channels", "4"]) == 0
    written = Path(capsys.readouterr().out.strip())
    console(
        folder,
        "nnUNetv2_train",
        *(name, "2d", "1", "-p", written.stem, "-tr", TRAINER, "-device", "cpu"),
    )


def test_a_study_is_exported_with_its_best_network_and_base_channels(finished, tmp_path, capsys):
    plans = {
        "plans_name": "nnUNetPlans",
        "configurations": {"2d": {"architecture": {"arch_kwargs": {"strides": [[1, 1]] * 3}}}},
    }
    (tmp_path / "nnUNetPlans.json").write_text(json.dumps(plans))
    assert main(["export", str(finished), "--to", "nnunet", str(tmp_path)]) == 0
    written = Path(capsys.readouterr().out.strip())
    assert written.parent == tmp_path
    assert written.stem.endswith("_base4")


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--folds", "2"], "must be numbers from 0 to 1"),
        (["--folds", "one"], "must be numbers from 0 to 1"),
        (["--epochs", "0"], "--epochs (=0) must be 1 or more"),
        (["--network", "unet"], "is not a genotype"),
        (["--network", "9vgg3"], "levels change by at most 1"),
        (["--network", "0dense3", "--base-channels", "6"], "must be divisible by 4"),
    ],
)
def test_invalid_options_are_refused_before_anything_is_written(
    finished, tmp_path, capsys, options, sentence
):
    assert main(["nnunet", str(finished), str(tmp_path / "nnunet"), *options]) == 2
    assert sentence in capsys.readouterr().err
    assert not (tmp_path / "nnunet").exists()


def test_a_directory_with_other_files_is_refused_before_anything_is_made(
    finished, tmp_path, capsys
):
    study = shutil.copytree(finished, tmp_path / "study")
    (tmp_path / "other").mkdir()
    (tmp_path / "other/notes.txt").touch()
    before = sorted(tmp_path.rglob("*"))
    for folder in (study, tmp_path / "other"):
        first = min(each.name for each in folder.iterdir() if each.name != ".lock")
        assert main(["nnunet", str(study), str(folder), *SCHEDULE]) == 1
        assert f"{folder} has other files (such as {first}): name" in capsys.readouterr().err
    assert sorted(tmp_path.rglob("*")) == before


def test_a_comparison_that_cannot_be_written_is_refused_before_nnunet_runs(
    finished, tmp_path, capsys
):
    for name in ("study.json", "comparison"):
        (tmp_path / name).write_text("{}")
    assert main(["nnunet", str(finished), str(tmp_path), *SCHEDULE]) == 1
    assert "comparison cannot be written: there is a file in place" in capsys.readouterr().err


def test_without_nnunet_the_message_says_what_to_install(finished, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("mbnas.nnunet.commands.find_spec", lambda name: None)
    assert main(["nnunet", str(finished), str(tmp_path / "nnunet")]) == 1
    assert "pip install 'mbnas[nnunet]'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("what", "sentence"),
    [
        (["unet"], "nnU-Net plans hold only genotypes"),
        (["0vgg3", "--network", "0vgg3"], "chooses a network of a study"),
        (["0dense3", "--base-channels", "6"], "must be divisible by 4"),
    ],
)
def test_networks_that_cannot_be_exported_are_refused(tmp_path, capsys, what, sentence):
    first, *options = what
    assert main(["export", first, "--to", "nnunet", str(tmp_path), *options]) == 2
    assert sentence in capsys.readouterr().err
