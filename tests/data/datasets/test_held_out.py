"""Held-out patients: their slices are prepared, and those of others do not depend on them."""

from dataclasses import replace

import nibabel as nib
import numpy as np
import pytest

from mbnas.data.datasets.class_presence import classes_by_patient
from mbnas.data.datasets.dataset import read_dataset
from mbnas.data.images.read import read_image, read_label
from mbnas.data.images.write import write_image, write_label
from mbnas.data.slices.prepare_slices import prepare_slices
from mbnas.data.slices.prepared_slices import Index, PreparationSettings, PreparedSlices
from mbnas.errors import DatasetError

SETTINGS = PreparationSettings(slice_size=9)


@pytest.fixture
def ct(make_msd, tmp_path):
    return make_msd(tmp_path / "ct", ("CT", "PET"))


def prepare(root, directory, *held_out, settings=SETTINGS):
    dataset = read_dataset(root)
    patients = {case.name: case.name for case in dataset.cases}
    return PreparedSlices.open(
        prepare_slices(
            dataset, settings, directory, patients=patients, held_out=frozenset(held_out)
        )
    )


def without(root, name):
    dataset = read_dataset(root)
    return replace(dataset, cases=tuple(each for each in dataset.cases if each.name != name))


def slices_of_others(slices, name):
    chosen = [volume.slices for volume in slices.volumes if volume.case != name]
    return [np.array(array[each]) for each in chosen for array in (slices.images, slices.labels)]


def same_for_others(one, other, name):
    assert one.index.normalisation == other.index.normalisation
    assert one.index.slice_axis == other.index.slice_axis
    pairs = zip(slices_of_others(one, name), slices_of_others(other, name), strict=True)
    assert all(np.array_equal(*pair) for pair in pairs)


def test_held_out_patients_are_in_the_index_and_the_digest(ct, tmp_path):
    slices = prepare(ct, tmp_path, "case_12", "case_14")
    assert [volume.held_out for volume in slices.volumes] == [False, True, False, True]
    assert slices.patients == ("case_11", "case_13")
    assert slices.held_out_patients == ("case_12", "case_14")
    assert Index.from_json(slices.index.to_json()) == slices.index
    digests = {slices.digest, prepare(ct, tmp_path, "case_12").digest, prepare(ct, tmp_path).digest}
    assert len(digests) == 3


def test_the_intensities_of_held_out_patients_change_nothing_for_others(ct, tmp_path):
    before = prepare(ct, tmp_path, "case_13")
    (case,) = [case for case in read_dataset(ct).cases if case.name == "case_13"]
    image = read_image(case.images)
    affine = np.array(image.geometry.affine)
    voxels = image.geometry.from_canonical(np.moveaxis(image.voxels, 0, -1))
    write_image(case.images[0], 7 - 3 * np.moveaxis(voxels, -1, 0), affine)
    after = prepare(ct, tmp_path, "case_13")
    assert before.digest != after.digest
    assert not np.array_equal(before.images, after.images)
    same_for_others(before, after, "case_13")


def test_the_labels_of_held_out_patients_change_nothing_for_others(ct, tmp_path):
    before = prepare(ct, tmp_path, "case_13")
    (case,) = [case for case in read_dataset(ct).cases if case.name == "case_13"]
    labels, geometry = read_label(case.label)
    write_label(case.label, np.roll(labels, 1, axis=0), geometry)
    after = prepare(ct, tmp_path, "case_13")
    assert not np.array_equal(before.labels, after.labels)
    same_for_others(before, after, "case_13")


def test_slices_of_others_are_the_same_without_held_out_patients(ct, tmp_path):
    dataset = without(ct, "case_13")
    patients = {case.name: case.name for case in dataset.cases}
    fewer = PreparedSlices.open(prepare_slices(dataset, SETTINGS, tmp_path, patients=patients))
    same_for_others(prepare(ct, tmp_path, "case_13"), fewer, "case_13")
    assert fewer.index.normalisation != prepare(ct, tmp_path).index.normalisation


def test_the_slice_axis_follows_from_the_others(msd, tmp_path):
    for number, case in enumerate(read_dataset(msd).cases):
        image, (labels, _) = read_image(case.images), read_label(case.label)
        affine = np.diag([2.0, 1, 1, 1] if number < 2 else [1.0, 1.2, 1, 1])
        write_image(case.images[0], image.voxels.repeat(2, axis=2), affine)
        write_image(case.label, labels[None].repeat(2, axis=2), affine)
    assert prepare(msd, tmp_path).index.slice_axis == 0
    assert prepare(msd, tmp_path, "case_11", "case_12").index.slice_axis == 1


def test_neither_an_unknown_patient_nor_all_patients_can_be_held_out(msd, tmp_path):
    with pytest.raises(DatasetError, match="Patient nobody cannot be held out: no case"):
        prepare(msd, tmp_path / "slices", "case_11", "nobody")
    with pytest.raises(DatasetError, match="All 4 patients are held out: none is left"):
        prepare(msd, tmp_path / "slices", *(f"case_{number}" for number in range(11, 15)))
    assert not (tmp_path / "slices").exists()


def test_prepared_slices_know_the_classes_of_each_patient(msd, tmp_path):
    slices = prepare(msd, tmp_path, "case_14")
    both = frozenset({1, 2})
    assert slices.patient_classes == dict.fromkeys(("case_11", "case_12", "case_13"), both)
    assert slices.held_out_classes == {"case_14": both}
    path = msd / "labelsTr/case_13.nii.gz"
    image = nib.load(path)
    voxels = np.asarray(image.dataobj).copy()
    voxels[voxels == 1] = 0
    nib.save(nib.Nifti1Image(voxels, image.affine), path)
    slices = prepare(msd, tmp_path, "case_14")
    assert slices.patient_classes["case_13"] == {2}
    dataset = read_dataset(msd)
    patients = {case.name: "one" if case.name < "case_13" else case.name for case in dataset.cases}
    assert classes_by_patient(dataset, patients) == {"one": both, "case_13": {2}, "case_14": both}
