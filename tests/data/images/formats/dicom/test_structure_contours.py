"""Structure sets: polygons against scikit-image's, holes, and contours on the grid of a series."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.path import Path as Outline
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, RTStructureSetStorage, generate_uid

from mbnas.data.images.formats.dicom.dicom_series_file import open_dicom
from mbnas.data.images.formats.dicom.polygons import filled
from mbnas.data.images.formats.dicom.reference_masks import (
    is_reference,
    reference_labels,
    referenced_series,
    segment_names,
)
from mbnas.errors import DatasetError

from .....dicom_examples import LPS, write_series
from ...malformed import REPLACEMENTS, refusal, replaced
from .test_dicom_series_file import rotated, some_voxels

SHAPE = (20, 30)
COORDINATES = st.tuples(st.integers(-40, 350), st.integers(-40, 250)).map(
    lambda at: (at[0] / 10 + 0.0137, at[1] / 10 + 0.0213)  # never a centre of a pixel
)


@given(st.lists(COORDINATES, min_size=3, max_size=12, unique=True))
def test_simple_polygons_are_filled_as_by_matplotlib(corners):
    angles = np.arctan2(*(np.array(corners) - np.mean(corners, axis=0)).T)
    points = np.array(corners)[np.argsort(angles)]  # a star, which does not cross itself
    columns, rows = np.meshgrid(np.arange(SHAPE[1]), np.arange(SHAPE[0]))
    centres = np.column_stack([columns.ravel(), rows.ravel()])
    inside = Outline(points).contains_points(centres).reshape(SHAPE)
    differing = filled(points, SHAPE) != inside
    assert not differing.any() or np.abs(edge_distance(points, centres[differing.ravel()])) < 1e-9


def edge_distance(points, centres):
    """Return the smallest distance of some points from the edges of a polygon."""
    start, end = points, np.roll(points, -1, axis=0)
    step = end - start
    share = ((centres[:, None] - start) * step).sum(-1) / np.maximum((step**2).sum(-1), 1e-12)
    nearest = start + share.clip(0, 1)[..., None] * step
    return np.linalg.norm(centres[:, None] - nearest, axis=-1).min(axis=1).max()


@given(st.lists(COORDINATES, min_size=3, max_size=8, unique=True))
def test_polygons_that_cross_themselves_follow_the_even_odd_rule(corners):
    """The number of edges that a ray to the right of a pixel crosses, counted one by one."""
    points = np.array(corners)
    expected = np.zeros(SHAPE, bool)
    for row, column in np.ndindex(SHAPE):
        for (x0, y0), (x1, y1) in zip(points, np.roll(points, -1, axis=0), strict=True):
            if (y0 > row) != (y1 > row) and column > x0 + (row - y0) * (x1 - x0) / (y1 - y0):
                expected[row, column] ^= True
    assert np.array_equal(filled(points, SHAPE), expected)


def test_neighbours_share_no_pixel_and_leave_none_out():
    left = filled(np.array([[0.0, 0], [5, 0], [5, 9], [0, 9]]), SHAPE)
    right = filled(np.array([[5.0, 0], [9, 0], [9, 9], [5, 9]]), SHAPE)
    assert not (left & right).any()
    assert np.array_equal(left | right, filled(np.array([[0.0, 0], [9, 0], [9, 9], [0, 9]]), SHAPE))


def structure_set(path, series, structures, lps, kind="CLOSED_PLANAR"):
    """Write structures: the name of each, and its contours as (slice, corners)."""
    data = Dataset()
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data.SOPClassUID = data.file_meta.MediaStorageSOPClassUID = RTStructureSetStorage
    data.SOPInstanceUID = data.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    data.Modality = "RTSTRUCT"
    referenced, study, frame = Dataset(), Dataset(), Dataset()
    referenced.SeriesInstanceUID = series.headers[0].series
    study.RTReferencedSeriesSequence = [referenced]
    frame.RTReferencedStudySequence = [study]
    data.ReferencedFrameOfReferenceSequence = [frame]
    data.StructureSetROISequence, data.ROIContourSequence = [], []
    for number, (name, contours) in enumerate(structures, start=1):
        roi, outline = Dataset(), Dataset()
        roi.ROINumber, roi.ROIName = number, name
        outline.ReferencedROINumber = number
        outline.ContourSequence = []
        for place, corners in contours:
            contour = Dataset()
            contour.ContourGeometricType = kind
            points = [lps @ [column, row, place, 1] for column, row in corners]
            contour.ContourData = [f"{value:.8f}" for point in points for value in point[:3]]
            contour.NumberOfContourPoints = len(corners)
            outline.ContourSequence.append(contour)
        data.StructureSetROISequence.append(roi)
        data.ROIContourSequence.append(outline)
    data.save_as(path, enforce_file_format=True)


def square(low, high):
    return [(low, low), (high, low), (high, high), (low, high)]


@pytest.mark.parametrize(
    "lps", [LPS, rotated((0.9, 0.2, -0.1, 0.3), (0.7, 0.8, 2.5), (10, -20, 30))]
)
def test_structures_are_labels_on_the_grid_of_their_series(tmp_path, lps):
    write_series(tmp_path / "series", some_voxels(shape=(12, 11, 4)), lps)
    series = open_dicom(tmp_path / "series")
    path = tmp_path / "structures.dcm"
    ring = [(1, square(0.5, 8.5)), (1, square(2.5, 5.5))]  # a hole
    structures = [("ring", ring), ("dot", [(1, square(3.5, 4.5)), (3, square(1.5, 3.5))])]
    structure_set(path, series, [*structures, ("none", [])], lps)
    assert is_reference(path)
    assert segment_names(path) == ("ring", "dot")
    assert referenced_series(path) == series.headers[0].series
    expected = np.zeros((12, 11, 4), int)
    expected[1:9, 1:9, 1] = 1
    expected[3:6, 3:6, 1] = 0
    expected[4, 4, 1] = expected[2:4, 2:4, 3] = 2
    assert np.array_equal(reference_labels(path, series, ("ring", "dot")), expected)
    assert np.array_equal(reference_labels(path, series, ("dot",)), expected == 2)


@pytest.mark.parametrize(
    ("structures", "words"),
    [
        (
            [("a", [(0, square(0.5, 5.5))]), ("b", [(0, square(3.5, 7.5))])],
            "'a' and 'b' that overl",
        ),
        ([("a", [(0.5, square(0.5, 5.5))])], "on no slice of its series"),
        ([("a", [(7, square(0.5, 5.5))])], "on no slice of its series"),
    ],
)
def test_what_is_no_label_map_is_refused(tmp_path, structures, words):
    write_series(tmp_path / "series", some_voxels(shape=(12, 11, 4)))
    series = open_dicom(tmp_path / "series")
    structure_set(tmp_path / "s.dcm", series, structures, LPS)
    with pytest.raises(DatasetError, match=words):
        reference_labels(tmp_path / "s.dcm", series, ("a", "b"))


def test_points_and_open_lines_are_no_structures(tmp_path):
    write_series(tmp_path / "series", some_voxels())
    series = open_dicom(tmp_path / "series")
    structure_set(tmp_path / "s.dcm", series, [("a", [(0, square(0, 2))])], LPS, "OPEN_PLANAR")
    assert segment_names(tmp_path / "s.dcm") == ()


@settings(deadline=None, max_examples=40)
@given(edits=REPLACEMENTS)
def test_a_malformed_structure_set_is_read_or_refused_in_words(tmp_path_factory, edits, example):
    content, series = example
    path = tmp_path_factory.mktemp("malformed") / "s.dcm"
    path.write_bytes(replaced(content, edits))
    for read in (
        lambda: reference_labels(path, series, ("a",)),
        lambda: segment_names(path),
        lambda: referenced_series(path),
    ):
        message = refusal(read)
        assert message is None or (str(path) in message and "\n" not in message)


@pytest.fixture(scope="module")
def example(tmp_path_factory):
    folder = tmp_path_factory.mktemp("example")
    write_series(folder / "series", some_voxels(shape=(12, 11, 4)))
    series = open_dicom(folder / "series")
    structure_set(folder / "s.dcm", series, [("a", [(0, square(0.5, 5.5))])], LPS)
    return (folder / "s.dcm").read_bytes(), series
