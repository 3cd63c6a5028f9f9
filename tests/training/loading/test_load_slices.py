"""Loaded slices: those of the files, streamed if they do not fit."""

import os
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from mbnas.data.datasets.folds import make_folds
from mbnas.data.datasets.normalisation import ChannelNormalisation
from mbnas.data.slices.prepared_slices import PreparedSlices
from mbnas.errors import ConfigurationError, StudyError
from mbnas.training.loading import load_slices as loading
from mbnas.training.loading.load_slices import load_slices, resident_slices, streamed_slices
from mbnas.training.loading.resident_slices import ResidentSlices
from mbnas.training.loading.slice_source import slices_bytes
from mbnas.training.loading.streamed_slices import StreamedSlices


def test_tensors_equal_the_files(slices, data):
    prepared = PreparedSlices.open(slices)
    assert np.array_equal(data.images_NCHW, prepared.images)
    assert np.array_equal(data.labels_NHW, prepared.labels)
    assert data.in_channels == len(prepared.channels)
    assert data.num_classes == 1 + len(prepared.classes)


def test_every_slice_knows_its_patient(slices, data):
    prepared = PreparedSlices.open(slices)
    names = [prepared.volumes[volume].patient for volume in prepared.volume_of_slice]
    assert [data.patients[number] for number in data.patient_N] == names
    assert data.patients == prepared.patients


def test_a_fold_splits_the_slices(data):
    for fold in make_folds(data.patient_classes, 2, seed=0):
        training, validation = data.split(fold)
        together = np.concatenate([training, validation])
        assert sorted(together) == list(range(len(data.patient_N)))
        assert {data.patients[number] for number in data.patient_N[validation]} == set(
            fold.validation
        )


def test_a_process_loads_slices_once(slices):
    assert load_slices(slices, "cpu") is load_slices(slices, "cpu")


@pytest.mark.parametrize(
    ("axes", "dims"),
    [
        ((), (False, False)),
        (("left-right",), (True, False)),
        (("posterior-anterior",), (False, True)),
        (("inferior-superior",), (False, False)),
        (("left-right", "posterior-anterior", "inferior-superior"), (True, True)),
    ],
)
def test_flips_across_an_axis_reverse_its_dimension(data, axes, dims):
    assert data.flip_axis_dims == {"left-right": 0, "posterior-anterior": 1}
    assert data.absolute_channels == ()
    assert data.flip_dims(axes) == dims


def test_missing_slices_are_refused(tmp_path):
    with pytest.raises(StudyError, match="holds no usable prepared slices"):
        load_slices(tmp_path / "absent", "cpu")


@pytest.mark.parametrize(("resident", "kind"), [(True, ResidentSlices), (False, StreamedSlices)])
def test_slices_that_do_not_fit_are_streamed(slices, monkeypatch, resident, kind):
    prepared, asked = PreparedSlices.open(slices), []

    def rule(num_bytes, device):
        asked.append((num_bytes, device))
        return resident

    monkeypatch.setattr(loading, "are_resident", rule)
    load_slices.cache_clear()
    try:
        assert type(load_slices(slices, "cpu")) is kind
    finally:
        load_slices.cache_clear()
    num_slices, channels, side, _ = prepared.images.shape
    assert asked == [(slices_bytes(num_slices, channels=channels, size=side), "cpu")]


def test_on_the_cpu_slices_are_the_mapped_files(slices):
    prepared = PreparedSlices.open(slices)
    resident = resident_slices(prepared, "cpu")
    assert resident.images_NCHW.data_ptr() == prepared.images.ctypes.data
    assert resident.labels_NHW.data_ptr() == prepared.labels.ctypes.data


def test_slices_are_streamed_to_a_device_without_enough_free_memory(monkeypatch):
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (10, 100))
    assert loading._fit_now(5, "cuda:0")
    assert not loading._fit_now(6, "cuda:0")
    assert loading._fit_now(6, "cpu")


def test_float16_halves_the_memory_of_slices(slices):
    prepared = PreparedSlices.open(slices)
    half = resident_slices(prepared, "cpu", "float16")
    assert 2 * half.images_NCHW.nbytes == prepared.images.nbytes
    assert streamed_slices(prepared, "cpu", "float16")._slot(3).images_BCHW.dtype == torch.float16


def test_a_process_reloads_slices_for_another_precision(slices, monkeypatch):
    asked = []
    monkeypatch.setattr(loading, "are_resident", lambda *asked_for: not asked.append(asked_for))
    load_slices.cache_clear()
    single, half = (load_slices(slices, "cpu", each) for each in ("float32", "float16"))
    assert single.images_NCHW.dtype == torch.float32
    assert half.images_NCHW.dtype == torch.float16
    images, labels = PreparedSlices.open(slices).images, PreparedSlices.open(slices).labels
    assert [num_bytes - labels.nbytes for num_bytes, _ in asked] == [
        images.nbytes,
        images.nbytes // 2,
    ]


def test_images_with_a_large_rounding_error_are_refused_in_float16(slices, tmp_path):
    folder = shutil.copytree(slices, tmp_path / "far")
    np.save(folder / "images.npy", np.load(slices / "images.npy") + 100)
    load_slices(folder, "cpu", "float32")
    with pytest.raises(ConfigurationError, match="would round channel 0"):
        load_slices(folder, "cpu", "float16")


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs Linux")
def test_mapped_files_are_read_sequentially(slices, monkeypatch):
    read = []

    def advise(descriptor, start, length, advice):
        read.append((Path(f"/proc/self/fd/{descriptor}").readlink(), start, length, advice))

    monkeypatch.setattr(os, "posix_fadvise", advise)
    resident_slices(PreparedSlices.open(slices), "cpu")
    assert read == [
        (slices / name, 0, 0, os.POSIX_FADV_WILLNEED) for name in ("images.npy", "labels.npy")
    ]
    streamed_slices(PreparedSlices.open(slices), "cpu")
    assert len(read) == 2


def test_channels_without_normalisation_keep_their_brightness(slices):
    prepared = PreparedSlices.open(slices)
    as_it_is = (ChannelNormalisation(scheme="noNorm"),)
    absolute = replace(prepared, index=replace(prepared.index, normalisation=as_it_is))
    assert resident_slices(absolute, "cpu").absolute_channels == (0,)
    assert streamed_slices(absolute, "cpu").absolute_channels == (0,)
