"""All layouts give the same cases, and an invalid dataset.json is refused."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from mbnas.data.checks.dataset_check import check_dataset
from mbnas.data.datasets.dataset import LabelClass, read_dataset
from mbnas.data.images.file_names import IMAGE_NAMES
from mbnas.data.images.read import read_image, read_label
from mbnas.data.images.write import write_image
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


def test_nnunet_channels_are_listed_in_order_with_missing_ones(nnunet):
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
        ("{}", "has an unknown layout.*It has none"),
    ],
)
def test_json_that_is_not_an_object_is_refused(msd, text, sentence):
    (msd / "dataset.json").write_bytes(text.encode("latin-1"))
    with pytest.raises(DatasetError, match=sentence):
        read_dataset(msd)


MSD_CHANGES = [
    ({"training": {}}, "needs 'training' as a list"),
    ({"training": []}, "has no training cases"),
    ({"training": [{"image": "a.nii"}]}, "needs one 'image', .* 'label' in training 1"),
    ({"training": ["a.nii"]}, "needs one 'image', .* 'label' in training 1"),
    ({"training": [{"image": ["a.nii", 3], "label": "b.nii"}]}, "needs one 'image'"),
    ({"training": [{"image": [], "label": "b.nii"}]}, "needs one 'image'"),
    ({"training": [{"image": r"..\a.nii", "label": "b.nii"}]}, "is outside the dataset"),
    ({"training": [{"image": r"C:\a.nii", "label": "b.nii"}]}, "is outside the dataset"),
    ({"training": [{"image": "../a.nii", "label": "b.nii"}]}, "is outside the dataset"),
    ({"training": [{"image": "a.nii", "label": "/b.nii"}]}, "is outside the dataset"),
    ({"training": [{"image": "a.nii", "label": "b.nii"}] * 2}, "lists the case b more than once"),
    ({"modality": None}, "needs 'modality' as an object"),
    ({"modality": []}, "needs 'modality' as an object"),
    ({"modality": "T2, ADC"}, "needs 'modality' as an object"),
    ({"modality": {"1": "MRI"}}, "numbers its channels"),
    ({"labels": {"0": "background"}}, "declares 0 foreground labels"),
    ({"labels": {"1": "a", "01": "b"}}, "declares 2 foreground labels"),
    ({"labels": {"organ": "tumour"}}, "declares a label by 'organ' and 'tumour'"),
    ({"labels": {"1": "2"}}, "maps '1' to '2' in 'labels', which does not say which"),
    ({"channel_names": {"0": "CT"}}, "names its channels twice: CT in channel_names.* MRI in mod"),
]
NNUNET_CHANGES = [
    ({"file_ending": ".gif"}, "declares file_ending '.gif'"),
    ({"file_ending": None}, "declares file_ending None"),
    ({"labels": {"background": 0, "whole": [1, 2]}}, "needs 'regions_class_order' as a list"),
    ({"labels": {"background": 0, "a": 2, "ignore": 1}}, "declares the label 1 as ignore"),
    ({"labels": {"background": 0, "a": "one"}}, "declares a label by 'a' and 'one'"),
    ({"labels": {"background": 0, "a": True}}, "declares a label by 'a' and 'True'"),
    ({"labels": {"background": 0, "a": -1}}, "declares a label by 'a' and '-1'"),
    ({"labels": {"background": 0, "a": 1.0}}, "declares a label by 'a' and '1.0'"),
    ({"dataset": {}}, "lists its files under 'dataset'"),
]


@pytest.mark.parametrize(("change", "sentence"), MSD_CHANGES)
def test_an_invalid_msd_json_is_refused(msd, change, sentence):
    check_refused(msd, change, sentence)


@pytest.mark.parametrize(("change", "sentence"), NNUNET_CHANGES)
def test_an_invalid_nnunet_json_is_refused(nnunet, change, sentence):
    check_refused(nnunet, change, sentence)


def test_nnunet_folders_must_exist(nnunet):
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


# dialects: a dataset of two channels, written otherwise each time, is read as the same


@pytest.fixture
def two(make_msd, tmp_path):
    """The root of a dataset in Decathlon layout with two channels."""
    return make_msd(tmp_path / "two", channels=("T2", "ADC"))


def facts_of(root):
    return json.loads((root / "dataset.json").read_text())


def change(root, **facts):
    (root / "dataset.json").write_text(json.dumps(facts_of(root) | facts))


def relisted(root, image, label=lambda name: name):
    """List each image and label under another path."""
    listed = [
        {"image": image(each["image"]), "label": label(each["label"])}
        for each in facts_of(root)["training"]
    ]
    change(root, training=listed)


def renamed(root, new):
    """Give case_11 to case_14 other names, in folders and list."""
    for number in range(11, 15):
        for folder in ("imagesTr", "labelsTr"):
            old = root / folder / f"case_{number}.nii.gz"
            old.rename(root / folder / f"{new(number)}.nii.gz")
    relisted(root, *[lambda path: path.replace(path[-14:-7], new(int(path[-9:-7])))] * 2)


def split(root):
    """Write a file for each channel, in place of one with both."""
    for path in sorted((root / "imagesTr").iterdir()):
        image = read_image((path,))
        for channel, voxels in enumerate(image.voxels):
            name = path.name.replace(".nii.gz", f"_{channel:04d}.nii.gz")
            write_image(path.with_name(name), voxels[None], image.geometry.canonical_affine)
        path.unlink()


def as_v2(root, labels=None):
    """Convert it to nnU-Net v2: channel files, and keys of v2 in addition."""
    split(root)
    named = {name: int(value) for value, name in facts_of(root)["labels"].items()}
    names = facts_of(root)["modality"]
    change(root, channel_names=names, file_ending=".nii.gz", labels=labels or named)


def without(root, *keys):
    kept = {key: value for key, value in facts_of(root).items() if key not in keys}
    (root / "dataset.json").write_text(json.dumps(kept))


def v2_alone(root):
    as_v2(root)
    without(root, "modality", "training", "name")


def v2_with_leftovers(root):
    as_v2(root)
    change(root, tensorImageSize="3D", reference="", numTest=0, test=[])


def v2_with_the_labels_of_v1(root):
    as_v2(root, labels=facts_of(root)["labels"])


def v2_of_unsplit_images(root):
    change(root, channel_names=facts_of(root)["modality"], file_ending=".nii.gz")
    without(root, "training")


def v2_keys_in_a_decathlon_dataset(root):
    change(root, channel_names=facts_of(root)["modality"], labels={"front": 1, "back": 2})
    without(root, "modality")


def v1(root):
    split(root)


def v1_that_lists_the_first_channel(root):
    split(root)
    relisted(root, lambda path: path.replace(".nii.gz", "_0000.nii.gz"))


def v1_of_names_that_end_in_four_digits(root):
    renamed(root, lambda number: f"patient_20{number}")
    split(root)


def v2_of_names_that_end_in_four_digits(root):
    renamed(root, lambda number: f"case_00{number}")
    as_v2(root)


def decathlon_names_that_end_in_four_digits(root):
    renamed(root, lambda number: f"case_00{number - 11:02d}")


def decathlon_with_images_as_lists(root):
    split(root)
    relisted(root, lambda path: [path.replace(".nii.gz", f"_000{n}.nii.gz") for n in (0, 1)])


def absolute_paths(root):
    relisted(root, *[lambda path: str((root / path).resolve())] * 2)


def absolute_paths_through_a_link(root):
    shutil.move(root, root.with_name("elsewhere"))
    root.symlink_to(root.with_name("elsewhere"))
    relisted(root, *[lambda path: str(root / path)] * 2)


def backslashes(root):
    relisted(root, *[lambda path: path.replace("/", "\\")] * 2)


def upper_case_suffixes(root):
    as_v2(root)
    for path in (*(root / "imagesTr").iterdir(), *(root / "labelsTr").iterdir()):
        path.rename(path.with_name(path.name.replace(".nii.gz", ".NII.GZ")))


DIALECTS = {
    v2_alone: "nnunet",
    v2_with_leftovers: "nnunet",
    v2_with_the_labels_of_v1: "nnunet",
    v2_of_unsplit_images: "nnunet",
    v2_keys_in_a_decathlon_dataset: "msd",
    v1: "nnunet-v1",
    v1_that_lists_the_first_channel: "nnunet-v1",
    v1_of_names_that_end_in_four_digits: "nnunet-v1",
    v2_of_names_that_end_in_four_digits: "nnunet",
    decathlon_names_that_end_in_four_digits: "msd",
    decathlon_with_images_as_lists: "msd",
    absolute_paths: "msd",
    absolute_paths_through_a_link: "msd",
    backslashes: "msd",
    upper_case_suffixes: "nnunet",
    lambda root: change(root, modality=["T2", "ADC"]): "msd",
    lambda root: change(root, modality={"1": "ADC", "0": "T2"}): "msd",
    lambda root: change(root, labels={"background": 0, "front": 1, "back": "2"}): "msd",
    lambda root: change(root, numTraining=4): "msd",
}


def read_all(root):
    dataset = read_dataset(root)
    voxels = [read_image(case.images).voxels for case in dataset.cases]
    return dataset, voxels, [read_label(case.label)[0] for case in dataset.cases]


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.__name__)
def test_variants_of_dataset_json_are_read(two, dialect):
    before, images, labels = read_all(two)
    dialect(two)
    after, images_now, labels_now = read_all(two)
    assert after.layout == DIALECTS[dialect]
    assert (after.channels, after.classes) == (before.channels, before.classes)
    assert (len(after.cases), after.remarks) == (4, ())
    if after.cases[0].name.startswith("case_1"):
        assert [case.name for case in after.cases] == [case.name for case in before.cases]
    for one, other in zip([*images, *labels], [*images_now, *labels_now], strict=True):
        assert np.array_equal(one, other)
    assert check_dataset(two, num_folds=4).is_sound


def test_a_string_is_the_only_channel(msd):
    change(msd, modality="CT")
    assert read_dataset(msd).channels == ("CT",)


def test_the_first_of_several_channels_may_be_the_only_file(two):
    """An image with both channels in one file, named as nnU-Net names the first of several."""
    for path in sorted((two / "imagesTr").iterdir()):
        path.rename(path.with_name(path.name.replace(".nii.gz", "_0000.nii.gz")))
    relisted(two, lambda path: path.replace(".nii.gz", "_0000.nii.gz"))
    dataset, images, _ = read_all(two)
    assert [len(case.images) for case in dataset.cases] == [1] * 4
    assert [len(image) for image in images] == [2] * 4


def test_missing_and_additional_channels_are_listed(two):
    split(two)
    (two / "imagesTr/case_11_0001.nii.gz").unlink()
    shutil.copy(two / "imagesTr/case_12_0001.nii.gz", two / "imagesTr/case_12_0002.nii.gz")
    cases = read_dataset(two).cases
    assert [len(case.images) for case in cases] == [2, 3, 2, 2]
    assert [path.name for path in cases[0].images] == [
        "case_11_0000.nii.gz",
        "case_11_0001.nii.gz",
    ]
    assert {each.rule for each in check_dataset(two, num_folds=4).findings} == {
        "unreadable-image",
        "channel-count",
    }


def test_absolute_paths_elsewhere_are_refused(msd, tmp_path):
    relisted(msd, *[lambda path: str(Path("/data") / path)] * 2)
    with pytest.raises(DatasetError, match=r"'/data/labelsTr/case_11\.nii\.gz', which is outside"):
        read_dataset(msd)


def test_channels_listed_as_cases_of_one_label_are_refused_with_the_remedy(two):
    split(two)
    listed = [
        {"image": f"imagesTr/case_11_000{channel}.nii.gz", "label": "labelsTr/case_11.nii.gz"}
        for channel in range(2)
    ]
    change(two, training=listed)
    with pytest.raises(DatasetError, match=r"case_11 more than once: .*list a case's channels tog"):
        read_dataset(two)


# what is passed over


def test_images_that_are_not_listed_are_passed_over(msd):
    for name in ("imagesTr/case_15.nii.gz", "imagesTr/case_16.NII", "imagesTr/a.nii.bz2"):
        (msd / name).write_bytes(b"")
    for name in ("imagesTr/._case_11.nii.gz", "imagesTr/notes.txt", "labelsTr/held_out.nii.gz"):
        (msd / name).write_bytes(b"")
    change(msd, numTraining=5, test=["./labelsTr/held_out.nii.gz"])
    dataset = read_dataset(msd)
    assert len(dataset.cases) == 4
    assert {each.file: each.reason for each in dataset.passed_over} == {
        "imagesTr/case_15.nii.gz": "is not listed in dataset.json",
        "imagesTr/case_16.NII": "is not listed in dataset.json",
        "imagesTr/a.nii.bz2": f"is not named {IMAGE_NAMES}",
    }
    assert dataset.num_declared == 5
    number, unlisted, unread = dataset.remarks
    assert "is 5, and there are 4 cases" in number
    assert unlisted == (
        "2 files were passed over: imagesTr/case_15.nii.gz is not listed in dataset.json (so is "
        "imagesTr/case_16.NII)."
    )
    assert unread.startswith("1 file was passed over: imagesTr/a.nii.bz2 is not named .nii")


def test_files_of_no_case_in_nnunet_folders_are_passed_over(nnunet):
    for name in ("patient_2019.nii.gz", "stray.nii.gz", "case_11_0000.nii", "scan.mnc"):
        (nnunet / "imagesTr" / name).write_bytes(b"")
    (nnunet / "labelsTr/case_11.nii").write_bytes(b"")
    dataset = read_dataset(nnunet)
    assert [case.name for case in dataset.cases] == ["case_11", "case_12", "case_13", "case_14"]
    assert [each.file for each in dataset.passed_over] == [
        "imagesTr/case_11_0000.nii",
        "imagesTr/scan.mnc",
        "labelsTr/case_11.nii",
        "imagesTr/patient_2019.nii.gz",
        "imagesTr/stray.nii.gz",
    ]
    assert len(dataset.remarks) == 3


def test_two_files_of_one_case_are_refused(nnunet):
    shutil.copy(nnunet / "labelsTr/case_11.nii.gz", nnunet / "labelsTr/case_11.NII.GZ")
    with pytest.raises(DatasetError, match=r"holds case_11\.NII\.GZ and case_11\.nii\.gz"):
        read_dataset(nnunet)


def test_an_error_about_missing_cases_lists_the_files_passed_over(nnunet):
    for folder in ("imagesTr", "labelsTr"):
        for path in (nnunet / folder).iterdir():
            path.rename(path.with_suffix("").with_suffix(".mnc"))
    with pytest.raises(DatasetError, match=r"no training cases.*imagesTr/case_11_0000\.mnc is not"):
        read_dataset(nnunet)


def declare(root, **facts):
    file = root / "dataset.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | facts))


def test_a_dataset_may_name_its_table_of_patients(nnunet):
    names = [case.name for case in read_dataset(nnunet).cases]
    rows = "\n".join(f"{name},one" for name in names)
    (nnunet / "patients.csv").write_text(f"case,patient\n{rows}\n")
    assert read_dataset(nnunet).patients is None  # a file that is not named is not used
    declare(nnunet, patient_table="patients.csv")
    dataset = read_dataset(nnunet)
    assert dataset.patient_of_case(None, None) == dict.fromkeys(names, "one")
    assert dataset.patient_of_case(".*", None) == {name: name for name in names}
    table = dict.fromkeys(names, "other")
    assert dataset.patient_of_case(None, table) == table


@pytest.mark.parametrize(
    ("table", "sentence"),
    [
        (3, "needs 'patient_table' as the name of a CSV file, not 3"),
        ("absent.csv", "absent.csv cannot be read"),
        ("../patients.csv", "is outside the dataset"),
        ("dataset.json", "needs the columns case and patient"),
    ],
)
def test_a_table_of_patients_that_cannot_be_used_is_refused(nnunet, table, sentence):
    declare(nnunet, patient_table=table)
    with pytest.raises(DatasetError, match=sentence):
        read_dataset(nnunet)
    assert not check_dataset(nnunet, num_folds=2).is_sound
