"""The choice of the slice axis, and cases that do not fit it, computed by hand."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mbnas.data.checks.dataset_check import check_dataset
from mbnas.data.datasets.dataset import read_dataset
from mbnas.data.datasets.patients import group_by_patient
from mbnas.data.images.geometry import Geometry
from mbnas.data.images.write import write_image
from mbnas.data.slices.prepare_slices import prepare_slices
from mbnas.data.slices.prepared_slices import PreparationSettings, PreparedSlices
from mbnas.data.slices.slice_axis import (
    MIN_VOXELS,
    choose_slice_axis,
    narrowness,
    slice_findings,
)
from mbnas.errors import DatasetError


@pytest.mark.parametrize(
    ("spacings_mm", "axis"),
    [
        ([(1, 1, 1)], 2),
        ([(1, 1, 1.005)], 2),
        ([(1.005, 1, 1)], 2),
        ([(3, 1, 1)], 0),
        ([(1, 3, 1)], 1),
        ([(3, 1, 3)], 2),
        ([(1, 1, 5), (1, 1, 5), (9, 1, 1)], 2),
    ],
)
def test_the_slice_axis_is_the_coarsest_else_the_third(spacings_mm, axis):
    grids = [Geometry.canonical((9, 9, 9), tuple(map(float, row))) for row in spacings_mm]
    assert choose_slice_axis(grids) == axis


@pytest.mark.parametrize(
    ("shapes", "axis"),
    [
        ([(48, 44, 1)], 2),
        ([(48, 1, 44)], 1),
        ([(1, 48, 44)], 0),
        ([(48, 44, 1), (48, 44, 1), (48, 44, 20)], 2),
        ([(48, 44, 1), (48, 44, 20), (48, 44, 20)], 1),  # most are volumes, coarsest there
    ],
)
def test_an_axis_of_one_voxel_is_the_slice_axis(shapes, axis):
    """The spacings alone would say 1, the last of the two coarsest."""
    grids = [Geometry.canonical(shape, (1.4, 1.4, 1.0)) for shape in shapes]
    assert choose_slice_axis(grids) == axis


@given(st.tuples(*[st.integers(MIN_VOXELS, 40)] * 2), st.integers(0, 2), st.floats(0.2, 9))
def test_a_single_slice_is_never_cut_into_strips(sides, axis, thickness):
    shape, spacing = list(sides), [1.4, 1.4]
    shape.insert(axis, 1)
    spacing.insert(axis, thickness)
    grid = Geometry.canonical(tuple(shape), tuple(spacing))
    assert choose_slice_axis([grid]) == axis
    assert narrowness(grid, axis, 64) is None


def test_narrow_slices_are_refused_with_the_remedy():
    grid = Geometry.canonical((48, 44, 3), (1.4, 1.4, 1.0))
    assert choose_slice_axis([grid]) == 1
    (finding,) = slice_findings({"a": grid}, 1, 64)
    assert (finding.severity, finding.case, finding.rule) == ("error", "a", "narrow-slices")
    assert finding.message == (
        "Case a is cut across the posterior-anterior axis into slices of 48×3 voxels: a slice has "
        "8 or more along each side. Set preparation.slice_axis to 2 (inferior-superior), or leave "
        "out what cannot be cut so."
    )
    assert not slice_findings({"a": grid}, 2, 64)


def test_slices_that_become_narrow_are_refused():
    grid = Geometry.canonical((320, 10, 320), (1.0, 1.0, 1.0))
    assert "10×320 voxels, which become 2×64 pixels" in narrowness(grid, 0, 64)
    assert "raise preparation.slice_size" in narrowness(grid, 0, 64)
    assert narrowness(grid, 0, 128) is None


def test_orientations_that_are_mixed_are_named():
    axial = Geometry.canonical((64, 64, 20), (0.8, 0.8, 4.0))
    sagittal = Geometry.canonical((20, 64, 64), (4.0, 0.8, 0.8))
    grids = {"a": axial, "b": sagittal, "c": axial, "d": axial, "e": sagittal}
    (finding,) = slice_findings(grids, 2, 64)
    assert (finding.severity, finding.rule) == ("warning", "mixed-orientations")
    assert "(axial), but b and e are sagittal" in finding.message
    assert not slice_findings({"a": axial}, 2, 64)


def test_what_is_nearly_isotropic_is_not_of_another_orientation():
    grids = {
        str(number): Geometry.canonical((64, 64, 64), (0.9, 0.9, thickness))
        for number, thickness in enumerate((0.6, 0.9, 1.5, 5.0))
    }
    assert not slice_findings(grids, 2, 64)


def write_cases(root, shapes_and_spacings):
    for folder in ("imagesTr", "labelsTr"):
        (root / folder).mkdir(parents=True)
    rng, entries = np.random.default_rng(0), []
    for number, (shape, spacing) in enumerate(shapes_and_spacings):
        labels = np.zeros((1, *shape), np.uint8)
        labels[0, : shape[0] // 2] = 1
        affine = np.diag([*spacing, 1.0])
        image = (100 * labels + rng.normal(size=labels.shape)).astype(np.float32)
        entries.append(
            {"image": f"imagesTr/p{number}.nii.gz", "label": f"labelsTr/p{number}.nii.gz"}
        )
        write_image(root / entries[-1]["image"], image, affine)
        write_image(root / entries[-1]["label"], labels, affine)
    facts = {
        "name": "Flat",
        "modality": {"0": "US"},
        "labels": {"0": "background", "1": "front"},
        "training": entries,
    }
    (root / "dataset.json").write_text(json.dumps(facts))
    return root


def prepare(root, directory, **settings):
    dataset = read_dataset(root)
    patients = group_by_patient([case.name for case in dataset.cases], None, None)
    settings = PreparationSettings(**{"slice_size": 16} | settings)
    return PreparedSlices.open(prepare_slices(dataset, settings, directory, patients=patients))


def test_images_of_one_slice_are_prepared_whole(tmp_path):
    root = write_cases(tmp_path / "data", [((48, 44, 1), (1.4, 1.4, 1.0))] * 3)
    slices = prepare(root, tmp_path / "slices")
    assert slices.index.slice_axis == 2
    assert [volume.plane.fitted for volume in slices.volumes] == [(16, 15)] * 3
    assert slices.labels[0, :8].sum() == 8 * 15
    assert not slices.labels[0, 8:].any()


def test_the_check_and_the_search_refuse_strips_alike(tmp_path):
    root = write_cases(tmp_path / "data", [((48, 44, 3), (1.4, 1.4, 1.0))] * 3)
    (finding,) = check_dataset(root, num_folds=3).findings
    assert (finding.rule, finding.case) == ("narrow-slices", None)
    assert finding.message.startswith("Cases p0, p1 and p2 are cut across the posterior-anterior")
    with pytest.raises(DatasetError) as caught:
        prepare(root, tmp_path / "slices")
    assert str(caught.value) == finding.message
    assert not (tmp_path / "slices").exists()
    along_2 = PreparationSettings(slice_axis=2)
    assert check_dataset(root, num_folds=3, preparation=along_2).is_sound
    assert prepare(root, tmp_path / "slices", slice_axis=2).index.slice_axis == 2


def test_mixed_orientations_are_said_by_check_and_search(tmp_path):
    axial, sagittal = ((16, 16, 9), (1.0, 1.0, 4.0)), ((9, 16, 16), (4.0, 1.0, 1.0))
    root = write_cases(tmp_path / "data", [axial, sagittal, axial])
    (finding,) = check_dataset(root, num_folds=3).findings
    assert finding.rule == "mixed-orientations"
    assert "p1 is sagittal" in finding.message
    slices = prepare(root, tmp_path / "slices")
    assert slices.index.warnings == (finding.message,)
