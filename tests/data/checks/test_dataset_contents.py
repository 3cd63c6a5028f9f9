"""The contents of a dataset, compared with brute force over its files."""

import io
import json
import re

import numpy as np
import pytest

from mbnas.cli.main import main
from mbnas.cli.show import check_display
from mbnas.cli.terminal import Terminal
from mbnas.data.augmentation.laterality import decide_flips
from mbnas.data.checks.dataset_check import check_dataset
from mbnas.data.datasets.dataset import read_dataset
from mbnas.data.images.read import read_image, read_label
from mbnas.data.images.write import write_image, write_label


def spoil(root, name, change):
    """Overwrite the image of a case."""
    path = root / f"imagesTr/{name}.nii.gz"
    volume = read_image((path,))
    write_image(path, change(volume.voxels), volume.geometry.canonical_affine)
    label = root / f"labelsTr/{name}.nii.gz"
    labels, geometry = read_label(label)
    write_image(label, labels[None], geometry.canonical_affine)


def test_contents_are_counted(make_msd, tmp_path):
    root = make_msd(tmp_path / "msd", ("CT", "noNorm"))
    contents = check_dataset(root, num_folds=2, patient_pattern=r"case_1[12]|case_").contents
    assert (contents.name, contents.layout) == ("Small", "msd")
    assert (contents.num_cases, contents.num_sound) == (4, 4)
    assert (contents.num_patients, contents.patients_by) == (3, "pattern")
    cases = read_dataset(root).cases
    images = [read_image(case.images).voxels for case in cases]
    labels = [read_label(case.label)[0] for case in cases]
    for number, channel in enumerate(contents.channels):
        assert channel.low == min(image[number].min() for image in images)
        assert channel.high == max(image[number].max() for image in images)
    assert [channel.scheme for channel in contents.channels] == ["CT", "noNorm"]
    assert contents.num_voxels == sum(label.size for label in labels)
    for each, value in zip(contents.classes, (1, 2), strict=True):
        assert each.value == value
        assert each.num_voxels == sum(int((label == value).sum()) for label in labels)
        assert (each.num_cases, each.num_patients) == (4, 3)
    # The file's axes are x, z, y in canonical order, and 4 to 7 voxels lie along its third.
    assert contents.shapes.low == (8, 4, 9)
    assert contents.shapes.median == (8, 5.5, 9)
    assert contents.shapes.high == (8, 7, 9)
    assert contents.spacings_mm.median == (1, 3, 1)
    assert (contents.slices.axis, contents.slices.num_slices) == (1, 4 + 5 + 6 + 7)


def test_a_class_is_counted_in_its_cases(msd):
    path = msd / "labelsTr/case_12.nii.gz"
    labels, geometry = read_label(path)
    write_label(path, np.where(labels == 2, 0, labels), geometry)
    front, back = check_dataset(msd, num_folds=2).contents.classes
    assert (front.num_cases, front.num_patients) == (4, 4)
    assert (back.num_cases, back.num_patients) == (3, 3)


def test_cases_with_errors_are_not_counted(msd):
    before = check_dataset(msd, num_folds=2).contents
    (msd / "labelsTr/case_13.nii.gz").write_bytes(b"")
    check = check_dataset(msd, num_folds=2)
    assert (check.num_errors, check.contents.num_cases, check.contents.num_sound) == (1, 4, 3)
    assert check.contents.num_voxels == before.num_voxels - 8 * 9 * 6
    assert check.contents.shapes == before.shapes  # its image can be read


def test_a_dataset_that_cannot_be_read_has_no_contents(msd):
    (msd / "dataset.json").write_text("{")
    check = check_dataset(msd, num_folds=2)
    assert (check.contents, check.is_sound) == (None, False)


def test_channels_that_are_constant_are_named_with_their_cases(make_msd, tmp_path):
    root = make_msd(tmp_path / "msd", ("T1", "T2"))
    for name in ("case_12", "case_14"):
        spoil(root, name, lambda voxels: voxels * np.array([1, 0]).reshape(2, 1, 1, 1))
    check = check_dataset(root, num_folds=4)
    (finding,) = check.findings
    assert check.is_sound
    assert (finding.severity, finding.rule) == ("warning", "constant-channel")
    assert finding.message == (
        "Channel 1 (T2) has one value everywhere in case_12 and case_14: there it shows nothing. "
        "Correct the files, or leave the cases out."
    )
    for name in ("case_11", "case_13"):
        spoil(root, name, lambda voxels: voxels * np.array([1, 0]).reshape(2, 1, 1, 1))
    (finding,) = check_dataset(root, num_folds=4).findings
    assert "in all cases: a network learns nothing from it" in finding.message


@pytest.mark.parametrize("value", [0, -1024.5])
def test_a_constant_image_is_an_error(msd, value):
    spoil(msd, "case_12", lambda voxels: np.full_like(voxels, value))
    (finding,) = check_dataset(msd, num_folds=4).findings
    assert (finding.severity, finding.rule) == ("error", "constant-image")
    assert f"an image that is {value:g} everywhere" in finding.message


def test_raw_intensities_are_a_warning(make_msd, tmp_path):
    root = make_msd(tmp_path / "msd", ("noNorm",))
    (finding,) = check_dataset(root, num_folds=4).findings
    assert (finding.severity, finding.rule) == ("warning", "raw-intensities")
    assert "with values from 0 to 116" in finding.message


def test_colours_out_of_range_are_an_error(make_msd, tmp_path):
    root = make_msd(tmp_path / "msd", ("rgb_to_0_1",))
    assert check_dataset(root, num_folds=4).is_sound
    spoil(root, "case_12", lambda voxels: voxels * 3)
    (finding,) = check_dataset(root, num_folds=4).findings
    assert (finding.severity, finding.rule) == ("error", "intensity-range")
    assert "rgb_to_0_1 needs values from 0 to 255" in finding.message


def test_the_tables_fit_eighty_columns(make_msd, tmp_path, monkeypatch):
    root = make_msd(tmp_path / "msd", ("T1", "probability map"))
    facts = json.loads((root / "dataset.json").read_text())
    facts["labels"]["2"] = "[red]posterior horn of the left lateral ventricle[/red]"
    (root / "dataset.json").write_text(json.dumps(facts))
    screen = Terminal()
    screen.file, screen._force_terminal, screen.width = io.StringIO(), True, 80
    monkeypatch.setattr(check_display, "console", lambda: screen)
    flips = decide_flips(tuple(facts["labels"].values()), ("left-right",))
    check_display.print_check(root, check_dataset(root, num_folds=5), flips)
    printed = re.sub(r"\x1b\[[0-9;]*m", "", screen.file.getvalue())
    assert max(map(len, printed.splitlines())) <= 80
    assert "[red]" in printed
    assert "1 error, 0 warnings: a search would refuse this dataset." in printed


def test_piped_output_has_the_contents_and_the_verdict_last(msd, capsys):
    assert main(["check", str(msd), "--set", "protocol.folds=4"]) == 0
    printed = capsys.readouterr().out
    for shown in ("Small", "Decathlon (MSD)", "4, every case is its own patient", "zscore"):
        assert shown in printed
    assert "22 coronal, cut across the posterior-anterior axis" in printed
    assert printed.splitlines()[-1] == "The dataset is sound: a search can use it."


def test_cases_that_may_be_missing_are_shown(msd, tmp_path, capsys):
    facts = json.loads((msd / "dataset.json").read_text())
    facts["numTraining"] = 5
    (msd / "dataset.json").write_text(json.dumps(facts))
    (msd / "imagesTr/case_99.nii.bz2").write_bytes(b"")
    check = check_dataset(msd, num_folds=4)
    assert check.is_sound
    assert [each.rule for each in check.findings] == ["num-training", "passed-over"]
    assert "is 5, and there are 4 cases" in check.findings[0].message
    assert check.contents.num_declared == 5
    (passed_over,) = check.contents.passed_over
    assert passed_over.file == "imagesTr/case_99.nii.bz2"
    assert main(["check", str(msd), "--set", "protocol.folds=4"]) == 0
    printed = capsys.readouterr().out
    assert "4, numTraining says 5" in printed
    assert "1 file: imagesTr/case_99.nii.bz2" in printed
    assert printed.splitlines()[-1] == "0 errors, 2 warnings: a search can use it."
