"""Both layouts are read alike, and a dataset.json that cannot be is one sentence."""

import json

import pytest

from mbnas.data.dataset import LabelClass, read_dataset
from mbnas.errors import DatasetError


def test_both_layouts_give_the_same_cases(msd, nnunet):
    one, other = read_dataset(msd), read_dataset(nnunet)
    assert (one.layout, other.layout) == ("msd", "nnunet")
    assert one.name == "Small"
    assert other.name == "nnunet"
    assert one.channels == other.channels == ("MRI",)
    assert one.classes == (LabelClass(value=1, name="front"), LabelClass(value=2, name="back"))
    assert one.classes == other.classes
    names = [case.name for case in one.cases]
    assert names == sorted(names) == [case.name for case in other.cases]
    assert all(
        path.is_file() for dataset in (one, other) for c in dataset.cases for path in c.files
    )


def test_nnunet_channels_are_listed_in_order_and_absent_ones_too(nnunet):
    facts = json.loads((nnunet / "dataset.json").read_text())
    facts["channel_names"] = {"1": "ADC", "0": "T2"}
    (nnunet / "dataset.json").write_text(json.dumps(facts))
    dataset = read_dataset(nnunet)
    assert dataset.channels == ("T2", "ADC")
    images = [path.name for path in dataset.cases[0].images]
    assert images == ["case_11_0000.nii.gz", "case_11_0001.nii.gz"]


def test_a_folder_without_dataset_json_is_refused(tmp_path):
    with pytest.raises(DatasetError, match=r"has no dataset\.json"):
        read_dataset(tmp_path)
    with pytest.raises(DatasetError, match="is not a folder"):
        read_dataset(tmp_path / "absent")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "is not valid JSON"),
        ('{"name": ', "is not valid JSON"),
        ("\x00\xff", "is not valid JSON"),
        ("[" * 100_000, "is not valid JSON"),
        ("[]", "holds a list, not an object"),
        ("{}", "is in no one layout.*It has none"),
    ],
)
def test_text_that_is_no_object_is_refused(msd, text, sentence):
    (msd / "dataset.json").write_bytes(text.encode("latin-1"))
    with pytest.raises(DatasetError, match=sentence):
        read_dataset(msd)


MSD_CHANGES = [
    ({"training": {}}, "needs 'training' as a list"),
    ({"training": []}, "has no training cases"),
    ({"training": [{"image": "a.nii"}]}, "one 'image' and one 'label' in training 1"),
    ({"training": ["a.nii"]}, "one 'image' and one 'label' in training 1"),
    ({"training": [{"image": "../a.nii", "label": "b.nii"}]}, "lies outside the dataset"),
    ({"training": [{"image": "a.nii", "label": "/b.nii"}]}, "lies outside the dataset"),
    ({"training": [{"image": "a.nii", "label": "b.nii"}] * 2}, "lists the case b more than once"),
    ({"modality": None}, "needs 'modality' as an object"),
    ({"modality": ["MRI"]}, "needs 'modality' as an object"),
    ({"modality": {"1": "MRI"}}, "numbers its channels"),
    ({"labels": {"0": "background"}}, "declares 0 foreground labels"),
    ({"labels": {"1": "a", "01": "b"}}, "declares 2 foreground labels"),
    ({"labels": {"organ": 1}}, "names a label 'organ'"),
    ({"channel_names": {"0": "MRI"}}, "is in no one layout"),
]
NNUNET_CHANGES = [
    ({"file_ending": ".png"}, "declares file_ending '.png'"),
    ({"file_ending": None}, "declares file_ending None"),
    ({"labels": {"background": 0, "whole": [1, 2]}}, "as a region of labels"),
    ({"labels": {"background": 0, "a": 1, "ignore": 2}}, "declares an ignore label"),
    ({"labels": {"background": 0, "a": "1"}}, "gives label 'a' the value '1'"),
    ({"labels": {"background": 0, "a": True}}, "gives label 'a' the value True"),
    ({"dataset": {}}, "lists its files under 'dataset'"),
]


@pytest.mark.parametrize(("change", "sentence"), MSD_CHANGES)
def test_an_msd_json_that_cannot_be_is_refused(msd, change, sentence):
    check_refused(msd, change, sentence)


@pytest.mark.parametrize(("change", "sentence"), NNUNET_CHANGES)
def test_an_nnunet_json_that_cannot_be_is_refused(nnunet, change, sentence):
    check_refused(nnunet, change, sentence)


def test_nnunet_folders_must_be_there(nnunet):
    (nnunet / "labelsTr").rename(nnunet / "labels")
    with pytest.raises(DatasetError, match="labelsTr is not a folder"):
        read_dataset(nnunet)


def check_refused(root, change, sentence):
    facts = json.loads((root / "dataset.json").read_text()) | change
    (root / "dataset.json").write_text(json.dumps(facts))
    with pytest.raises(DatasetError, match=sentence) as caught:
        read_dataset(root)
    assert str(root) in str(caught.value)
    assert "\n" not in str(caught.value)
