"""Which slices a network sees: those around each one, within its volume."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mbnas.data.datasets.dataset import read_dataset
from mbnas.data.images.geometry import Geometry
from mbnas.data.phantom import write_phantom
from mbnas.data.slices.neighbours import channel_names, lacks_neighbours, neighbour_indices
from mbnas.data.slices.prepare_slices import prepare_slices
from mbnas.data.slices.prepared_slices import PreparationSettings
from mbnas.data.slices.slice_axis import slice_findings
from mbnas.errors import ConfigurationError, DatasetError


def walked(volumes, index, context):
    """The neighbours, one step after another, as a person finds them in a list of volumes."""
    (volume,) = [each for each in volumes if index in each]
    found = []
    for step in range(-context, context + 1):
        here = volume.index(index)
        for _ in range(abs(step)):
            there = here + (1 if step > 0 else -1)
            here = there if 0 <= there < len(volume) else here
        found.append(volume[here])
    return found


@given(
    lengths=st.lists(st.integers(1, 7), min_size=1, max_size=6),
    context=st.integers(0, 8),
    data=st.data(),
)
def test_neighbours_are_those_of_a_walk_through_the_volume(lengths, context, data):
    starts = np.concatenate([[0], np.cumsum(lengths)])
    volumes = [list(range(*each)) for each in pairwise(starts)]
    chosen = data.draw(st.lists(st.integers(0, int(starts[-1]) - 1), min_size=1, max_size=9))
    found = neighbour_indices(starts, np.array(chosen), context)
    assert found.tolist() == [walked(volumes, index, context) for index in chosen]


def test_at_the_border_the_nearest_slice_of_the_same_volume_is_seen():
    found = neighbour_indices(np.array([0, 4, 5]), np.array([0, 3, 4]), 2)
    assert found.tolist() == [[0, 0, 0, 1, 2], [1, 2, 3, 3, 3], [4, 4, 4, 4, 4]]


def test_all_channels_of_one_slice_come_before_those_of_the_next():
    assert channel_names(["T2", "ADC"], 0) == ("T2", "ADC")
    assert channel_names(["T2", "ADC"], 1) == (
        *("T2 (slice -1)", "ADC (slice -1)"),
        *("T2", "ADC"),
        *("T2 (slice +1)", "ADC (slice +1)"),
    )


def test_volumes_of_one_slice_each_have_no_neighbours():
    assert lacks_neighbours([1, 1], 0) is None
    assert lacks_neighbours([1, 2], 1) is None
    assert "every volume of this dataset has a single slice. Set it to 0." in lacks_neighbours(
        [1, 1], 1
    )
    flat = Geometry.canonical((40, 40, 1), (1.0, 1.0, 1.0))
    (finding,) = slice_findings({"a": flat, "b": flat}, 2, 32, 1)
    assert (finding.severity, finding.rule) == ("error", "no-neighbours")
    assert not slice_findings({"a": flat, "b": flat}, 2, 32, 0)


def test_a_dataset_of_single_slices_is_refused_before_anything_is_written(flattened, tmp_path):
    dataset = read_dataset(flattened)
    patients = {case.name: case.name for case in dataset.cases}
    settings = PreparationSettings(slice_size=16, context=1)
    with pytest.raises(DatasetError, match=r"preparation.context \(=1\) gives a network neigh"):
        prepare_slices(dataset, settings, tmp_path / "slices", patients=patients)
    assert not (tmp_path / "slices").exists()


@pytest.mark.parametrize("context", [-1, 9])
def test_the_number_of_neighbours_has_bounds(context):
    with pytest.raises(ConfigurationError, match=rf"preparation.context \(={context}\) must be"):
        PreparationSettings(context=context)


@pytest.fixture
def flattened(tmp_path):
    """A phantom of which only one slice of each volume is left."""
    import nibabel as nib

    root = write_phantom("prostate", tmp_path / "dataset", num_patients=2)
    for path in [*root.glob("imagesTr/*"), *root.glob("labelsTr/*")]:
        image = nib.load(path)
        voxels = np.asarray(image.dataobj)
        middle = voxels.shape[2] // 2
        nib.save(nib.Nifti1Image(voxels[:, :, middle : middle + 1], image.affine), path)
    return root
