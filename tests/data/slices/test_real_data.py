"""The same on real data, if available: MBNAS_TEST_DATA, or ../shared/data."""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mbnas.data.checks.dataset_check import check_dataset
from mbnas.data.datasets.dataset import read_dataset
from mbnas.data.images.read import read_label
from mbnas.data.slices.prepare_slices import prepare_slices
from mbnas.data.slices.prepared_slices import PreparationSettings, PreparedSlices

PROJECT = Path(__file__).parents[3]
DATA = Path(os.environ.get("MBNAS_TEST_DATA", PROJECT.parent / "shared" / "data"))


def root_of(name):
    if not (DATA / name / "dataset.json").exists():
        pytest.skip(f"{name} is not in {DATA}: set MBNAS_TEST_DATA to the folder that holds it")
    return DATA / name


def prepare_few(dataset, directory, slice_size, num_cases=4):
    dataset = replace(dataset, cases=dataset.cases[:num_cases])
    patients = {case.name: case.name for case in dataset.cases}
    settings = PreparationSettings(slice_size=slice_size)
    return dataset, prepare_slices(dataset, settings, directory, patients=patients)


@pytest.mark.parametrize("name", ["Task04_Hippocampus", "STS_CT", "STS_PETCT"])
def test_real_datasets_are_sound(name):
    findings = check_dataset(root_of(name), num_folds=5).findings
    assert [each.message for each in findings if each.severity != "advice"] == []


@pytest.mark.parametrize(
    ("name", "channels", "slice_size"),
    [("Task04_Hippocampus", 1, 64), ("STS_CT", 1, 256), ("STS_PETCT", 2, 128)],
)
def test_real_labels_survive_preparation(name, channels, slice_size, tmp_path):
    dataset, folder = prepare_few(read_dataset(root_of(name)), tmp_path, slice_size)
    slices = PreparedSlices.open(folder)
    assert slices.images.shape[1] == channels
    assert np.isfinite(slices.images).all()
    assert slices.axis_dims == {"left-right": 0, "posterior-anterior": 1}
    for number, (case, volume) in enumerate(zip(dataset.cases, slices.volumes, strict=True)):
        labels, _ = read_label(case.label)
        assert np.array_equal(slices.reference(number), labels)
        assert np.array_equal(volume.plane.undo(np.asarray(slices.labels[volume.slices])), labels)


def test_the_hippocampus_in_nnunet_layout_gives_the_same_slices(tmp_path, as_nnunet):
    root = root_of("Task04_Hippocampus")
    copy = read_dataset(as_nnunet(root, tmp_path / "copy"))
    _, one = prepare_few(read_dataset(root), tmp_path / "one", 64, num_cases=20)
    _, other = prepare_few(copy, tmp_path / "other", 64, num_cases=20)
    assert one.name == other.name
    for file in ("images.npy", "labels.npy", "index.json"):
        assert (one / file).read_bytes() == (other / file).read_bytes()
