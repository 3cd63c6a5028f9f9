"""Every invalid input is refused with the same message by the check and the preparation."""

import gzip
import json
import struct
from dataclasses import replace

import nibabel as nib
import numpy as np
import pytest

from mbnas.data.checks.dataset_check import check_dataset, patient_findings
from mbnas.data.datasets.dataset import read_dataset
from mbnas.data.datasets.patients import group_by_patient
from mbnas.data.slices.prepare_slices import prepare_slices
from mbnas.data.slices.prepared_slices import PreparationSettings, PreparedSlices
from mbnas.errors import DatasetError

IMAGE, LABEL = "imagesTr/case_12.nii.gz", "labelsTr/case_12.nii.gz"


def replaced(file, content):
    return lambda root: (root / file).write_bytes(content)


def removed(file):
    return lambda root: (root / file).unlink()


def cut(file):
    return lambda root: (root / file).write_bytes((root / file).read_bytes()[:-40])


def rewritten(file, change, affine=None):
    def spoil(root):
        image = nib.load(root / file)
        voxels = change(np.asarray(image.dataobj).copy())
        nib.save(nib.Nifti1Image(voxels, image.affine if affine is None else affine), root / file)

    return spoil


def with_value(value):
    def change(voxels):
        voxels = voxels.astype(np.float32)
        voxels[3, 3, 1] = value
        return voxels

    return change


def redeclared(**facts):
    def spoil(root):
        path = root / "dataset.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | facts))

    return spoil


BAD_INPUT = {
    # what is wrong: (how to make it so, rule, sentence)
    "no dataset.json": (removed("dataset.json"), "dataset-json", r"has no dataset\.json"),
    "malformed json": (replaced("dataset.json", b"{"), "dataset-json", "is not valid JSON"),
    "image absent": (removed(IMAGE), "unreadable-image", rf"{IMAGE} does not exist"),
    "label absent": (removed(LABEL), "unreadable-label", rf"{LABEL} does not exist"),
    "image truncated": (cut(IMAGE), "unreadable-image", rf"{IMAGE} is truncated or damaged"),
    "label truncated": (cut(LABEL), "unreadable-label", rf"{LABEL} is truncated or damaged"),
    "empty file": (replaced(IMAGE, b""), "unreadable-image", rf"{IMAGE} is empty"),
    "not gzip": (replaced(IMAGE, b"something"), "unreadable-image", rf"{IMAGE} is not gzip"),
    "not NIfTI": (
        replaced(LABEL, gzip.compress(b"something")),
        "unreadable-label",
        rf"{LABEL} is not NIfTI",
    ),
    "LFS pointer": (
        replaced(IMAGE, b"version https://git-lfs.github.com/spec/v1\noid sha256:1\nsize 9\n"),
        "unreadable-image",
        rf"{IMAGE} is a Git LFS pointer.*git lfs pull",
    ),
    "other shape": (
        rewritten(LABEL, lambda voxels: voxels[:-1]),
        "shape-mismatch",
        rf"{LABEL} is not on the grid of its image .*{IMAGE}: shape \(7, 5, 9\) against \(8, ",
    ),
    "other affine": (
        rewritten(LABEL, lambda voxels: voxels, np.diag([1.0, 1, 3, 1])),
        "affine-mismatch",
        # The farthest corner is that of indices (-.5, 8.5, -.5): the image has it at
        # (9.5, -5.5, 10.5) mm, the label at (-.5, 8.5, -1.5), which is (10, -14, 12) mm away.
        r"corners up to 21 mm or 12 voxels apart, where 0\.1 voxels are allowed",
    ),
    "label not whole": (
        rewritten(LABEL, with_value(1.5)),
        "label-not-integer",
        rf"{LABEL} holds 1\.5: labels are whole numbers",
    ),
    "label nan": (rewritten(LABEL, with_value(np.nan)), "label-not-integer", "holds nan"),
    "label negative": (rewritten(LABEL, with_value(-1)), "label-undeclared", "holds label -1"),
    "label not declared": (
        rewritten(LABEL, with_value(7)),
        "label-undeclared",
        r"holds label 7, but dataset\.json declares 0, 1, 2",
    ),
    "voxel nan": (
        rewritten(IMAGE, with_value(np.nan)),
        "non-finite",
        "holds 1 voxels that are not",
    ),
    "voxel infinite": (rewritten(IMAGE, with_value(np.inf)), "non-finite", "holds 1 voxels"),
    "voxel too large": (
        rewritten(IMAGE, lambda voxels: voxels.astype(np.float64) * 1e300),
        "non-finite",
        "voxels that are not finite",
    ),
    "more channels": (
        rewritten(IMAGE, lambda voxels: np.stack([voxels, voxels], axis=-1)),
        "channel-count",
        r"Case case_12 has 2 image channels, but dataset\.json declares 1 \(MRI\)",
    ),
    "no foreground": (
        rewritten(LABEL, np.zeros_like),
        "empty-case",
        "Case case_12 has no foreground",
    ),
}


def prepare(root, directory, **options):
    dataset = read_dataset(root)
    patients = group_by_patient([case.name for case in dataset.cases], None, None)
    settings = PreparationSettings(slice_size=8)
    return prepare_slices(dataset, settings, directory, patients=patients, **options)


@pytest.mark.parametrize("channel", ["MRI", "CT"])
@pytest.mark.parametrize("name", BAD_INPUT)
def test_bad_input_is_found_refused_and_leaves_nothing_behind(msd, tmp_path, name, channel):
    spoil, rule, sentence = BAD_INPUT[name]
    redeclared(modality={"0": channel})(msd)
    spoil(msd)
    sentence = sentence.replace("(MRI", f"({channel}").replace(r"\(MRI", rf"\({channel}")
    (finding,) = check_dataset(msd, num_folds=4).findings
    assert (finding.severity, finding.rule) == ("error", rule)
    with pytest.raises(DatasetError, match=sentence) as caught:
        prepare(msd, tmp_path / "study" / "slices")
    assert str(caught.value) == finding.message
    assert "\n" not in finding.message
    assert finding.message.endswith(".")
    assert not (tmp_path / "study" / "slices").exists()


def test_a_sound_dataset_has_no_findings(msd, nnunet):
    done = []
    assert (
        check_dataset(msd, num_folds=4, progress=lambda *counts: done.append(counts)).findings == ()
    )
    assert check_dataset(nnunet, num_folds=4).findings == ()
    assert done == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_all_findings_are_returned_at_once_for_any_number_of_workers(msd, tmp_path):
    for name in ("image truncated", "label not declared"):
        BAD_INPUT[name][0](msd)
    removed("imagesTr/case_14.nii.gz")(msd)
    findings = check_dataset(msd, num_folds=5).findings
    assert [finding.rule for finding in findings] == [
        "too-few-patients",
        "unreadable-image",
        "label-undeclared",
        "unreadable-image",
    ]
    assert findings[0].message == (
        "Fold 4 has no patients: 4 patients cannot fill 5 folds. Set protocol.folds to 4 or fewer."
    )
    assert check_dataset(msd, num_folds=5, workers=2).findings == findings
    removed("labelsTr/case_11.nii.gz")(msd)
    with pytest.raises(DatasetError, match=r"`mbnas check .*` shows this and 1 more\."):
        prepare(msd, tmp_path / "slices")


def test_labels_of_other_number_types_give_the_same_slices(msd, tmp_path):
    """In another order, as floating-point numbers with rounding errors, 5 micrometres away."""
    before = PreparedSlices.open(prepare(msd, tmp_path / "before"))
    for path in (msd / "labelsTr").iterdir():
        label = nib.load(path)
        turned = label.as_reoriented(nib.orientations.axcodes2ornt(("S", "L", "A")))
        assert turned.shape != label.shape
        affine = turned.affine.copy()
        affine[:3, 3] += 0.005
        values = np.asarray(turned.dataobj) * np.float32(1.00002)
        nib.save(nib.Nifti1Image(values, affine), path)
    assert check_dataset(msd, num_folds=4).findings == ()
    after = PreparedSlices.open(prepare(msd, tmp_path / "after"))
    assert after.digest != before.digest
    assert np.array_equal(after.labels, before.labels)
    assert np.array_equal(after.images, before.images)
    for number in range(4):
        assert np.array_equal(after.reference(number), before.reference(number))


def test_a_label_that_is_undeclared_because_of_its_scale_is_explained(msd):
    path = msd / LABEL
    content = bytearray(gzip.decompress(path.read_bytes()))
    struct.pack_into("<2f", content, 112, 2.0, 0.0)  # scl_slope and scl_inter
    path.write_bytes(gzip.compress(content))
    (finding,) = check_dataset(msd, num_folds=4).findings
    assert finding.rule == "label-undeclared"
    assert "holds label 4, but dataset.json declares 0, 1, 2" in finding.message
    assert "by scl_slope 2 and scl_inter 0: if these are the labels, set" in finding.message


def test_cases_without_foreground_can_be_allowed(msd, tmp_path):
    rewritten(LABEL, np.zeros_like)(msd)
    assert check_dataset(msd, num_folds=3, allow_empty_cases=True).findings == ()
    prepare(msd, tmp_path / "slices", allow_empty_cases=True)
    with pytest.raises(DatasetError, match="Case case_12 has no foreground"):
        prepare(msd, tmp_path / "slices")


def test_held_out_patients_are_not_in_the_folds(msd):
    assert check_dataset(msd, num_folds=3, test_fraction=0.25).findings == ()
    (finding,) = check_dataset(msd, num_folds=4, test_fraction=0.25).findings
    assert (finding.severity, finding.rule) == ("error", "too-few-patients")
    assert "(=0.25) holds out 1 of 4 patients, and the 3 left cannot fill 4" in finding.message


def test_with_thirty_patients_or_more_it_is_advised_to_hold_some_out(msd):
    dataset = read_dataset(msd)

    def findings(num_patients, test_fraction):
        cases = tuple(
            replace(dataset.cases[0], name=f"case_{chr(97 + number // 26)}{chr(97 + number % 26)}")
            for number in range(num_patients)
        )
        asked = replace(dataset, cases=cases)
        return patient_findings(asked, 3, None, None, test_fraction=test_fraction)

    assert findings(29, 0.0) == findings(30, 0.1) == []
    (finding,) = findings(30, 0.0)
    assert (finding.severity, finding.rule) == ("advice", "none-held-out")
    assert "None of the 30 patients is held out" in finding.message
    assert "--set protocol.test_fraction=0.2" in finding.message


def test_a_class_that_no_case_has_is_a_warning(msd):
    redeclared(labels={"0": "background", "1": "front", "2": "back", "5": "gone"})(msd)
    (finding,) = check_dataset(msd, num_folds=4).findings
    assert (finding.severity, finding.rule) == ("warning", "class-absent")
    assert "No case holds label 5 (gone)" in finding.message


def test_names_of_one_patient_are_a_warning_unless_grouped(nnunet):
    for folder, ending in (("imagesTr", "_0000.nii.gz"), ("labelsTr", ".nii.gz")):
        for number in range(4):
            new = f"patient{number // 2}_frame{number}"
            (nnunet / folder / f"case_1{number + 1}{ending}").rename(
                nnunet / folder / f"{new}{ending}"
            )
    (finding,) = check_dataset(nnunet, num_folds=2).findings
    assert (finding.severity, finding.rule) == ("warning", "suspicious-names")
    assert finding.message.startswith(
        "patient0_frame0, patient0_frame1 look like one patient's cases, but count as 2 "
        "patients (and 1 more such groups)"
    )
    assert check_dataset(nnunet, num_folds=2, patient_pattern=r"patient\d+").findings == ()
    (finding,) = check_dataset(nnunet, num_folds=2, patient_table={}).findings
    assert finding.rule == "patient-grouping"


def test_missing_and_additional_nnunet_channel_files_are_found(nnunet):
    (nnunet / "imagesTr/case_11_0000.nii.gz").rename(nnunet / "imagesTr/case_11_0001.nii.gz")
    (finding,) = check_dataset(nnunet, num_folds=4).findings
    assert finding.rule == "unreadable-image"
    assert "case_11_0000.nii.gz does not exist" in finding.message
    image = (nnunet / "imagesTr/case_11_0001.nii.gz").read_bytes()
    (nnunet / "imagesTr/case_11_0000.nii.gz").write_bytes(image)
    (finding,) = check_dataset(nnunet, num_folds=4).findings
    assert finding.rule == "channel-count"


def without_label(value, *names):
    """Return a function that removes a label from cases, so that only the others have it."""

    def change(voxels):
        voxels[voxels == value] = 0
        return voxels

    changes = [rewritten(f"labelsTr/{name}.nii.gz", change) for name in names]
    return lambda root: [each(root) for each in changes]


def test_a_class_with_fewer_patients_than_folds_is_a_warning(msd):
    without_label(2, "case_11", "case_12", "case_13")(msd)
    findings = check_dataset(msd, num_folds=2).findings
    assert {(finding.severity, finding.rule) for finding in findings} == {("warning", "class-rare")}
    first, second = (finding.message for finding in findings)
    assert first.startswith("Only 1 patient of the folds has label 2 (back): the trainings of fold")
    assert "no validation patient with it" in second


@pytest.mark.parametrize("seed", range(8))
def test_a_class_with_as_many_patients_as_folds_is_in_all_folds(msd, seed):
    without_label(2, "case_11", "case_13")(msd)
    assert check_dataset(msd, num_folds=2, seed=seed).findings == ()


def test_cases_of_one_patient_count_once_for_a_class(msd):
    without_label(2, "case_13", "case_14")(msd)
    table = {"case_11": "a", "case_12": "a", "case_13": "b", "case_14": "c"}
    findings = check_dataset(msd, num_folds=2, patient_table=table).findings
    assert findings[0].message.startswith("Only 1 patient of the folds has label 2")
