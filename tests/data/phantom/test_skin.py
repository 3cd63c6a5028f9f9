"""The phantom of pictures is a sound dataset, the same for a seed."""

import numpy as np

from mbnas.data.checks.dataset_check import check_dataset
from mbnas.data.datasets.dataset import read_dataset
from mbnas.data.images.read import read_image
from mbnas.data.phantom.skin import write_skin_phantom


def test_it_is_sound_with_patients_of_two_pictures(tmp_path):
    root = write_skin_phantom(tmp_path / "skin", num_patients=4)
    found = check_dataset(root, num_folds=2, patient_pattern=r"skin_\d+")
    assert found.is_sound, found.findings
    assert found.contents.num_patients == 4
    assert found.contents.unit == "pixels"
    assert found.contents.classes[0].num_cases == 8


def test_a_seed_gives_the_same_pictures(tmp_path):
    roots = [write_skin_phantom(tmp_path / name, num_patients=1) for name in "ab"]
    one, other = (read_image(read_dataset(root).cases[0].images).voxels for root in roots)
    assert np.array_equal(one, other)
    assert len(one) == 3
