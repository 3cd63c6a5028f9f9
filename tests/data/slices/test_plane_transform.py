"""Volumes to slices and back: properties on the label grid, and what images become."""

import json

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from mbnas.data.datasets.normalisation import ChannelNormalisation
from mbnas.data.images.geometry import Geometry
from mbnas.data.slices.plane_transform import PlaneTransform, image_blocks

spacings = st.floats(0.3, 5, allow_nan=False)
shapes = st.tuples(*[st.integers(1, 12)] * 3)


def geometry_of(shape, spacing_mm=(1.0, 1.0, 1.0)):
    affine = np.diag([*spacing_mm, 1.0])
    return Geometry(
        shape_xyz=shape,
        affine=tuple(map(tuple, affine.tolist())),
        orientation=((0, 1), (1, 1), (2, 1)),
    )


def labels_of(shape, seed):
    return np.random.default_rng(seed).integers(0, 5, shape).astype(np.uint8)


@given(shapes, st.integers(0, 2), st.integers(0, 9))
def test_undoing_is_exact_without_resampling(shape, axis, seed):
    size = max(n for other, n in enumerate(shape) if other != axis)
    plane = PlaneTransform.fit(geometry_of(shape), axis, size)
    assert not plane.resamples
    labels = labels_of(shape, seed)
    assert np.array_equal(plane.undo(plane.labels(labels)), labels)


@given(shapes, st.tuples(spacings, spacings, spacings), st.integers(0, 2), st.integers(12, 40))
def test_undoing_is_exact_if_every_voxel_has_a_pixel(shape, spacing, axis, size):
    plane = PlaneTransform.fit(geometry_of(shape, spacing), axis, size)
    labels = labels_of(shape, 0)
    restored = plane.undo(plane.labels(labels))
    assert restored.shape == shape
    if all(p >= n for p, n in zip(plane.fitted, plane.plane_shape, strict=True)):
        assert np.array_equal(restored, labels)


@given(shapes, st.tuples(spacings, spacings, spacings), st.integers(0, 2), st.integers(1, 30))
def test_undoing_gives_each_voxel_its_nearest_pixel(shape, spacing, axis, size):
    plane = PlaneTransform.fit(geometry_of(shape, spacing), axis, size)
    slices = np.arange(plane.num_slices * size * size).reshape(-1, size, size)
    restored = np.moveaxis(plane.undo(slices), axis, 0)
    (height, width), (top, left) = plane.fitted, plane.offset
    inner = slices[:, top : top + height, left : left + width]
    centres = [
        (np.arange(n) + 0.5) * f / n for n, f in zip(plane.plane_shape, plane.fitted, strict=True)
    ]
    for index, row in enumerate(centres[0]):
        for other, column in enumerate(centres[1]):
            y, x = inner.shape[1:]
            distance_y, distance_x = abs(np.arange(y) + 0.5 - row), abs(np.arange(x) + 0.5 - column)
            value = restored[0, index, other]
            found = np.argwhere(inner[0] == value)[0]
            assert distance_y[found[0]] <= distance_y.min() + 1e-9
            assert distance_x[found[1]] <= distance_x.min() + 1e-9


@given(shapes, st.tuples(spacings, spacings, spacings), st.integers(0, 2), st.integers(1, 30))
def test_slices_are_squares_that_keep_the_aspect_ratio(shape, spacing, axis, size):
    plane = PlaneTransform.fit(geometry_of(shape, spacing), axis, size)
    assert max(plane.fitted) == size
    extents = [n * mm for i, (n, mm) in enumerate(zip(shape, spacing, strict=True)) if i != axis]
    scale = size / max(extents)
    for fitted, extent in zip(plane.fitted, extents, strict=True):
        assert fitted == 1 or abs(fitted - extent * scale) <= 0.5 + 1e-6
    voxels = np.ones((2, *shape), np.float32)
    images = plane.images(voxels)
    assert images.shape == (shape[axis], 2, size, size)
    assert_allclose(images.sum(axis=(2, 3)), plane.fitted[0] * plane.fitted[1], rtol=1e-4)


@given(shapes, st.tuples(spacings, spacings, spacings), st.integers(0, 2), st.integers(1, 30))
def test_a_transform_survives_json(shape, spacing, axis, size):
    plane = PlaneTransform.fit(geometry_of(shape, spacing), axis, size)
    assert PlaneTransform.from_json(json.loads(json.dumps(plane.to_json()))) == plane


def test_padding_is_in_the_middle():
    plane = PlaneTransform.fit(geometry_of((4, 2, 3)), 2, 4)
    assert (plane.fitted, plane.offset) == ((4, 2), (0, 1))
    images = plane.images(np.ones((1, 4, 2, 3), np.float32))
    assert images[0, 0].tolist() == [[0, 1, 1, 0]] * 4


def test_images_and_labels_stay_aligned_when_resized():
    labels = np.zeros((40, 40, 2), np.uint8)
    labels[10:20, 20:30] = 1
    plane = PlaneTransform.fit(geometry_of(labels.shape), 2, 20)
    images = plane.images(labels[None].astype(np.float32))
    assert np.array_equal(images[:, 0] > 0.5, plane.labels(labels) == 1)


def test_downsampling_averages_rather_than_picks():
    stripes = np.zeros((1, 32, 32, 1), np.float32)
    stripes[:, ::2] = 1
    images = PlaneTransform.fit(geometry_of((32, 32, 1)), 2, 8).images(stripes)
    assert_allclose(images[0, 0, 1:-1, 1:-1], 0.5, atol=0.05)


def test_a_constant_volume_gives_zeros_not_nan():
    plane = PlaneTransform.fit(geometry_of((3, 3, 3)), 2, 3)
    voxels = np.full((1, 3, 3, 3), 0.1, np.float32)
    normalisation = (ChannelNormalisation(scheme="zscore"),)
    assert not any(each.any() for _, each in image_blocks(voxels, normalisation, plane, at_once=2))


@given(shapes, st.tuples(spacings, spacings, spacings), st.integers(0, 2), st.integers(1, 30))
def test_restored_probabilities_sum_to_one(shape, spacing, axis, size):
    plane = PlaneTransform.fit(geometry_of(shape, spacing), axis, size)
    maps = np.random.default_rng(0).dirichlet([1, 1, 1], (plane.num_slices, size, size))
    maps_NKSS = np.moveaxis(maps, -1, 1).astype(np.float32)
    restored = plane.restore(maps_NKSS)
    assert restored.shape == (plane.num_slices, 3, *plane.plane_shape)
    assert_allclose(restored.sum(axis=1), 1, atol=1e-5)
    if not plane.resamples:
        assert np.array_equal(
            np.moveaxis(restored.argmax(axis=1), 0, axis), plane.undo(maps_NKSS.argmax(axis=1))
        )


@given(shapes, st.tuples(spacings, spacings, spacings), st.integers(0, 2), st.integers(1, 30))
def test_a_part_of_the_slices_gives_the_same_as_all(shape, spacing, axis, size):
    plane = PlaneTransform.fit(geometry_of(shape, spacing), axis, size)
    voxels = np.random.default_rng(0).normal(size=(2, *shape)).astype(np.float32)
    some = np.moveaxis(np.moveaxis(voxels, axis + 1, 0)[1:3], 0, axis + 1)
    assert np.array_equal(plane.images(some), plane.images(voxels)[1:3])
