"""The paper's settings for its own datasets: asked for, or recognised and announced."""

import json
from dataclasses import replace

import pytest

from mbnas.actions.asked_study import asked_preset, preset_sentence
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
    return asked_preset(dataset, preset=preset, protocol=protocol)


def resolved(dataset, protocol, paper_dataset, **options):
    return resolve(
        dataset.parent / "study",
        dataset,
        protocol=protocol,
        default_protocol="quick",
        options=options,
        paper_dataset=paper_dataset,
    )


def test_a_dataset_is_recognised_by_its_name_and_announced(spleen):
    protocol, paper_dataset = asked(spleen, protocol="paper")
    assert (protocol, paper_dataset) == ("paper", "spleen")
    assert preset_sentence(resolved(spleen, protocol, paper_dataset), paper_dataset) == (
        "This is Spleen, a dataset of the paper: each training takes 50 epochs, as in the "
        "paper. Change it with --set training.epochs=N."
    )


def test_a_requested_preset_sets_its_protocol(spleen):
    assert asked(spleen, preset="prostate") == ("paper", "prostate")
    assert resolved(spleen, "paper", "prostate").configuration.training.epochs == 100


def test_a_preset_and_another_protocol_contradict_each_other(spleen):
    with pytest.raises(UsageError, match=r"--preset spleen .* --protocol quick .* leave one"):
        asked(spleen, preset="spleen", protocol="quick")


def test_an_unknown_preset_is_refused(spleen):
    with pytest.raises(UsageError, match=r"--preset \(=liver\) must be prostate or spleen"):
        asked(spleen, preset="liver")


@pytest.mark.parametrize(
    ("protocol", "options"), [("quick", {}), ("paper", {"training": {"epochs": 3}})]
)
def test_nothing_is_announced_if_nothing_is_set(spleen, protocol, options):
    study = resolved(spleen, protocol, "spleen", **options)
    assert preset_sentence(study, "spleen") is None


def test_nothing_is_announced_again(spleen):
    study = resolved(spleen, "paper", "spleen")
    study.path.mkdir()
    study.write_configuration()
    again = resolved(spleen, "paper", "spleen")
    assert again == replace(study, configuration=again.configuration)
    assert preset_sentence(again, "spleen") is None
