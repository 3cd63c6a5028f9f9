"""Slices for patches: bit for bit where nothing is resampled, at one spacing elsewhere."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mbnas.data.datasets.dataset import read_dataset
from mbnas.data.images.geometry import Geometry
from mbnas.data.images.read import read_image, read_label
from mbnas.data.images.write import write_image
from mbnas.data.slices.foreground_rows import ForegroundRows
from mbnas.data.slices.plane_transform import PlaneTransform
from mbnas.data.slices.prepare_slices import prepare_slices
from mbnas.data.slices.prepared_slices import Index, PreparationSettings, PreparedSlices
from mbnas.data.slices.slice_places import SlicePlaces
from mbnas.errors import ConfigurationError, StudyError

shapes = st.tuples(*[st.integers(1, 12)] * 3)
spacings = st.tuples(*[st.floats(0.3, 5)] * 3)


def write_volumes(root, shapes_and_spacings, channels=("noNorm", "MRI")):
    """Write volumes of any shapes and spacings, with some foreground in each."""
    rng, cases = np.random.default_rng(0), []
    for folder in ("imagesTr", "labelsTr"):
        (root / folder).mkdir(parents=True)
    for number, (shape, spacing) in enumerate(shapes_and_spacings):
        affine = np.diag([*spacing, 1.0])
        image = rng.normal(100, 20, (len(channels), *shape)).astype(np.float32)
        labels = rng.integers(0, 3, (1, *shape)).astype(np.uint8)
        name = f"case_{number}.nii.gz"
        write_image(root / "imagesTr" / name, image, affine)
        write_image(root / "labelsTr" / name, labels, affine)
        cases.append({"image": f"./imagesTr/{name}", "label": f"./labelsTr/{name}"})
    facts = {
        "name": "Volumes",
        "modality": {str(number): name for number, name in enumerate(channels)},
        "labels": {"0": "background", "1": "one", "2": "two"},
        "training": cases,
    }
    (root / "dataset.json").write_text(json.dumps(facts))
    return read_dataset(root)


def prepared_volumes(dataset, directory, patch_size=8, *, held_out=frozenset(), **settings):
    patients = {case.name: case.name for case in dataset.cases}
    chosen = PreparationSettings(patch_size=patch_size, slice_axis=2, **settings)
    return PreparedSlices.open(
        prepare_slices(dataset, chosen, directory, patients=patients, held_out=held_out)
    )


SAME = [((10, 13, 2), (1.0, 1.0, 3.0)), ((9, 8, 1), (1.0, 1.0, 1.0)), ((20, 9, 3), (1.0, 1.0, 2.0))]


def test_slices_of_one_spacing_are_stored_bit_for_bit(tmp_path):
    dataset = write_volumes(tmp_path / "data", SAME, channels=("noNorm", "noNorm"))
    prepared = prepared_volumes(dataset, tmp_path / "slices")
    assert prepared.images.ndim == prepared.labels.ndim == 1
    frames = [each.plane.frame for each in prepared.volumes for _ in range(each.num_slices)]
    places = SlicePlaces.of(frames)
    for volume, case in zip(prepared.volumes, dataset.cases, strict=True):
        assert not volume.plane.resamples
        voxels = read_image(case.images).voxels
        labels, _ = read_label(case.label)
        assert np.array_equal(prepared.images_of(volume), np.moveaxis(voxels, 3, 0))
        assert np.array_equal(prepared.labels_of(volume), np.moveaxis(labels, 2, 0))
        assert np.array_equal(volume.on_voxels(prepared.labels_of(volume)), labels)
        for number in range(volume.num_slices):
            pixels = places.pixels(volume.first_slice + number)
            of_slice = prepared.labels[pixels].reshape(volume.plane.frame)
            assert np.array_equal(of_slice, labels[:, :, number])


def test_other_spacings_are_brought_to_the_median_of_the_patients_that_are_not_held_out(tmp_path):
    volumes = [
        ((10, 16, 1), (1.0, 1.0, 1.0)),
        ((10, 16, 1), (2.0, 1.0, 1.0)),
        ((10, 16, 1), (4.0, 0.5, 1.0)),
        ((10, 16, 1), (9.0, 9.0, 1.0)),
    ]
    dataset = write_volumes(tmp_path / "data", volumes)
    prepared = prepared_volumes(dataset, tmp_path / "slices", held_out=frozenset({"case_3"}))
    fitted = [volume.plane.fitted for volume in prepared.volumes]
    assert fitted == [(5, 16), (10, 16), (20, 8), (45, 144)]
    assert [volume.plane.frame for volume in prepared.volumes] == [
        (8, 16),
        (10, 16),
        (20, 8),
        (45, 144),
    ]


def test_slices_smaller_than_a_patch_are_padded_in_the_middle(tmp_path):
    dataset = write_volumes(tmp_path / "data", [((9, 12, 2), (1.0, 1.0, 1.0))] * 2)
    volume = (prepared := prepared_volumes(dataset, tmp_path / "slices", patch_size=16)).volumes[0]
    assert (volume.plane.frame, volume.plane.offset) == ((16, 16), (3, 2))
    labels, _ = read_label(dataset.cases[0].label)
    padded = prepared.labels_of(volume)
    assert np.array_equal(padded[:, 3:12, 2:14], np.moveaxis(labels, 2, 0))
    assert padded.sum() == labels.sum()
    assert np.array_equal(volume.on_voxels(padded), labels)
    images = prepared.images_of(volume)
    assert not images[:, :, :3].any()
    assert not images[..., 14:].any()


@given(shapes, st.integers(0, 2), st.integers(1, 20), spacings)
def test_undoing_is_exact_at_the_own_spacing(shape, axis, patch_size, spacing):
    geometry = Geometry.canonical(shape, spacing)
    plane = PlaneTransform.keep(geometry, axis, patch_size, geometry.spacing_mm)
    assert not plane.resamples
    labels = np.random.default_rng(0).integers(0, 5, shape).astype(np.uint8)
    assert np.array_equal(plane.undo(plane.labels(labels)), labels)
    maps = np.random.default_rng(0).random((plane.num_slices, 2, *plane.frame), np.float32)
    assert np.array_equal(plane.undo(maps[:, 0]), np.moveaxis(plane.restore(maps)[:, 0], 0, axis))


@given(shapes, st.integers(0, 2), st.integers(1, 20), spacings, spacings)
def test_a_transform_survives_json(shape, axis, patch_size, spacing, wanted):
    plane = PlaneTransform.keep(Geometry.canonical(shape, spacing), axis, patch_size, wanted)
    assert min(plane.frame) >= patch_size
    assert PlaneTransform.from_json(json.loads(json.dumps(plane.to_json()))) == plane


@pytest.mark.parametrize("workers", [1, 2])
def test_the_foreground_is_that_of_all_slices(tmp_path, workers):
    dataset = write_volumes(tmp_path / "data", SAME)
    patients = {case.name: case.name for case in dataset.cases}
    settings = PreparationSettings(patch_size=8, slice_axis=2)
    folder = prepare_slices(dataset, settings, tmp_path / "s", patients=patients, workers=workers)
    prepared = PreparedSlices.open(folder)
    parts = [ForegroundRows.of(prepared.labels_of(each), 3) for each in prepared.volumes]
    expected = ForegroundRows.joined(parts)
    assert np.array_equal(prepared.foreground.pixels_R, expected.pixels_R)
    assert np.array_equal(prepared.foreground.pairs_N, expected.pairs_N)
    assert Index.from_json(prepared.index.to_json()) == prepared.index


def test_slices_without_their_foreground_are_damaged(tmp_path):
    dataset = write_volumes(tmp_path / "data", SAME)
    directory = prepared_volumes(dataset, tmp_path / "slices").directory
    (directory / "foreground.npz").unlink()
    with pytest.raises(StudyError, match="holds no usable prepared slices"):
        PreparedSlices.open(directory)


def test_slices_and_patches_exclude_each_other():
    with pytest.raises(
        ConfigurationError,
        match=r"preparation\.slice_size \(=64\) and preparation\.patch_size \(=32\) exclude each "
        r"other: .* Set one of them\.$",
    ):
        PreparationSettings(slice_size=64, patch_size=32)
    with pytest.raises(ConfigurationError, match=r"preparation\.patch_size \(=3\) must be 4 or"):
        PreparationSettings(patch_size=3)
    assert PreparationSettings().slice_size == 128
    assert PreparationSettings(patch_size=32).input_size == 32
    assert PreparationSettings(slice_size=32).input_size == 32
    assert "patch_size" not in PreparationSettings().stored
