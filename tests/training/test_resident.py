"""Slices in memory: those of the files, each with its patient."""

import numpy as np
import pytest

from mbnas.data.folds import make_folds
from mbnas.data.slices import PreparedSlices
from mbnas.errors import StudyError
from mbnas.training.resident import load_resident


def test_tensors_hold_what_the_files_hold(slices, data):
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
    for fold in make_folds(data.patients, 2, seed=0):
        training, validation = data.split(fold)
        together = np.concatenate([training, validation])
        assert sorted(together) == list(range(len(data.patient_N)))
        assert {data.patients[number] for number in data.patient_N[validation]} == set(
            fold.validation
        )


def test_a_process_loads_slices_once(slices):
    assert load_resident(slices, "cpu") is load_resident(slices, "cpu")


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
    assert data.flip_dims(axes) == dims


def test_slices_that_are_not_there_are_refused(tmp_path):
    with pytest.raises(StudyError, match="holds no usable prepared slices"):
        load_resident(tmp_path / "absent", "cpu")
