"""Metrics: by hand, by the definition over all edge voxels, and by MONAI without cropping."""

import math
import warnings

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from monai.metrics import compute_hausdorff_distance, compute_surface_dice
from numpy.testing import assert_allclose

from mbnas.errors import DatasetError, UsageError
from mbnas.scoring.class_metrics import ClassMetrics
from mbnas.scoring.surface_distance import diagonal_mm, measure

SPACING_MM = (0.5, 1.0, 3.0)


def volume(*boxes, shape=(12, 10, 6)):
    """A volume in which each box of (start, stop) corners holds the class of its number."""
    labels = np.zeros(shape, np.uint8)
    for number, (start, stop) in enumerate(boxes, start=1):
        if start is not None:
            labels[tuple(map(slice, start, stop))] = number
    return labels


def voxel(*place):
    return volume((place, tuple(each + 1 for each in place)))


def measured(prediction, reference, **options):
    """The metrics of class 1."""
    options = {"num_classes": 2, "spacing_mm": SPACING_MM} | options
    return measure(prediction, reference, **options)[0]


def hd95_by_definition(prediction, reference, spacing_mm=SPACING_MM):
    """Over all pairs of edge voxels, without any library's distance transform."""
    points = []
    for mask in (prediction == 1, reference == 1):
        inside = np.pad(mask, 1)
        surrounded = np.logical_and.reduce(
            [np.roll(inside, step, axis) for axis in range(3) for step in (-1, 1)]
        )
        points.append(np.argwhere(inside & ~surrounded) * np.array(spacing_mm))
    distances = np.linalg.norm(points[0][:, None] - points[1][None], axis=-1)
    return max(np.percentile(distances.min(axis), 95) for axis in (0, 1))


def cuboid_elements(start, stop, spacing_mm):
    """Corners on the surface of a cuboid, in mm, and the area of each by marching cubes.

    An element whose eight voxels hold one inside is a triangle between the middles of three edges,
    one with two a rectangle across an edge, and one with four a side.
    """
    a, b, c = spacing_mm
    area = {
        3: 0.5 * math.hypot(a * b / 4, b * c / 4, a * c / 4),
        (0, 1): c * math.hypot(a / 2, b / 2),
        (0, 2): b * math.hypot(a / 2, c / 2),
        (1, 2): a * math.hypot(b / 2, c / 2),
        (0,): b * c,
        (1,): a * c,
        (2,): a * b,
    }
    places, areas = [], []
    for corner in np.ndindex(*(high - low + 1 for low, high in zip(start, stop, strict=True))):
        place = np.add(corner, start)
        flat = tuple(axis for axis in range(3) if place[axis] in (start[axis], stop[axis]))
        if flat:
            places.append(place * np.array(spacing_mm))
            areas.append(area[3 if len(flat) == 3 else flat])
    return np.array(places), np.array(areas)


def surface_dice_by_definition(first, second, tolerance_mm=2.0, spacing_mm=SPACING_MM):
    """Of two cuboids, each of (start, stop) corners."""
    (places, areas), (others, other_areas) = (
        cuboid_elements(*each, spacing_mm) for each in (first, second)
    )
    distances = np.linalg.norm(places[:, None] - others[None], axis=-1)
    found = areas[distances.min(1) <= tolerance_mm].sum()
    found += other_areas[distances.min(0) <= tolerance_mm].sum()
    return found / (areas.sum() + other_areas.sum())


def by_monai(prediction, reference, tolerance_mm=2.0):
    """HD95 and surface Dice on the whole volume."""
    masks = [torch.from_numpy(each == 1)[None, None] for each in (prediction, reference)]
    options = {"include_background": True, "spacing": SPACING_MM}
    return (
        compute_hausdorff_distance(*masks, percentile=95, **options).item(),
        compute_surface_dice(
            *masks, class_thresholds=[tolerance_mm], use_subvoxels=True, **options
        ).item(),
    )


EMPTY = volume()
WHOLE = volume(((0, 0, 0), (12, 10, 6)))
DIAGONAL_MM = math.sqrt(5.5**2 + 9**2 + 15**2)


@pytest.mark.parametrize(
    ("prediction", "reference", "dice", "hd95_mm", "surface_dice"),
    [
        pytest.param(EMPTY, EMPTY, None, None, None, id="absent from both"),
        pytest.param(voxel(1, 1, 1), EMPTY, 0, DIAGONAL_MM, 0, id="a false alarm"),
        pytest.param(EMPTY, voxel(1, 1, 1), 0, DIAGONAL_MM, 0, id="missed"),
        pytest.param(voxel(3, 3, 3), voxel(3, 3, 3), 1, 0, 1, id="one voxel, found"),
        # Four of the eight corners of each are shared, the others 3 mm away.
        pytest.param(voxel(3, 3, 2), voxel(3, 3, 3), 0, 3, 0.5, id="one slice off"),
        # Across x the voxel is 0.5 mm wide: every corner lies within 2 mm of one.
        pytest.param(voxel(3, 3, 3), voxel(4, 3, 3), 0, 0.5, 1, id="one column off"),
        pytest.param(voxel(0, 0, 0), voxel(6, 4, 0), 0, 5, 0, id="3 mm and 4 mm off"),
        pytest.param(voxel(0, 0, 0), voxel(11, 9, 5), 0, DIAGONAL_MM, 0, id="opposite corners"),
        pytest.param(WHOLE, WHOLE, 1, 0, 1, id="all of the volume"),
    ],
)
def test_awkward_cases_by_hand(prediction, reference, dice, hd95_mm, surface_dice):
    result = measured(prediction, reference)
    expected = (dice, hd95_mm, surface_dice)
    if dice is None:
        assert (result.dice, result.hd95_mm, result.surface_dice) == expected
    else:
        assert_allclose((result.dice, result.hd95_mm, result.surface_dice), expected, rtol=1e-6)
    assert result.predicted_voxels == (prediction == 1).sum()
    assert result.reference_voxels == (reference == 1).sum()


CUBOIDS = {
    "one inside the other": (((2, 2, 1), (9, 8, 5)), ((3, 3, 2), (8, 7, 4))),
    "moved along x": (((1, 2, 1), (6, 8, 5)), ((5, 2, 1), (10, 8, 5))),
    "moved along z": (((1, 2, 0), (6, 8, 4)), ((1, 2, 1), (6, 8, 5))),
    "touching the border": (((0, 0, 0), (5, 5, 3)), ((0, 0, 0), (7, 9, 4))),
    "from border to border": (((0, 0, 0), (12, 10, 2)), ((0, 0, 0), (12, 10, 6))),
    "sheets one slice apart": (((1, 1, 2), (11, 9, 3)), ((1, 1, 3), (11, 9, 4))),
    "sheets one column apart": (((2, 1, 1), (3, 9, 5)), ((7, 1, 1), (8, 9, 5))),
    "a sheet and the block it lies in": (((0, 4, 0), (12, 5, 6)), ((0, 0, 0), (12, 10, 6))),
    "a line and a voxel": (((0, 4, 3), (12, 5, 4)), ((4, 4, 3), (5, 5, 4))),
}


@pytest.mark.parametrize("name", CUBOIDS)
@pytest.mark.parametrize("tolerance_mm", [0.0, 0.6, 2.0, 3.0])
def test_cuboids_by_definition(name, tolerance_mm):
    boxes = CUBOIDS[name]
    prediction, reference = (volume(box) for box in boxes)
    result = measured(prediction, reference, tolerance_mm=tolerance_mm)
    overlap = ((prediction == 1) & (reference == 1)).sum()
    assert result.dice == 2 * overlap / (prediction.sum() + reference.sum())
    assert_allclose(result.hd95_mm, hd95_by_definition(prediction, reference), rtol=1e-6)
    expected = surface_dice_by_definition(*boxes, tolerance_mm=tolerance_mm)
    assert_allclose(result.surface_dice, expected, rtol=1e-5, atol=1e-7)


masks = arrays(np.uint8, (5, 4, 3), elements=st.integers(0, 1))


@given(masks, masks, st.tuples(*[st.integers(0, 4)] * 6))
@settings(max_examples=60)
def test_cropping_changes_nothing(prediction, reference, margins):
    around = list(zip(margins[::2], margins[1::2], strict=True))
    prediction, reference = np.pad(prediction, around), np.pad(reference, around)
    result = measured(prediction, reference)
    if prediction.any() and reference.any():
        assert (result.hd95_mm, result.surface_dice) == by_monai(prediction, reference)
        # MONAI interpolates between two distances in single precision.
        assert_allclose(result.hd95_mm, hd95_by_definition(prediction, reference), atol=1e-5)


@given(masks, masks)
@settings(max_examples=60)
def test_metrics_are_symmetric_bounded_and_finite(prediction, reference):
    result, swapped = measured(prediction, reference), measured(reference, prediction)
    values = (result.dice, result.hd95_mm, result.surface_dice)
    if not (prediction.any() or reference.any()):
        assert values == (None, None, None)
        return
    assert_allclose(values, (swapped.dice, swapped.hd95_mm, swapped.surface_dice), rtol=1e-6)
    assert 0 <= result.dice <= 1
    assert 0 <= result.surface_dice <= 1
    assert 0 <= result.hd95_mm <= diagonal_mm(prediction.shape, SPACING_MM) * (1 + 1e-6)


def test_classes_are_measured_separately():
    prediction = volume(((1, 1, 1), (4, 4, 4)), (None, None), ((6, 6, 1), (9, 9, 4)))
    reference = volume(((1, 1, 1), (4, 4, 4)), ((6, 1, 1), (9, 4, 4)))
    found, missed, alarm, absent = measure(
        prediction, reference, num_classes=5, spacing_mm=SPACING_MM
    )
    assert found == ClassMetrics(
        dice=1.0, hd95_mm=0.0, surface_dice=1.0, predicted_voxels=27, reference_voxels=27
    )
    assert (missed.predicted_voxels, missed.reference_voxels) == (0, 27)
    assert (alarm.predicted_voxels, alarm.reference_voxels) == (27, 0)
    for each in (missed, alarm):
        assert (each.dice, each.surface_dice) == (0, 0)
        assert each.hd95_mm == pytest.approx(DIAGONAL_MM)
    assert absent == ClassMetrics(
        dice=None, hd95_mm=None, surface_dice=None, predicted_voxels=0, reference_voxels=0
    )


def test_a_class_does_not_depend_on_other_classes():
    rng = np.random.default_rng(0)
    prediction, reference = rng.integers(0, 3, (2, 8, 7, 6))
    both = measure(prediction, reference, num_classes=3, spacing_mm=SPACING_MM)
    for number, expected in enumerate(both, start=1):
        alone = measured((prediction == number).astype(int), (reference == number).astype(int))
        assert alone == expected


def test_the_tolerance_is_included():
    first, second = voxel(3, 3, 2), voxel(3, 3, 3)
    assert measured(first, second, tolerance_mm=3.0).surface_dice == 1
    assert measured(first, second, tolerance_mm=2.99).surface_dice == 0.5


def test_no_warning_of_a_library_is_shown():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        measured(voxel(3, 3, 2), voxel(3, 3, 3))
        measured(voxel(3, 3, 2), EMPTY)


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"reference": EMPTY[1:]}, DatasetError, "shape \\(11, 10, 6\\): they must be on one grid"),
        (
            {"reference": EMPTY + np.uint8(2)},
            DatasetError,
            "reference holds 2, which is not a class",
        ),
        ({"prediction": EMPTY - np.int16(1)}, DatasetError, "prediction holds -1"),
        ({"num_classes": 1}, DatasetError, "num_classes \\(=1\\) must be 2 or more"),
        ({"spacing_mm": (1.0, 0.0, 1.0)}, DatasetError, "three positive lengths"),
        ({"spacing_mm": (1.0, math.nan, 1.0)}, DatasetError, "three positive lengths"),
        ({"tolerance_mm": -1.0}, UsageError, "tolerance_mm \\(=-1.0\\)"),
        ({"tolerance_mm": math.inf}, UsageError, "tolerance_mm \\(=inf\\)"),
    ],
)
def test_invalid_input_is_refused(change, error, words):
    with pytest.raises(error, match=words):
        measured(**({"prediction": EMPTY, "reference": EMPTY} | change))


def test_regions_are_measured_as_masks_of_their_labels():
    rng = np.random.default_rng(0)
    prediction, reference = rng.integers(0, 4, (2, 8, 7, 6))
    regions = ((1, 2, 3), (2, 3), (3,))
    found = measure(prediction, reference, num_classes=4, spacing_mm=SPACING_MM, regions=regions)
    for region, metrics in zip(regions, found, strict=True):
        masks = (np.isin(each, region).astype(int) for each in (prediction, reference))
        assert metrics == measured(*masks)


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=10)
def test_nothing_under_ignored_voxels_changes_a_metric(seed):
    rng = np.random.default_rng(seed)
    prediction, other, reference = rng.integers(0, 3, (3, 6, 7, 5)).astype(np.uint8)
    is_ignored = rng.random(reference.shape) < 0.4
    reference[is_ignored] = 255
    options = {"num_classes": 3, "spacing_mm": SPACING_MM, "ignored": 255}
    found = measure(prediction, reference, **options)
    assert measure(np.where(is_ignored, other, prediction), reference, **options) == found
    masks = [(prediction == 2) & ~is_ignored, reference == 2]
    overlap, size = (masks[0] & masks[1]).sum(), masks[0].sum() + masks[1].sum()
    assert found[1].dice == (pytest.approx(2 * overlap / size) if size else None)
    assert (found[1].predicted_voxels, found[1].reference_voxels) == tuple(map(np.sum, masks))


def test_a_class_that_is_under_ignored_voxels_alone_is_absent():
    prediction, reference = voxel(3, 3, 2), voxel(3, 3, 2) * np.uint8(255)
    assert measured(prediction, reference, ignored=255).dice is None
    with pytest.raises(DatasetError, match="prediction holds 255"):
        measured(reference, prediction, ignored=255)


def edge_pixels(mask_HW, spacing):
    """Centres of pixels with one of four neighbours outside."""
    inside = np.pad(mask_HW, 1)
    surrounded = np.logical_and.reduce(
        [np.roll(inside, step, axis) for axis in range(2) for step in (-1, 1)]
    )
    return np.argwhere(inside & ~surrounded) * np.array(spacing)


def contour_elements(mask_HW, spacing):
    """Corners between pixels inside and outside, and the length of contour at each.

    A corner with one pixel inside, or one outside, has a line between the middles of two sides.
    """
    inside = np.pad(mask_HW, 1).astype(int)
    down, across = spacing
    halves = math.hypot(down, across) / 2
    places, lengths = [], []
    for row, column in np.ndindex(inside.shape[0] - 1, inside.shape[1] - 1):
        (a, b), (c, d) = inside[row : row + 2, column : column + 2]
        count = a + b + c + d
        if count in (0, 4):
            continue
        if count in (1, 3):
            length = halves
        elif a == d:
            length = 2 * halves
        else:
            length = across if a == b else down
        places.append((row * down, column * across))
        lengths.append(length)
    return np.array(places), np.array(lengths)


@given(
    arrays(np.bool_, (7, 6, 1), elements=st.booleans()),
    arrays(np.bool_, (7, 6, 1), elements=st.booleans()),
    st.sampled_from([(1.0, 1.0), (0.5, 2.0)]),
    st.permutations(range(3)),
)
@settings(max_examples=40, deadline=None)
def test_a_picture_is_measured_in_its_plane(prediction, reference, spacing, axes):
    prediction[0, 0] = reference[-1, -1] = True
    # the thickness of a slice along any axis, and its spacing, change nothing
    spacing_mm = tuple((*spacing, 7.0)[axis] for axis in axes)
    turned = (prediction.transpose(axes), reference.transpose(axes))
    found = measured(*(mask.astype(np.uint8) for mask in turned), spacing_mm=spacing_mm)
    masks = (prediction[..., 0], reference[..., 0])
    one, other = (edge_pixels(mask, spacing) for mask in masks)
    distances = np.linalg.norm(one[:, None] - other[None], axis=-1)
    hd95 = max(np.percentile(distances.min(axis), 95) for axis in (0, 1))
    assert found.hd95_mm == pytest.approx(hd95, abs=1e-5)
    (places, lengths), (others, other_lengths) = (contour_elements(mask, spacing) for mask in masks)
    apart = np.linalg.norm(places[:, None] - others[None], axis=-1)
    near = lengths[apart.min(axis=1) <= 2].sum() + other_lengths[apart.min(axis=0) <= 2].sum()
    whole = lengths.sum() + other_lengths.sum()
    assert found.surface_dice == pytest.approx(near / whole, abs=1e-5)


def test_an_inner_error_of_a_picture_counts_and_its_inside_does_not():
    reference = np.zeros((40, 40, 1), np.uint8)
    reference[5:35, 5:35] = 1
    prediction = reference.copy()
    prediction[5:35, 30:35] = 0  # a side is 5 pixels off
    found = measured(prediction, reference, spacing_mm=(1.0, 1.0, 1.0))
    assert found.hd95_mm == 5.0
    assert 0.7 < found.surface_dice < 0.8
