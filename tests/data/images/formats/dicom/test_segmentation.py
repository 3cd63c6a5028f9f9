"""DICOM segmentations: written, read by highdicom, and read back on the grid of the series."""

import sys

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from mbnas.data.images.formats.dicom.dicom_series_file import open_dicom, open_series
from mbnas.data.images.formats.dicom.reference_masks import (
    is_reference,
    reference_labels,
    referenced_series,
    segment_names,
)
from mbnas.data.images.formats.dicom.segmentation_writer import Segment, write_segmentation
from mbnas.data.images.read import read_image
from mbnas.errors import DatasetError

from .....dicom_examples import PATIENT, save, series_datasets, write_series
from ...malformed import REPLACEMENTS, refusal, replaced
from .test_dicom_series_file import multi_frame, some_voxels

highdicom = pytest.importorskip("highdicom")
pydicom = pytest.importorskip("pydicom")

CLASSES = ((1, "left lung"), (5, "肝脏"), (7, "never there"))
NAMES = tuple(name for _, name in CLASSES)


def labels_of(shape, seed=0):
    return np.array([0, 0, 1, 5])[np.random.default_rng(seed).integers(0, 4, shape)]


def written(folder, datasets=None, labels_IJK=None):
    """Write a series and a segmentation of it; return the file, labels and the series."""
    series = folder / "series"
    if datasets is None:
        datasets = series_datasets(some_voxels())
    save(series, datasets)
    image = read_image((series,))
    if labels_IJK is None:
        labels_IJK = labels_of(image.geometry.shape_xyz)
    path = folder / "labels.dcm"
    labels_XYZ = image.geometry.to_canonical(labels_IJK)
    segments = [Segment(name=name, values=(value,)) for value, name in CLASSES]
    write_segmentation(path, labels_XYZ, image.geometry, tuple(series.iterdir()), segments)
    return path, labels_IJK, open_dicom(series)


def numbered(labels_IJK):
    return sum((labels_IJK == value) * number for number, (value, _) in enumerate(CLASSES, 1))


def test_highdicom_reads_the_labels_slice_by_slice(tmp_path):
    path, labels_IJK, series = written(tmp_path)
    segmentation = highdicom.seg.segread(path)
    instances = [
        pydicom.dcmread(each.file, stop_before_pixels=True).SOPInstanceUID
        for each in series.stack.slices
    ]
    pixels_KJI = segmentation.get_pixels_by_source_instance(
        instances, combine_segments=True, ignore_spatial_locations=False
    )
    assert np.array_equal(pixels_KJI.transpose(2, 1, 0), numbered(labels_IJK))
    assert [each.SegmentLabel for each in segmentation.SegmentSequence] == list(NAMES)
    assert str(segmentation.PatientName) == PATIENT[0]  # it goes back to the patient's archive
    source = pydicom.dcmread(series.stack.slices[0].file, stop_before_pixels=True)
    assert segmentation.StudyInstanceUID == source.StudyInstanceUID
    assert segmentation.FrameOfReferenceUID == source.FrameOfReferenceUID
    assert segmentation.SeriesInstanceUID != source.SeriesInstanceUID
    assert segmentation.Manufacturer == "mbnas"


def test_labels_are_read_back_on_the_grid_of_the_series(tmp_path):
    path, labels_IJK, series = written(tmp_path)
    assert is_reference(path)
    assert not is_reference(series.stack.slices[0].file)
    assert segment_names(path) == NAMES
    assert referenced_series(path) == series.headers[0].series
    assert np.array_equal(reference_labels(path, series, NAMES), numbered(labels_IJK))
    assert np.array_equal(reference_labels(path, series, NAMES[1:]), labels_IJK == 5)


@pytest.mark.parametrize("empty", [False, True])
def test_frames_of_one_file_get_their_labels(tmp_path, empty):
    datasets = [multi_frame(series_datasets(some_voxels()))]
    complete_enhanced(datasets[0])
    labels_IJK = np.zeros((5, 4, 6), int) if empty else None
    path, labels_IJK, series = written(tmp_path, datasets, labels_IJK)
    assert np.array_equal(reference_labels(path, series, NAMES), numbered(labels_IJK))


def complete_enhanced(data):
    """Add what an enhanced image must have."""
    organization = pydicom.Dataset()
    organization.DimensionOrganizationUID = pydicom.uid.generate_uid()
    data.DimensionOrganizationSequence = [organization]


def test_an_empty_label_map_is_a_segmentation_too(tmp_path):
    path, labels_IJK, series = written(tmp_path, labels_IJK=np.zeros((5, 4, 6), int))
    assert np.array_equal(reference_labels(path, series, NAMES), labels_IJK)


def rewritten(path, change):
    data = pydicom.dcmread(path)
    change(data)
    data.save_as(path)


def fractional(data):
    data.SegmentationType = "FRACTIONAL"


def shifted(data):
    frame = data.PerFrameFunctionalGroupsSequence[0].PlanePositionSequence[0]
    frame.ImagePositionPatient[0] = float(frame.ImagePositionPatient[0]) + 0.3


def twice(data):
    frames = data.PerFrameFunctionalGroupsSequence
    number = frames[0].SegmentIdentificationSequence[0].ReferencedSegmentNumber
    for frame in frames:
        frame.SegmentIdentificationSequence[0].ReferencedSegmentNumber = number
    for frame in frames[1:]:
        frame.PlanePositionSequence = frames[0].PlanePositionSequence
    frames[1].SegmentIdentificationSequence[0].ReferencedSegmentNumber = number + 1


def unlisted(data):
    data.SegmentSequence = data.SegmentSequence[1:]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (fractional, "is a fractional segmentation"),
        (shifted, "on no slice of its series"),
        (twice, "segments '.*' and '.*' that overlap"),
        (unlisted, "segments that it does not list"),
    ],
)
def test_what_is_no_label_map_of_the_series_is_refused(tmp_path, change, words):
    path, _, series = written(tmp_path)
    rewritten(path, change)
    with pytest.raises(DatasetError, match=words):
        reference_labels(path, series, NAMES)


def test_a_series_that_lacks_a_study_is_no_source(tmp_path):
    datasets = series_datasets(some_voxels())
    for data in datasets:
        del data.StudyInstanceUID
    with pytest.raises(DatasetError, match="its slices lack StudyInstanceUID"):
        written(tmp_path, datasets)
    assert not (tmp_path / "labels.dcm").exists()


def test_the_extra_is_named_where_it_is_missing(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "highdicom", None)
    monkeypatch.setitem(sys.modules, "highdicom.seg", None)
    with pytest.raises(DatasetError, match=r"pip install 'mbnas\[images\]'"):
        written(tmp_path)


@settings(
    deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(edits=REPLACEMENTS)
def test_a_malformed_segmentation_is_read_or_refused_in_words(tmp_path_factory, edits, example):
    content, series = example
    path = tmp_path_factory.mktemp("malformed") / "labels.dcm"
    path.write_bytes(replaced(content, edits))
    for read in (
        lambda: reference_labels(path, series, NAMES),
        lambda: segment_names(path),
        lambda: referenced_series(path),
    ):
        message = refusal(read)
        assert message is None or (str(path) in message and "\n" not in message)
        assert message is None or not any(each in message for each in PATIENT)


@pytest.fixture(scope="module")
def example(tmp_path_factory):
    path, _, series = written(tmp_path_factory.mktemp("example"))
    return path.read_bytes(), series


def test_regions_may_overlap(tmp_path):
    write_series(tmp_path / "series", some_voxels())
    image, series = read_image((tmp_path / "series",)), open_dicom(tmp_path / "series")
    labels_IJK = labels_of(image.geometry.shape_xyz)
    regions = [Segment(name="whole", values=(1, 5)), Segment(name="core", values=(5,))]
    path = tmp_path / "labels.dcm"
    labels_XYZ = image.geometry.to_canonical(labels_IJK)
    files = tuple((tmp_path / "series").iterdir())
    write_segmentation(path, labels_XYZ, image.geometry, files, regions)
    for region in regions:
        expected = np.isin(labels_IJK, region.values)
        assert np.array_equal(reference_labels(path, series, (region.name,)), expected)
    with pytest.raises(DatasetError, match="'whole' and 'core' that overlap"):
        reference_labels(path, series, ("whole", "core"))


def test_labels_of_a_series_in_any_order_of_files(tmp_path):
    write_series(tmp_path / "series", some_voxels())
    files = tuple((tmp_path / "series").iterdir())
    assert open_series(files[::-1]).stack == open_series(files).stack


def test_a_single_frame_may_share_its_segment_with_all_frames(tmp_path):
    labels_IJK = np.zeros((5, 4, 6), int)
    labels_IJK[2, 1, 3] = 1
    write_series(tmp_path / "series", some_voxels())
    image, series = read_image((tmp_path / "series",)), open_dicom(tmp_path / "series")
    files = tuple((tmp_path / "series").iterdir())
    labels_XYZ = image.geometry.to_canonical(labels_IJK)
    path = tmp_path / "labels.dcm"
    segments = [Segment(name="dot", values=(1,))]
    write_segmentation(path, labels_XYZ, image.geometry, files, segments)
    assert np.array_equal(reference_labels(path, series, ("dot",)), labels_IJK)
