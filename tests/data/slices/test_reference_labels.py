"""Reference labels: those of the files, stored with the slices."""

import numpy as np
import pytest

from mbnas.data.datasets.dataset import read_dataset
from mbnas.data.images.read import read_label
from mbnas.data.slices.prepare_slices import prepare_slices
from mbnas.data.slices.prepared_slices import PreparationSettings, PreparedSlices
from mbnas.data.slices.reference_labels import read_reference, write_reference
from mbnas.errors import StudyError


def prepare(root, directory, slice_size=9, **options):
    dataset = read_dataset(root)
    patients = {case.name: case.name for case in dataset.cases}
    settings = PreparationSettings(slice_size=slice_size)
    return PreparedSlices.open(
        prepare_slices(dataset, settings, directory, patients=patients, **options)
    )


@pytest.mark.parametrize("slice_size", [5, 9, 20])
@pytest.mark.parametrize("workers", [1, 2])
def test_a_reference_equals_the_label_file_for_any_slice_size(msd, tmp_path, slice_size, workers):
    slices = prepare(msd, tmp_path, slice_size, workers=workers, held_out=frozenset({"case_12"}))
    for number, case in enumerate(read_dataset(msd).cases):
        labels, _ = read_label(case.label)
        reference = slices.reference(number)
        assert reference.dtype == np.uint8
        assert np.array_equal(reference, labels)


def test_slices_come_back_to_the_grid_of_the_reference(msd, tmp_path):
    slices = prepare(msd, tmp_path)
    for number, volume in enumerate(slices.volumes):
        restored = volume.on_voxels(np.asarray(slices.labels[volume.slices]))
        assert np.array_equal(restored, slices.reference(number))


def test_the_spacing_runs_along_the_axes_of_the_reference(msd, tmp_path):
    slices = prepare(msd, tmp_path)
    # of the file: 8 by 9 by 4 voxels of 1 by 1 by 3 mm, of which the last two axes change places
    assert slices.volumes[0].spacing_mm == (1.0, 3.0, 1.0)
    assert slices.reference(0).shape == (8, 4, 9)


def test_references_without_foreground_are_kept_too(tmp_path):
    (tmp_path / "references").mkdir()
    labels = np.zeros((3, 1, 2), np.uint8)
    write_reference(tmp_path, 7, labels)
    assert np.array_equal(read_reference(tmp_path, 7, (3, 1, 2)), labels)


def damaged(data):
    return [data[:40], data[: len(data) // 2], data[:-3], b"", b"words", data.replace(b"l", b"k")]


@pytest.mark.parametrize("kind", range(6))
def test_a_damaged_reference_is_a_study_error(msd, tmp_path, kind):
    slices = prepare(msd, tmp_path)
    path = slices.directory / "references" / "1.npz"
    path.write_bytes(damaged(path.read_bytes())[kind])
    with pytest.raises(StudyError, match=r"1\.npz holds no usable reference labels .* again\.$"):
        slices.reference(1)


def test_an_absent_reference_or_one_of_another_volume_is_refused(msd, tmp_path):
    slices = prepare(msd, tmp_path)
    (slices.directory / "references" / "1.npz").unlink()
    (slices.directory / "references" / "2.npz").rename(slices.directory / "references" / "3.npz")
    with pytest.raises(StudyError, match="No such file or directory"):
        slices.reference(1)
    with pytest.raises(StudyError, match=r"uint8 of shape \(8, 6, 9\), not \(8, 7, 9\)"):
        slices.reference(3)
