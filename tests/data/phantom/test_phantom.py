"""Phantoms: valid datasets, reproducible by their seed, and difficult to segment."""

import errno
import json

import numpy as np
import pytest

from mbnas import seeds
from mbnas.data.images.read import read_image, read_label
from mbnas.data.phantom import ANATOMIES, write_phantom
from mbnas.errors import DatasetError, UsageError, WriteError

KINDS = sorted(ANATOMIES)


def draw(kind, number, seed=0):
    return ANATOMIES[kind].draw(seeds.generator(seed, f"phantom {kind}", number))


@pytest.fixture(params=KINDS)
def kind(request):
    return request.param


@pytest.fixture(scope="module")
def patients():
    return {kind: [draw(kind, number) for number in range(8)] for kind in KINDS}


@pytest.mark.parametrize(
    ("kind", "channels", "labels"),
    [
        ("prostate", ["T2", "ADC"], ["background", "peripheral zone", "central zone"]),
        ("spleen", ["CT"], ["background", "spleen"]),
    ],
)
def test_a_dataset_is_written_in_the_decathlons_layout(tmp_path, kind, channels, labels):
    root = write_phantom(kind, tmp_path / "made", num_patients=2, seed=3)
    assert sorted(path.name for path in root.iterdir()) == ["dataset.json", "imagesTr", "labelsTr"]
    description = json.loads((root / "dataset.json").read_text())
    assert list(description["modality"].values()) == channels
    assert list(description["labels"].values()) == labels
    assert description["numTraining"] == len(description["training"]) == 2
    for number, case in enumerate(description["training"]):
        image = read_image((root / case["image"],))
        labels_XYZ, geometry = read_label(root / case["label"])
        drawn = draw(kind, number, seed=3)
        assert image.geometry.is_stored_as(geometry)
        np.testing.assert_array_equal(image.voxels, drawn.voxels)
        np.testing.assert_array_equal(labels_XYZ, drawn.labels)
        assert geometry.spacing_mm[2] == max(geometry.spacing_mm) > 3


def test_a_patient_depends_only_on_seed_and_number(tmp_path, kind):
    few = write_phantom(kind, tmp_path / "few", num_patients=1, seed=5)
    many = write_phantom(kind, tmp_path / "many", num_patients=2, seed=5)
    other = write_phantom(kind, tmp_path / "other", num_patients=1, seed=6)
    name = f"imagesTr/{kind}_000.nii.gz"
    voxels = [read_image((root / name,)).voxels for root in (few, many, other)]
    np.testing.assert_array_equal(voxels[0], voxels[1])
    assert voxels[0].shape != voxels[2].shape or (voxels[0] != voxels[2]).any()


def test_every_class_is_in_some_slices_but_not_in_all(kind, patients):
    num_classes = len(ANATOMIES[kind].classes)
    for patient in patients[kind]:
        assert sorted(np.unique(patient.labels)) == list(range(num_classes + 1))
        for value in range(1, num_classes + 1):
            assert (patient.labels == value).sum() > 100
    empty = [np.sum(~patient.labels.any(axis=(0, 1))) for patient in patients[kind]]
    assert np.median(empty) >= 2


def test_patients_differ_in_size_and_place(kind, patients):
    sizes = [(patient.labels > 0).sum() for patient in patients[kind]]
    assert max(sizes) > 1.4 * min(sizes)
    centres = [np.argwhere(patient.labels > 0).mean(axis=0) for patient in patients[kind]]
    assert (np.std(centres, axis=0) > 0.5).all()


def test_the_spleen_is_left_and_posterior_and_as_dense_as_the_liver(patients):
    for patient in patients["spleen"]:
        place = patient.affine[:3, :3] @ np.argwhere(patient.labels == 1).mean(axis=0)
        place += patient.affine[:3, 3]
        assert place[0] < -40
        assert place[1] < 10
        spleen = patient.voxels[0][patient.labels == 1]
        elsewhere = patient.voxels[0][patient.labels == 0]
        low, high = np.percentile(spleen, (5, 95))
        alike = (elsewhere > low) & (elsewhere < high)
        assert alike.sum() > 3 * len(spleen)


def test_the_zones_are_hard_to_distinguish_by_intensity(patients):
    for patient in patients["prostate"]:
        for channel in patient.voxels:
            peripheral, central = (channel[patient.labels == value] for value in (1, 2))
            spread = np.hypot(peripheral.std(), central.std())
            assert 0 < peripheral.mean() - central.mean() < 2.5 * spread


def test_the_peripheral_zone_is_posterior_to_the_central_zone(patients):
    for patient in patients["prostate"]:
        peripheral, central = (np.argwhere(patient.labels == value)[:, 1] for value in (1, 2))
        assert peripheral.mean() < central.mean()


def test_a_folder_that_is_not_empty_is_refused(tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(DatasetError, match="is not empty"):
        write_phantom("spleen", tmp_path, num_patients=1)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_the_number_of_patients_must_be_positive(tmp_path):
    with pytest.raises(UsageError, match="needs 1 patient or more"):
        write_phantom("spleen", tmp_path / "none", num_patients=0)


def test_a_full_disk_leaves_nothing_behind(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("mbnas.data.phantom.phantom_dataset.write_text", full)
    with pytest.raises(WriteError, match=r"The disk is full: .*made cannot be written"):
        write_phantom("spleen", tmp_path / "made", num_patients=1)
    assert list(tmp_path.iterdir()) == []
