"""Plans for a genotype: what changes, what stays, and what nnU-Net makes of them."""

import json
from pathlib import Path

import pytest

from mbnas.errors import NNUNetError
from mbnas.network.interface import Interface
from mbnas.nnunet.plans import export_nnunet, plans_of
from mbnas.space.genotype import Genotype, unet_genotype

SMALL = Genotype.parse("0vgg3-1dense5-0vgg3")


def test_all_but_name_and_architecture_stays(own_plans):
    made = plans_of(unet_genotype(), 8, own_plans)
    theirs, ours = own_plans["configurations"]["2d"], made["configurations"]["2d"]
    assert {key: value for key, value in ours.items() if key != "architecture"} == {
        key: value for key, value in theirs.items() if key != "architecture"
    }
    assert made["dataset_name"] == own_plans["dataset_name"]
    assert list(made["configurations"]) == ["2d"]


@pytest.mark.parametrize(("genotype", "stages"), [(SMALL, 2), (unet_genotype(5), 4)])
def test_resolutions_are_those_that_plans_and_genotype_have(own_plans, genotype, stages):
    made = plans_of(genotype, 8, own_plans)
    arguments = made["configurations"]["2d"]["architecture"]["arch_kwargs"]
    assert arguments["strides"] == [[1, 1], [2, 2], [2, 2], [2, 2]][:stages]


def test_names_differ_with_the_network_and_its_width(own_plans):
    made = [
        plans_of(genotype, base, own_plans)["plans_name"]
        for genotype in (SMALL, unet_genotype())
        for base in (8, 16)
    ]
    assert len(set(made)) == 4
    assert made[0] == f"nnUNetPlans_mbnas_{SMALL.digest[:8]}_base8"


def test_nnunet_builds_the_network_that_plans_name(own_plans):
    pytest.importorskip("nnunetv2")
    from nnunetv2.utilities.plans_handling.plans_handler import PlansManager

    from mbnas.nnunet.plan_costs import build_from_plans

    made = build_from_plans(
        plans_of(SMALL, 8, own_plans), Interface(in_channels=1, num_classes=3, size=32)
    )
    assert str(made.network.genotype) == str(SMALL)
    configuration = PlansManager(plans_of(SMALL, 8, own_plans)).get_configuration("2d")
    assert configuration.data_identifier == "nnUNetPlans_2d"


def test_plans_are_written_beside_the_datasets_own(planned):
    path = export_nnunet(SMALL, base_channels=8, dataset=planned)
    assert path == planned / f"nnUNetPlans_mbnas_{SMALL.digest[:8]}_base8.json"
    assert json.loads(path.read_text())["plans_name"] == path.stem


def test_a_dataset_is_found_by_its_name(planned, monkeypatch):
    monkeypatch.setenv("nnUNet_preprocessed", str(planned.parent))
    path = export_nnunet(SMALL, base_channels=8, dataset=Path(planned.name))
    assert path.parent == planned


def test_other_plans_can_be_followed(planned, own_plans):
    own_plans["plans_name"] = "nnUNetResEncUNetMPlans"
    (planned / "nnUNetResEncUNetMPlans.json").write_text(json.dumps(own_plans))
    path = export_nnunet(SMALL, base_channels=8, dataset=planned, own="nnUNetResEncUNetMPlans")
    assert path.name.startswith("nnUNetResEncUNetMPlans_mbnas_")


def test_a_dataset_that_is_not_there_is_told(monkeypatch, tmp_path):
    monkeypatch.delenv("nnUNet_preprocessed", raising=False)
    with pytest.raises(NNUNetError, match="nnUNet_preprocessed is not set"):
        export_nnunet(SMALL, base_channels=8, dataset=Path("Dataset999_None"))
    monkeypatch.setenv("nnUNet_preprocessed", str(tmp_path))
    with pytest.raises(NNUNetError, match="plan the dataset first"):
        export_nnunet(SMALL, base_channels=8, dataset=Path("Dataset999_None"))


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"configurations": {"3d_fullres": {}}}', "[" * 99999]
)
def test_plans_that_are_none_are_refused_in_words(planned, text):
    (planned / "nnUNetPlans.json").write_text(text)
    with pytest.raises(NNUNetError, match="lan the dataset"):
        export_nnunet(SMALL, base_channels=8, dataset=planned)


def test_a_dataset_without_plans_is_told(planned):
    (planned / "nnUNetPlans.json").unlink()
    with pytest.raises(NNUNetError, match="does not exist"):
        export_nnunet(SMALL, base_channels=8, dataset=planned)
