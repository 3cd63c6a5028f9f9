"""Prepared slices: equal for any copy and number of workers, complete or absent."""

import errno
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mbnas.data.datasets.dataset import read_dataset
from mbnas.data.datasets.patients import group_by_patient
from mbnas.data.images.read import read_image, read_label
from mbnas.data.images.write import write_label
from mbnas.data.slices import slice_writer
from mbnas.data.slices.prepare_slices import prepare_slices
from mbnas.data.slices.prepared_slices import (
    FORMAT_VERSION,
    Index,
    PreparationSettings,
    PreparedSlices,
)
from mbnas.errors import ConfigurationError, StudyError, WriteError

SETTINGS = PreparationSettings(slice_size=9)


def prepare(root, directory, settings=SETTINGS, **options):
    dataset = read_dataset(root)
    patients = group_by_patient([case.name for case in dataset.cases], None, None)
    return prepare_slices(dataset, settings, directory, patients=patients, **options)


def test_the_index_has_all_that_training_and_undoing_need(msd, tmp_path):
    folder = prepare(msd, tmp_path / "slices")
    slices = PreparedSlices.open(folder)
    assert folder.name == slices.digest
    assert isinstance(slices.images, np.memmap)
    assert not slices.images.flags.writeable
    assert slices.images.dtype == np.float32
    assert slices.images.shape == (22, 1, 9, 9)
    assert slices.labels.shape == (22, 9, 9)
    assert slices.index.slice_axis == 1
    assert slices.axis_dims == {"left-right": 0, "inferior-superior": 1}
    assert slices.channels == ("MRI",)
    assert [label.value for label in slices.classes] == [1, 2]
    assert slices.patients == ("case_11", "case_12", "case_13", "case_14")
    assert slices.volume_of_slice.tolist() == [0] * 4 + [1] * 5 + [2] * 6 + [3] * 7


def test_undoing_prepared_labels_restores_the_label_files(msd, tmp_path):
    slices = PreparedSlices.open(prepare(msd, tmp_path / "slices"))
    for volume in slices.volumes:
        labels, geometry = read_label(msd / f"labelsTr/{volume.case}.nii.gz")
        assert geometry == volume.geometry
        indices = volume.plane.undo(np.asarray(slices.labels[volume.slices]))
        restored = slices.index.labels.in_files(indices)
        assert np.array_equal(restored, labels)
        write_label(tmp_path / "out.nii.gz", restored, volume.geometry)
        assert np.array_equal(read_label(tmp_path / "out.nii.gz")[0], labels)


def test_labels_of_any_value_become_class_indices(msd, tmp_path):
    dataset = read_dataset(msd)
    for case in dataset.cases:
        labels, geometry = read_label(case.label)
        write_label(case.label, labels.astype(np.int64) * 300, geometry)
    facts = (msd / "dataset.json").read_text()
    facts = facts.replace('"1": "front"', '"300": "front"').replace('"2": "back"', '"600": "back"')
    (msd / "dataset.json").write_text(facts)
    slices = PreparedSlices.open(prepare(msd, tmp_path / "slices"))
    assert np.unique(slices.labels).tolist() == [0, 1, 2]
    assert np.unique(slices.index.labels.in_files(np.asarray(slices.labels))).tolist() == [
        0,
        300,
        600,
    ]


def test_an_nnunet_copy_gives_the_same_slices_and_digest(msd, nnunet, tmp_path):
    same_slices(prepare(msd, tmp_path / "one"), prepare(nnunet, tmp_path / "other"))


@pytest.mark.parametrize("channels", [("MRI",), ("CT", "PET")])
def test_the_number_of_workers_does_not_matter(make_msd, tmp_path, channels):
    root = make_msd(tmp_path / "data", channels)
    one = prepare(root, tmp_path / "one")
    same_slices(one, prepare(root, tmp_path / "other", workers=2))
    assert [path.name for path in tmp_path.glob("*/.*")] == []


@pytest.mark.parametrize("number_type", ["uint8", "int16", "uint16", "int32", "float32", "float64"])
def test_the_number_type_of_the_files_does_not_matter(msd, make_msd, tmp_path, number_type):
    root = make_msd(tmp_path / "typed", number_type=number_type)
    one = PreparedSlices.open(prepare(msd, tmp_path / "one"))
    other = PreparedSlices.open(prepare(root, tmp_path / "other"))
    assert np.array_equal(one.images, other.images)


def test_ct_is_read_and_counted_twice(make_msd, tmp_path):
    root = make_msd(tmp_path / "data", ("CT", "PET"))
    done = []
    folder = prepare(root, tmp_path / "slices", progress=lambda *counts: done.append(counts))
    assert done == [(count, 8) for count in range(1, 9)]
    slices = PreparedSlices.open(folder)
    ct, pet = slices.index.normalisation
    assert (pet.scheme, pet.foreground) == ("zscore", None)
    voxels = np.concatenate(
        [
            read_image(case.images).voxels[0][read_label(case.label)[0] > 0]
            for case in read_dataset(root).cases
        ]
    )
    assert ct.foreground.mean == pytest.approx(voxels.mean())
    assert ct.foreground.low == pytest.approx(np.percentile(voxels, 0.5))


def test_slices_are_reused_until_data_or_settings_change(msd, tmp_path):
    done = []
    options = {"progress": lambda *counts: done.append(counts)}
    folder = prepare(msd, tmp_path / "slices", **options)
    assert prepare(msd, tmp_path / "slices", **options) == folder
    assert len(done) == 4
    assert prepare(msd, tmp_path / "slices", replace(SETTINGS, slice_size=8)) != folder
    case = read_dataset(msd).cases[0]
    labels, geometry = read_label(case.label)
    labels[0, 0, 0] = 1
    write_label(case.label, labels, geometry)
    assert prepare(msd, tmp_path / "slices", **options) != folder
    assert len(done) == 8


def test_patients_are_part_of_the_digest(msd, tmp_path):
    dataset = read_dataset(msd)
    one = {case.name: "same" for case in dataset.cases}
    folder = prepare_slices(dataset, SETTINGS, tmp_path, patients=one)
    assert PreparedSlices.open(folder).patients == ("same",)
    assert folder != prepare(msd, tmp_path)


def test_a_full_disk_is_a_write_error_and_leaves_nothing(msd, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    for call in ("posix_fallocate", "pwrite"):
        with monkeypatch.context() as patched:
            patched.setattr(slice_writer.os, call, full)
            with pytest.raises(WriteError, match=r"The disk is full: .* \(it needs .* are left\)"):
                prepare(msd, tmp_path / "slices")
        assert not (tmp_path / "slices").exists()


def test_a_disk_that_fills_up_at_a_reference_is_the_same_error(msd, tmp_path, monkeypatch):
    whole = Path.write_bytes

    def full_at_the_third(path, data):
        if path.name == "2.npz":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return whole(path, data)

    monkeypatch.setattr(Path, "write_bytes", full_at_the_third)
    with pytest.raises(WriteError, match=r"The disk is full: .* \(it needs .* are left\)"):
        prepare(msd, tmp_path / "slices")
    assert not (tmp_path / "slices").exists()


@pytest.mark.parametrize("workers", [1, 2])
def test_a_file_size_limit_leaves_nothing_behind(msd, tmp_path, workers):
    program = (
        "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000))\n"
        + program_that_prepares(msd, tmp_path / "slices", workers)
    )
    # -B, or the limit would leave truncated bytecode of mbnas behind
    ended = subprocess.run([sys.executable, "-B", "-c", program], capture_output=True, text=True)
    assert "larger than a file may be here" in ended.stderr
    assert not (tmp_path / "slices").exists()


def test_a_killed_preparation_leaves_nothing_incomplete(msd, tmp_path):
    directory = tmp_path / "slices"
    slow = (
        "import os, time\nwhole = os.pwrite\n"
        "os.pwrite = lambda *a: (time.sleep(0.5), whole(*a))[1]\n"
    )
    program = slow + program_that_prepares(msd, directory, workers=1)
    process = subprocess.Popen([sys.executable, "-c", program])
    deadline = time.monotonic() + 60
    while not list(directory.glob(".*/labels.npy")) and time.monotonic() < deadline:
        time.sleep(0.02)
    time.sleep(0.7)
    process.send_signal(signal.SIGKILL)
    process.wait()
    (leftover,) = directory.iterdir()
    assert leftover.name.startswith(".")
    folder = prepare(msd, directory)
    assert [path.name for path in directory.iterdir()] == [folder.name]
    same_slices(folder, prepare(msd, tmp_path / "fresh"))


def test_two_preparations_at_once_make_one_folder(msd, tmp_path):
    program = program_that_prepares(msd, tmp_path / "slices", workers=1)
    both = [subprocess.Popen([sys.executable, "-c", program]) for _ in range(2)]
    assert [process.wait() for process in both] == [0, 0]
    (folder,) = (tmp_path / "slices").iterdir()
    assert len(PreparedSlices.open(folder).images) == 22


def test_ctrl_c_leaves_nothing_behind(msd, tmp_path):
    def interrupt(done, total):
        raise KeyboardInterrupt

    for workers in (1, 2):
        with pytest.raises(KeyboardInterrupt):
            prepare(msd, tmp_path / "slices", workers=workers, progress=interrupt)
        assert not (tmp_path / "slices").exists()


def test_a_folder_that_cannot_be_created_is_a_write_error(msd, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(WriteError, match="there is a file in place of a folder"):
        prepare(msd, tmp_path / "file" / "slices")


def test_an_index_survives_json(make_msd, tmp_path):
    root = make_msd(tmp_path / "data", ("CT", "PET"))
    index = PreparedSlices.open(prepare(root, tmp_path / "slices")).index
    assert Index.from_json(index.to_json()) == index
    assert f'"format_version": {FORMAT_VERSION}' in index.to_json()


def test_damaged_slices_are_refused(msd, tmp_path):
    folder = prepare(msd, tmp_path / "slices")
    (folder / "index.json").write_text("{}")
    with pytest.raises(StudyError, match="holds no usable prepared slices"):
        PreparedSlices.open(folder)
    with pytest.raises(StudyError, match="holds no usable prepared slices"):
        PreparedSlices.open(tmp_path)


def test_invalid_settings_are_refused():
    with pytest.raises(ConfigurationError, match=r"preparation\.slice_size \(=0\)"):
        PreparationSettings(slice_size=0)
    with pytest.raises(ConfigurationError, match=r"preparation\.slice_axis \(=3\)"):
        PreparationSettings(slice_axis=3)


def same_slices(one, other):
    assert one.name == other.name
    files = [path.relative_to(one) for path in sorted(one.rglob("*")) if path.is_file()]
    assert files == [path.relative_to(other) for path in sorted(other.rglob("*")) if path.is_file()]
    assert len(files) == 3 + 4
    for file in files:
        assert (one / file).read_bytes() == (other / file).read_bytes()


def program_that_prepares(root, directory, workers):
    return f"""
from pathlib import Path
from mbnas.data.datasets.dataset import read_dataset
from mbnas.data.slices.prepare_slices import prepare_slices
from mbnas.data.slices.prepared_slices import PreparationSettings
dataset = read_dataset(Path({str(root)!r}))
patients = {{case.name: case.name for case in dataset.cases}}
prepare_slices(dataset, PreparationSettings(slice_size=9), Path({str(directory)!r}),
               patients=patients, workers={workers})
"""
