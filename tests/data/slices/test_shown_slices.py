"""Pictures are shown in the colours in which they are stored, volumes as they are normalised."""

import numpy as np

from mbnas.data.datasets.dataset import read_dataset
from mbnas.data.images.read import read_image
from mbnas.data.phantom.skin import write_skin_phantom
from mbnas.data.slices.prepare_slices import prepare_slices
from mbnas.data.slices.prepared_slices import Index, PreparationSettings, PreparedSlices
from mbnas.data.slices.shown_slices import are_coloured, shown_slices


def prepared(dataset, directory, **settings):
    patients = {case.name: case.name for case in dataset.cases}
    settings = PreparationSettings(**settings)
    return PreparedSlices.open(prepare_slices(dataset, settings, directory, patients=patients))


def test_pictures_have_their_stored_colours(tmp_path):
    dataset = read_dataset(write_skin_phantom(tmp_path / "data", num_patients=3))
    slices = prepared(dataset, tmp_path / "slices", patch_size=16)
    assert are_coloured(slices)
    for case, volume in zip(dataset.cases, slices.volumes, strict=True):
        (shown,) = shown_slices(slices, volume)
        stored = read_image(case.images).voxels[:, :, :, 0]
        (top, left), (height, width) = volume.plane.offset, volume.plane.fitted
        inner = shown[top : top + height, left : left + width]
        assert np.allclose(inner, np.moveaxis(stored, 0, -1), atol=1e-3)
        (thinned,) = shown_slices(slices, volume, step=2)
        assert np.array_equal(thinned, shown[::2, ::2])
    assert Index.from_json(slices.index.to_json()) == slices.index


def test_volumes_are_shown_as_they_are_normalised(msd, tmp_path):
    slices = prepared(read_dataset(msd), tmp_path / "slices", slice_size=16)
    assert not are_coloured(slices)
    for volume in slices.volumes:
        assert volume.tones == ()
        shown = shown_slices(slices, volume, slice(1, 3))
        assert np.array_equal(shown, slices.images_of(volume)[1:3, 0])
