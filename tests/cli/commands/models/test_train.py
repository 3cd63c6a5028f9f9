"""``mbnas train``: a model, the same model again, and refused options."""

import json
import shutil

import pytest

from mbnas.cli.main import main
from mbnas.prediction.model.members import load_members
from mbnas.prediction.model.model_card import read_card
from mbnas.training.final.learning_curve import read_curve

from ...test_json import documented, keys


@pytest.fixture
def study(finished, tmp_path):
    """A copy of the finished study."""
    return shutil.copytree(finished, tmp_path / "study", symlinks=True)


def train(study, *options):
    return main(["train", str(study), "--epochs", "2", *options])


def test_the_best_network_becomes_a_model(study, capsys):
    assert train(study, "--json") == 0
    told = json.loads(capsys.readouterr().out)
    folder = study / "weights" / "best"
    card = read_card(folder)
    assert keys(told) == documented("train")
    assert told["model"] == str(folder)
    assert [(each.file, each.fold) for each in card.members] == [
        ("fold0.safetensors", 0),
        ("fold1.safetensors", 1),
    ]
    unseen = [set(member.unseen) for member in card.members]
    assert unseen[0].isdisjoint(unseen[1])
    assert len(unseen[0] | unseen[1]) == 4
    assert len(load_members(folder, card, device="cpu")) == 2
    assert card.training["training"]["epochs"] == 2
    assert card.training["training"]["loss"] == "dice+cross-entropy"
    for member, shown in zip(card.members, told["members"], strict=True):
        curve = read_curve((folder / member.file).with_suffix(".csv"))
        assert len(curve) == 2
        assert shown["class_dice"] == list(curve[-1].class_dice)
    assert "<svg" in (folder / "curves.svg").read_text()
    assert {each.name for each in folder.iterdir()} == {
        "final.toml",
        "model.json",
        "curves.svg",
        "fold0.safetensors",
        "fold0.csv",
        "fold1.safetensors",
        "fold1.csv",
    }


def test_the_same_command_trains_nothing_again(study, capsys):
    options = ("--set", "run.executor=inline", "--network", "unet-genotype", "--all-patients")
    assert train(study, *options) == 0
    folder = study / "weights" / "unet-genotype"
    before = {each: each.stat().st_mtime_ns for each in folder.glob("*.safetensors")}
    assert train(study, *options) == 0
    assert {each: each.stat().st_mtime_ns for each in folder.glob("*.safetensors")} == before
    assert [(each.file, each.fold) for each in read_card(folder).members] == [
        ("all.safetensors", None)
    ]
    capsys.readouterr()
    assert train(study, *options[:-1], "--set", "training.batch_size=3") == 1
    error = capsys.readouterr().err
    assert "training.batch_size: 8 in the folder, 3 asked for" in error
    assert "all_patients: True in the folder, False asked for" in error
    assert "--name" in error


def test_larger_slices_are_prepared_next_to_the_search_s(study):
    options = ("--size", "24", "--all-patients", "--set", "run.executor=inline")
    assert train(study, *options, "--name", "large") == 0
    assert read_card(study / "weights" / "large").slice_size == 24
    assert len([each for each in (study / "slices").iterdir() if each.is_dir()]) == 2
    assert main(["status", str(study)]) == 0  # the search is unchanged


@pytest.mark.parametrize(
    ("options", "status", "words"),
    [
        (["--epochs", "0"], 2, "training.epochs (=0) must be 1 or more"),
        (["--name", "../x"], 2, "--name (=../x) must be letters"),
        (["--set", "protocol.folds=3"], 2, "protocol cannot be set for a final training"),
        (["--set", "seed=3"], 2, "seed cannot be set for a final training"),
        (["--network", "0nothing3"], 2, "nothing"),
        (["--executor", "inline", "--workers", "4"], 2, "run.workers (=4) has no effect"),
        (["--set", "run.executor=ray"], 2, "runs on one machine"),
    ],
)
def test_invalid_options_are_refused_with_a_message(study, capsys, options, status, words):
    assert train(study, *options) == status
    error = capsys.readouterr().err
    assert words in error
    assert "Traceback" not in error
    assert not (study / "weights").exists()


def test_a_warmup_longer_than_a_training_starts_no_model(study, capsys):
    assert train(study, "--set", "training.warmup_steps=11") == 2
    assert "training.warmup_steps (=11) must be at most" in capsys.readouterr().err
    assert not (study / "weights").exists()


def test_images_that_half_precision_cannot_hold_start_no_model(study, capsys, monkeypatch):
    monkeypatch.setattr("mbnas.training.loading.half_precision.WORST_ERROR", 0.0)
    assert train(study, "--set", "training.slice_precision=float16") == 2
    error = capsys.readouterr().err
    assert "training.slice_precision (='float16') would round channel 0" in error
    assert not (study / "weights").exists()


def test_a_folder_that_is_not_a_study_is_refused(tmp_path, capsys):
    assert train(tmp_path / "nothing") == 1
    assert "is not a study" in capsys.readouterr().err
