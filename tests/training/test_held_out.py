"""Held-out patients are loaded with the others, but are in no fold."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from mbnas.data.datasets.dataset import read_dataset
from mbnas.data.datasets.folds import make_folds
from mbnas.data.phantom import write_phantom
from mbnas.data.slices.prepare_slices import prepare_slices
from mbnas.data.slices.prepared_slices import PreparationSettings, PreparedSlices
from mbnas.training.device.device_setup import prepare_process
from mbnas.training.loading.load_slices import load_slices
from mbnas.training.loop.fit import train_once


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Slices of five patients; the second and the last are held out."""
    root = tmp_path_factory.mktemp("held_out")
    dataset = read_dataset(write_phantom("prostate", root / "dataset", num_patients=5))
    names = [case.name for case in dataset.cases]
    return prepare_slices(
        dataset,
        PreparationSettings(slice_size=16),
        root / "slices",
        patients={name: name for name in names},
        held_out=frozenset({names[1], names[4]}),
    )


@pytest.fixture
def some_held_out(folder):
    return load_slices(folder, "cpu")


def test_every_slice_has_its_patient_held_out_or_not(folder, some_held_out):
    prepared = PreparedSlices.open(folder)
    assert some_held_out.patients == prepared.patients
    assert some_held_out.held_out_patients == prepared.held_out_patients
    assert len(prepared.held_out_patients) == 2
    for volume in prepared.volumes:
        own = np.arange(len(prepared.images))[volume.slices]
        assert np.array_equal(some_held_out.slices_of((volume.patient,)), own)


@pytest.mark.parametrize("num_folds", [2, 3])
def test_no_slice_of_a_held_out_patient_is_in_any_fold(folder, some_held_out, num_folds):
    volumes = PreparedSlices.open(folder).volumes
    held_out = {
        index
        for volume in volumes
        if volume.held_out
        for index in range(volume.slices.start, volume.slices.stop)
    }
    everyone = set(range(len(some_held_out.patient_N)))
    assert held_out == set(some_held_out.slices_of(some_held_out.held_out_patients).tolist())
    for seed in range(5):
        for fold in make_folds(some_held_out.patient_classes, num_folds, seed):
            training, validation = map(set, map(np.ndarray.tolist, some_held_out.split(fold)))
            assert training | validation == everyone - held_out
            assert not training & validation


@pytest.mark.parametrize("fold", [0, 1])
def test_held_out_slices_do_not_affect_a_training(task, folder, some_held_out, fold):
    task = replace(task, slices=folder, fold=fold)
    chosen = torch.from_numpy(some_held_out.slices_of(some_held_out.held_out_patients))
    images_NCHW, labels_NHW = some_held_out.images_NCHW.clone(), some_held_out.labels_NHW.clone()
    images_NCHW[chosen] = torch.nan
    labels_NHW[chosen] = 1
    other = replace(some_held_out, images_NCHW=images_NCHW, labels_NHW=labels_NHW)
    prepare_process(1)
    one, two = train_once(task, some_held_out), train_once(task, other)
    assert one.epochs == two.epochs
    assert one.score == two.score
    for key, weight in one.network.state_dict().items():
        assert torch.equal(weight, two.network.state_dict()[key]), key
