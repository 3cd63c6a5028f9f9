"""A study whose networks see neighbouring slices, from check to prediction and refused exports."""

import json
import shutil

import nibabel as nib
import numpy as np
import pytest

from mbnas.cli.main import main
from mbnas.prediction.model.model_card import read_card
from mbnas.prediction.model.torch_members import load_network
from mbnas.study.directory import Study
from mbnas.study.ledger.ledger import Ledger

SEEING = ["--set", "preparation.context=1", "--set", "run.executor=inline"]


@pytest.fixture(scope="module")
def study(dataset, options, tmp_path_factory):
    """A finished search of one network that sees a slice on either side."""
    path = tmp_path_factory.mktemp("seeing") / "study"
    assert main(["search", str(dataset), str(path), *options, *SEEING, "--evaluations", "1"]) == 0
    return path


def test_the_check_says_how_far_away_neighbours_are(dataset, capsys):
    assert main(["check", str(dataset), "--set", "preparation.context=2", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)["dataset"]
    assert told["context"] == 2
    distance = told["spacings_mm"]["median"][told["slice_axis"]]
    assert told["slice_distance_mm"] == distance
    assert main(["check", str(dataset), "--set", "preparation.context=2"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert f"also sees the slices at ±{distance:.3g} mm and ±{2 * distance:.3g} mm" in said
    assert main(["check", str(dataset)]) == 0
    assert "also sees" not in capsys.readouterr().out


def test_slices_are_those_of_a_study_without_neighbours(study, finished):
    stored = [[each.name for each in (path / "slices").iterdir()] for path in (study, finished)]
    assert stored[0] == stored[1]
    with (
        Ledger.open(study / "ledger.sqlite", read_only=True) as seeing,
        Ledger.open(finished / "ledger.sqlite", read_only=True) as alone,
    ):
        assert seeing.facts()["data"] == alone.facts()["data"]
        assert seeing.facts()["protocol"] != alone.facts()["protocol"]
        ours, theirs = (
            {each.architecture: each for each in ledger.networks().values()}
            for ledger in (seeing, alone)
        )
    shared = ours.keys() & theirs.keys()
    assert shared
    for network in shared:  # the first cell has more input channels
        assert ours[network].parameters > theirs[network].parameters
        assert ours[network].macs > theirs[network].macs


def test_a_model_is_trained_and_predicts(study, dataset, tmp_path, capsys):
    copy = shutil.copytree(study, tmp_path / "study", symlinks=True)
    command = ["train", str(copy), "--epochs", "1", "--all-patients", "--json"]
    assert main([*command, "--set", "run.executor=inline"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["context"] == 1
    folder = copy / "weights" / "best"
    card = read_card(folder)
    assert (card.context, card.interface.in_channels) == (1, 3 * len(card.channels))
    network = load_network(folder, card, card.members[0])
    assert next(iter(network.parameters())).shape[1] == 3 * len(card.channels)
    (image, *_) = sorted((dataset / "imagesTr").iterdir())
    labels = tmp_path / "labels.nii.gz"
    assert main(["predict", str(copy), str(image), str(labels), "--device", "cpu"]) == 0
    assert nib.load(labels).shape == nib.load(image).shape[:3]
    assert np.isin(np.asarray(nib.load(labels).dataobj), [0, 1, 2]).all()


def test_a_study_goes_on_only_with_its_own_neighbours(study, dataset, options, capsys):
    command = ["search", str(dataset), str(study), *options, *SEEING, "--evaluations", "1"]
    assert main(command) == 0
    capsys.readouterr()
    assert main([*command, "--set", "preparation.context=2"]) != 0
    assert "preparation.context" in capsys.readouterr().err
    assert Study.open(study).configuration.preparation.context == 1


@pytest.mark.parametrize(
    "command", [["export", "STUDY", "--to", "nnunet", "DIR"], ["nnunet", "STUDY", "DIR"]]
)
def test_nnunet_is_refused_with_the_reason(study, tmp_path, capsys, monkeypatch, command):
    from mbnas.cli.commands.comparisons import nnunet

    monkeypatch.setattr(nnunet, "check_installed", lambda: None)
    place = {"STUDY": str(study), "DIR": str(tmp_path / "nnunet")}
    assert main([place.get(each, each) for each in command]) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert "nnU-Net gives a 2D network single slices" in said.err
    assert not (tmp_path / "nnunet").exists()
