"""Ignored voxels and regions in prepared slices, and sparse annotation."""

import json

import numpy as np
import pytest

from mbnas.data.checks.dataset_check import check_dataset
from mbnas.data.datasets.dataset import read_dataset
from mbnas.data.datasets.label_scheme import IGNORED
from mbnas.data.datasets.patients import group_by_patient
from mbnas.data.images.read import read_label
from mbnas.data.images.write import write_image
from mbnas.data.slices.fingerprint import differences, take_fingerprint
from mbnas.data.slices.prepare_slices import prepare_slices
from mbnas.data.slices.prepared_slices import PreparationSettings, PreparedSlices
from mbnas.errors import DatasetError, StudyError

from ..conftest import AFFINE, NAMES


def declare(root, **facts):
    path = root / "dataset.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | facts))


def change_labels(root, change, names=NAMES):
    """Change each label file in place; its axes are those of the file."""
    import nibabel as nib

    for name in names:
        path = root / f"labelsTr/{name}.nii.gz"
        labels = np.asarray(nib.load(path).dataobj).astype(np.uint8)
        change(labels)
        write_image(path, labels[None], AFFINE)


def prepared(root, directory, size=16, **settings):
    dataset = read_dataset(root)
    patients = group_by_patient([case.name for case in dataset.cases], None, None)
    settings = PreparationSettings(**(settings or {"slice_size": size}))
    return PreparedSlices.open(prepare_slices(dataset, settings, directory, patients=patients))


@pytest.fixture
def sparse(msd):
    """Slices 1 and 2 of each case are annotated, 1 by a scribble only; label 9 is ignored."""

    def ignore(labels):
        scribble = labels[2:4, 3:5, 1].copy()
        labels[..., [0, 1]] = labels[..., 3:] = 9
        labels[..., 3:] = 9
        labels[2:4, 3:5, 1] = scribble

    change_labels(msd, ignore)
    labels = {"background": 0, "whole": [1, 2], "back": 2, "ignore": 9}
    declare(msd, labels=labels, regions_class_order=[1, 2])
    return msd


def test_prepared_labels_and_references_have_ignored_voxels(sparse, tmp_path):
    slices = prepared(sparse, tmp_path / "slices")
    assert slices.targets.regions == ((1, 2), (2,))
    assert slices.index.ignore == 9
    for number, volume in enumerate(slices.volumes):
        in_file, geometry = read_label(sparse / f"labelsTr/{volume.case}.nii.gz")
        reference = slices.reference(number)
        assert np.array_equal(slices.index.labels.in_files(reference), in_file)
        labels = np.asarray(slices.labels[volume.slices])
        assert np.array_equal(volume.on_voxels(labels), reference)
        is_outside = np.ones(labels.shape, bool)
        (top, left), (height, width) = volume.plane.offset, volume.plane.fitted
        is_outside[:, top : top + height, left : left + width] = False
        assert (labels[is_outside] == IGNORED).all()
        has_labels = [bool((each != IGNORED).any()) for each in labels]
        assert volume.unlabelled == tuple(n for n, each in enumerate(has_labels) if not each)
        assert volume.num_slices - len(volume.unlabelled) == 2
        assert volume.classes == (1, 2)
        assert geometry.canonical_shape == reference.shape


def test_ignored_voxels_are_no_foreground_of_ct(make_msd, tmp_path):
    root = make_msd(tmp_path / "ct", channels=("CT",))
    declare(root, labels={"background": 0, "front": 1, "back": 2, "ignore": 3})
    expected = prepared(root, tmp_path / "before").index.normalisation

    def ignore(labels):
        labels[labels == 0] = 3

    change_labels(root, ignore)
    assert prepared(root, tmp_path / "after").index.normalisation == expected


def test_the_digest_changes_with_the_ignore_label_and_with_regions_alone(msd):
    dataset = read_dataset(msd)
    patients = {case.name: case.name for case in dataset.cases}

    def fingerprint(**facts):
        declare(msd, **facts)
        options = {"held_out": frozenset(), "allow_empty_cases": False}
        return take_fingerprint(read_dataset(msd), PreparationSettings(), patients, **options)

    plain = fingerprint()
    named = fingerprint(labels={"background": 0, "front": 1, "back": 2})
    ignoring = fingerprint(labels={"background": 0, "front": 1, "back": 2, "ignore": 3})
    other = fingerprint(labels={"background": 0, "front": 1, "back": 2, "ignore": 4})
    regions = fingerprint(
        labels={"background": 0, "front": [1, 2], "back": 2}, regions_class_order=[1, 2]
    )
    assert plain.digest == named.digest
    assert len({each.digest for each in (plain, ignoring, other, regions)}) == 4
    assert differences(plain, ignoring) == ("ignores label 3, not no label",)
    assert differences(plain, regions) == (
        "has the classes 1+2 (front), 2 (back), not 1 (front), 2 (back)",
    )


def test_a_check_tells_regions_and_ignored_voxels(sparse):
    found = check_dataset(sparse, num_folds=2)
    assert found.is_sound
    contents = found.contents
    assert contents.has_regions
    assert [(each.name, each.region) for each in contents.classes] == [
        ("whole", (1, 2)),
        ("back", (2,)),
    ]
    labels = [read_label(case.label)[0] for case in read_dataset(sparse).cases]
    assert contents.num_ignored == sum((each == 9).sum() for each in labels)
    assert contents.num_voxels == sum((each != 9).sum() for each in labels)
    expected = [sum(np.isin(each, region).sum() for each in labels) for region in ((1, 2), (2,))]
    assert [each.num_voxels for each in contents.classes] == expected


def test_a_case_with_ignored_voxels_alone_is_reported(sparse, tmp_path):
    change_labels(sparse, lambda labels: labels.fill(9), NAMES[:1])
    found = check_dataset(sparse, num_folds=2)
    assert [(each.rule, each.case) for each in found.findings if each.severity == "error"] == [
        ("unlabelled-case", NAMES[0])
    ]
    with pytest.raises(DatasetError, match=r"has no labelled voxel: .* ignore label 9 alone"):
        prepared(sparse, tmp_path / "slices")


def test_a_case_without_foreground_is_empty_also_with_ignored_voxels(sparse):
    change_labels(sparse, lambda labels: np.copyto(labels, 0, where=labels < 9), NAMES[:1])
    found = check_dataset(sparse, num_folds=2)
    assert [each.rule for each in found.findings if each.severity == "error"] == ["empty-case"]


def test_a_case_whose_labels_are_lost_in_small_slices_is_reported(sparse, tmp_path):
    def keep_one(labels):
        labels[...] = 9
        labels[0, 0, 2] = 1

    change_labels(sparse, keep_one, NAMES[1:2])
    with pytest.raises(DatasetError, match="no labelled pixel left in its slices of 4×4 pixels"):
        prepared(sparse, tmp_path / "slices", size=4)
    assert not any((tmp_path / "slices").glob("*"))


def test_an_undeclared_ignore_label_is_still_an_error(msd):
    change_labels(msd, lambda labels: labels.fill(9), NAMES[:1])
    found = check_dataset(msd, num_folds=2)
    assert "label-undeclared" in {each.rule for each in found.findings}


def test_patches_know_where_labelled_pixels_are(sparse, tmp_path):
    slices = prepared(sparse, tmp_path / "slices", patch_size=4)
    numbers = np.arange(slices.index.num_slices)
    found = slices.labelled.label_pixels(numbers, 2)[:, 1]
    expected = [
        (labels != IGNORED).sum()
        for volume in slices.volumes
        for labels in slices.labels_of(volume)
    ]
    assert found.tolist() == expected
    assert 0 < np.count_nonzero(found) < len(found)
    (slices.directory / "labelled.npz").unlink()
    with pytest.raises(StudyError, match="holds no usable prepared slices"):
        PreparedSlices.open(slices.directory)
