"""The paper's settings for its own datasets: asked for, or recognised and announced."""

import argparse
import json
from dataclasses import replace

import pytest

from mbnas.cli.configuration_options import announce_preset, preset_asked_for
from mbnas.errors import UsageError
from mbnas.study.resolve_study import resolve


@pytest.fixture
def spleen(tmp_path):
    facts = {
        "name": "Spleen",
        "modality": {"0": "CT"},
        "labels": {"0": "background", "1": "spleen"},
        "training": [{"image": "./imagesTr/a.nii.gz", "label": "./labelsTr/a.nii.gz"}],
    }
    (tmp_path / "data").mkdir()
    (tmp_path / "data/dataset.json").write_text(json.dumps(facts))
    return tmp_path / "data"


def asked(dataset, *, preset=None, protocol=None):
    return preset_asked_for(argparse.Namespace(dataset=dataset, preset=preset, protocol=protocol))


def resolved(dataset, protocol, paper_dataset, **options):
    return resolve(
        dataset.parent / "study",
        dataset,
        protocol=protocol,
        default_protocol="quick",
        options=options,
        paper_dataset=paper_dataset,
    )


def test_a_dataset_is_recognised_by_its_name_and_announced(spleen, capsys):
    protocol, paper_dataset = asked(spleen, protocol="paper")
    assert (protocol, paper_dataset) == ("paper", "spleen")
    announce_preset(resolved(spleen, protocol, paper_dataset), paper_dataset)
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err == (
        "mbnas: This is Spleen, a dataset of the paper: each training takes 50 epochs, as in the "
        "paper. Change it with --set training.epochs=N.\n"
    )


def test_a_requested_preset_sets_its_protocol(spleen):
    assert asked(spleen, preset="prostate") == ("paper", "prostate")
    assert resolved(spleen, "paper", "prostate").configuration.training.epochs == 100


def test_a_preset_and_another_protocol_contradict_each_other(spleen):
    with pytest.raises(UsageError, match=r"--preset spleen .* --protocol quick .* leave one"):
        asked(spleen, preset="spleen", protocol="quick")


@pytest.mark.parametrize(
    ("protocol", "options"), [("quick", {}), ("paper", {"training": {"epochs": 3}})]
)
def test_nothing_is_announced_if_nothing_is_set(spleen, protocol, options, capsys):
    announce_preset(resolved(spleen, protocol, "spleen", **options), "spleen")
    assert capsys.readouterr().err == ""


def test_nothing_is_announced_again(spleen, capsys):
    study = resolved(spleen, "paper", "spleen")
    study.path.mkdir()
    study.write_configuration()
    again = resolved(spleen, "paper", "spleen")
    assert again == replace(study, configuration=again.configuration)
    announce_preset(again, "spleen")
    assert capsys.readouterr().err == ""
