"""DICOM series: order, grid and values against SimpleITK, and what is refused."""

import sys
from pathlib import Path

import numpy as np
import pydicom
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pydicom.pixels.decoders import JPEGLSLosslessDecoder
from pydicom.sequence import Sequence
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    EnhancedCTImageStorage,
    JPEG2000Lossless,
    JPEGLSLossless,
    RLELossless,
    generate_uid,
)

from mbnas.data.images.formats.dicom.series import find_series
from mbnas.data.images.read import read_header, read_image
from mbnas.data.images.write import write_image
from mbnas.errors import DatasetError

from .....dicom_examples import LPS, PATIENT, compressed, save, series_datasets, write_series

sitk = pytest.importorskip("SimpleITK")

TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
SHARED = settings(
    deadline=None, max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def some_voxels(number_type=np.int16, shape=(5, 4, 6)):
    return np.random.default_rng(0).integers(0, 200, shape).astype(number_type)


def simpleitk_view(folder):
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(folder)))
    image = reader.Execute()
    affine = np.eye(4)
    affine[:3, :3] = np.reshape(image.GetDirection(), (3, 3)) * image.GetSpacing()
    affine[:3, 3] = image.GetOrigin()
    return sitk.GetArrayFromImage(image).transpose(2, 1, 0), TO_RAS @ affine


def rotated(quaternion, spacing, origin):
    w, x, y, z = np.array(quaternion) / np.linalg.norm(quaternion)
    lps = np.eye(4)
    lps[:3, :3] = np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    ) * np.array(spacing)
    lps[:3, 3] = origin
    return lps


@SHARED
@given(
    quaternion=st.tuples(*[st.floats(-1, 1)] * 4).filter(lambda q: sum(v * v for v in q) > 0.01),
    spacing=st.tuples(*[st.floats(0.2, 6)] * 3),
    origin=st.tuples(*[st.floats(-500, 500)] * 3),
    number_type=st.sampled_from([np.uint8, np.int16, np.uint16]),
    seed=st.integers(0, 9**9),
)
def test_order_grid_and_values_are_those_of_simpleitk(
    tmp_path_factory, quaternion, spacing, origin, number_type, seed
):
    folder = tmp_path_factory.mktemp("series")
    voxels = some_voxels(number_type)
    write_series(folder, voxels, rotated(quaternion, spacing, origin), seed=str(seed))
    image = read_image((folder,))
    expected, affine = simpleitk_view(folder)
    stored = image.geometry.from_canonical(image.voxels[0])
    assert np.array_equal(stored, expected)
    assert np.array_equal(stored, voxels)
    np.testing.assert_allclose(image.geometry.affine, affine, atol=1e-6)


def test_a_series_its_nifti_nrrd_and_mha_file_are_one_image(tmp_path):
    voxels = some_voxels()
    write_series(tmp_path / "series", voxels)
    images = [read_image((tmp_path / "series",))]
    for suffix in (".nii.gz", ".nrrd", ".mha"):
        write_image(tmp_path / f"image{suffix}", voxels[None], TO_RAS @ LPS)
        images.append(read_image((tmp_path / f"image{suffix}",)))
    for image in images[1:]:
        assert np.array_equal(image.voxels, images[0].voxels)
        assert image.geometry.has_voxels_of(images[0].geometry)
        assert image.geometry.orientation == images[0].geometry.orientation
        np.testing.assert_allclose(image.geometry.affine, images[0].geometry.affine, atol=1e-5)


def test_files_of_a_series_are_one_image_and_folders_are_channels(tmp_path):
    voxels = some_voxels()
    for number in range(2):
        write_series(tmp_path / str(number), voxels + number, seed=str(number))
    files = tuple((tmp_path / "0").iterdir())
    assert np.array_equal(read_image(files).voxels, read_image((tmp_path / "0",)).voxels)
    both = read_image((tmp_path / "0", tmp_path / "1"))
    assert both.voxels.shape[0] == 2
    assert np.array_equal(both.voxels[1], both.voxels[0] + 1)


@pytest.mark.parametrize("slopes", [[1] * 6, [0.5, 1.25, 2, 3, 0.125, 7]])
def test_every_slice_is_rescaled_by_its_own_slope(tmp_path, slopes):
    voxels = some_voxels()
    datasets = series_datasets(voxels)
    for data, slope in zip(datasets, slopes, strict=True):
        data.RescaleSlope, data.RescaleIntercept = str(slope), "-1024"
    save(tmp_path, datasets)
    image = read_image((tmp_path,))
    stored = image.geometry.from_canonical(image.voxels[0])
    assert np.array_equal(stored, voxels * np.array(slopes, np.float32) - 1024)
    assert np.array_equal(stored, simpleitk_view(tmp_path)[0].astype(np.float32))


@pytest.mark.parametrize("syntax", [RLELossless, JPEGLSLossless, JPEG2000Lossless])
def test_compressed_slices_are_decoded(tmp_path, syntax):
    voxels = some_voxels(np.uint16, (32, 24, 3))
    save(tmp_path, [compressed(data, syntax) for data in series_datasets(voxels)])
    image = read_image((tmp_path,))
    assert np.array_equal(image.geometry.from_canonical(image.voxels[0]), voxels)


REAL = (
    *("CT_small.dcm", "MR_small.dcm", "MR_small_RLE.dcm", "MR_small_bigendian.dcm"),
    *("MR_small_implicit.dcm", "MR_small_jp2klossless.dcm", "MR_small_jpeg_ls_lossless.dcm"),
    *("MR_small_padded.dcm", "693_J2KI.dcm", "examples_overlay.dcm"),
)
"""Files of scanners that come with pydicom."""


@pytest.mark.parametrize("name", REAL)
def test_files_of_scanners_have_the_values_of_simpleitk(name):
    path = Path(pydicom.__file__).parent / "data/test_files" / name
    if not path.exists():
        pytest.skip("this version of pydicom does not have the file")
    image = read_image((path,))
    expected = sitk.GetArrayFromImage(sitk.ReadImage(str(path))).astype(np.float32)
    assert np.array_equal(image.geometry.from_canonical(image.voxels[0]).T, expected)


def test_bits_that_a_value_does_not_use_are_left_out(tmp_path):
    voxels = some_voxels(np.int16) - 100
    datasets = series_datasets(voxels)
    for data in datasets:
        pixels = np.frombuffer(data.PixelData, np.uint16) & 0x0FFF | 0x5000  # an overlay
        data.PixelData = pixels.tobytes()
        data.BitsStored, data.HighBit = 12, 11
    save(tmp_path, datasets)
    image = read_image((tmp_path,))
    assert np.array_equal(image.geometry.from_canonical(image.voxels[0]), voxels)


def multi_frame(datasets):
    """Return one file with the slices as frames, in another order than in space."""
    order = [3, 0, 5, 1, 4, 2]
    data = datasets[0]
    data.SOPClassUID = data.file_meta.MediaStorageSOPClassUID = EnhancedCTImageStorage
    shared = Dataset()
    orientation, measures = Dataset(), Dataset()
    orientation.ImageOrientationPatient = data.ImageOrientationPatient
    measures.PixelSpacing, measures.SliceThickness = data.PixelSpacing, data.SliceThickness
    shared.PlaneOrientationSequence = Sequence([orientation])
    shared.PixelMeasuresSequence = Sequence([measures])
    frames = []
    for place in order:
        frame, position, values = Dataset(), Dataset(), Dataset()
        position.ImagePositionPatient = datasets[place].ImagePositionPatient
        values.RescaleSlope, values.RescaleIntercept = "2", str(place)
        frame.PlanePositionSequence = Sequence([position])
        frame.PixelValueTransformationSequence = Sequence([values])
        frames.append(frame)
    pixels = b"".join(datasets[place].PixelData for place in order)
    for name in ("ImageOrientationPatient", "ImagePositionPatient", "PixelSpacing"):
        delattr(data, name)
    data.NumberOfFrames, data.PixelData = len(order), pixels
    data.SharedFunctionalGroupsSequence = Sequence([shared])
    data.PerFrameFunctionalGroupsSequence = Sequence(frames)
    return data


def test_frames_of_one_file_are_slices(tmp_path):
    voxels = some_voxels()
    save(tmp_path, [multi_frame(series_datasets(voxels))])
    image = read_image((tmp_path,))
    expected = voxels * 2.0 + np.arange(6)
    assert np.array_equal(image.geometry.from_canonical(image.voxels[0]), expected)
    np.testing.assert_allclose(image.geometry.affine, TO_RAS @ LPS, atol=1e-6)
    assert np.array_equal(read_image((next(tmp_path.iterdir()),)).voxels, image.voxels)


def test_a_tilted_gantry_gives_a_sheared_grid(tmp_path):
    datasets = series_datasets(some_voxels())
    for place, data in enumerate(datasets):
        data.ImagePositionPatient[1] = float(data.ImagePositionPatient[1]) + 0.5 * place
    save(tmp_path, datasets)
    lps = LPS.copy()
    lps[1, 2] += 0.5
    np.testing.assert_allclose(read_header(tmp_path).geometry.affine, TO_RAS @ lps, atol=1e-6)


# What is refused


def without_a_slice(datasets):
    del datasets[2]


def with_a_copy(datasets):
    copied = Dataset(datasets[2])
    copied.file_meta = datasets[2].file_meta
    copied.SOPInstanceUID = generate_uid()
    datasets.append(copied)


def one_moved(datasets):
    datasets[2].ImagePositionPatient[0] = float(datasets[2].ImagePositionPatient[0]) + 3


def one_turned(datasets):
    datasets[1].ImageOrientationPatient = [1, 0, 0, 0, 0, -1]


def one_larger(datasets):
    datasets[1].Rows, datasets[1].PixelData = 5, bytes(50)


def other_pixels(datasets):
    datasets[4].PixelSpacing = [1, 1]


def in_colour(datasets):
    for data in datasets:
        data.SamplesPerPixel = 3


def without_a_place(datasets):
    for data in datasets:
        del data.ImagePositionPatient


def scouts(datasets):
    for data in datasets:
        data.ImageType = ["ORIGINAL", "PRIMARY", "LOCALIZER"]


def reports(datasets):
    for data in datasets:
        data.Modality = "SR"


def truncated_pixels(datasets):
    datasets[3].PixelData = datasets[3].PixelData[:-8]


def two_series(datasets):
    uid = generate_uid()
    for data in datasets[:3]:
        data.SeriesInstanceUID = uid


def skewed(datasets):
    for data in datasets:
        data.ImageOrientationPatient = [1, 0, 0, 0.5, 0.866, 0]


REFUSED = {
    without_a_slice: r"lacks slices between IM\d+\.dcm and IM\d+\.dcm: they are 5 mm apart",
    with_a_copy: "has several slices at one position",
    one_moved: "has slices at uneven positions",
    one_turned: "has slices of different orientations",
    one_larger: "has slices of different sizes",
    other_pixels: "with pixels of different sizes",
    in_colour: "has 3 samples for each pixel",
    without_a_place: "has no position in space",
    scouts: "is a scout image",
    reports: "is no image but SR",
    truncated_pixels: "damaged|other pixels",
    two_series: "holds 2 series",
    skewed: "not perpendicular",
}


@pytest.mark.parametrize("change", REFUSED, ids=lambda change: change.__name__)
def test_what_is_no_volume_is_refused_in_words(tmp_path, change):
    datasets = series_datasets(some_voxels())
    change(datasets)
    save(tmp_path / "series", datasets)
    with pytest.raises(DatasetError, match=REFUSED[change]) as caught:
        read_image((tmp_path / "series",))
    assert str(tmp_path) in str(caught.value)
    assert not any(each in str(caught.value) for each in PATIENT)


def test_a_file_deflated_as_a_whole_is_refused_before_it_is_unpacked(tmp_path):
    datasets = series_datasets(some_voxels())
    for data in datasets:
        data.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    save(tmp_path, datasets)
    with pytest.raises(DatasetError, match="is deflated as a whole"):
        read_image((tmp_path,))


def test_a_folder_without_dicom_is_refused(tmp_path):
    (tmp_path / "notes.dcm").write_text("not DICOM")
    with pytest.raises(DatasetError, match="holds no series of DICOM slices"):
        read_image((tmp_path,))


def test_a_missing_decoder_is_named(tmp_path, monkeypatch):
    voxels = some_voxels(np.uint16, (32, 24, 2))
    save(tmp_path, [compressed(data, JPEGLSLossless) for data in series_datasets(voxels)])
    monkeypatch.setattr(JPEGLSLosslessDecoder, "_available", {})
    with pytest.raises(
        DatasetError, match=r"compressed as JPEG-LS Lossless.*pip install pylibjpeg"
    ):
        read_image((tmp_path,))


def test_the_extra_is_named_where_it_is_missing(tmp_path, monkeypatch):
    write_series(tmp_path, some_voxels())
    monkeypatch.setitem(sys.modules, "pydicom", None)
    with pytest.raises(DatasetError, match=r"pip install 'mbnas\[images\]'"):
        read_image((tmp_path,))


# Series in a tree


def test_series_are_found_by_their_uid_and_named_by_their_folders(tmp_path):
    voxels = some_voxels()
    tree = tmp_path / "study"
    write_series(tree / "a/CT", voxels, seed="1")
    both = [*series_datasets(voxels, seed="2"), *series_datasets(voxels, seed="3")]
    for data in both[6:]:
        data.SeriesNumber = 9
    save(tree / "b", both)
    same = [*series_datasets(voxels, seed="4"), *series_datasets(voxels, seed="5")]
    save(tree / "c", same)
    spread = series_datasets(voxels, seed="6")
    for place, data in enumerate(spread):
        save(tree / f"d/{place}", [data], suffix="")
    reported = series_datasets(voxels, seed="7")
    reports(reported)
    save(tree / "e", reported)
    (tree / "DICOMDIR").write_bytes(next((tree / "b").iterdir()).read_bytes())
    (tree / "notes.txt").write_text("x")
    found = find_series(tree)
    names = [series.name for series in found.series]
    assert names[:3] == ["a_CT", "b_series3", "b_series9"]
    assert all(name.startswith("c_series3_") and len(name) == 18 for name in names[3:5])
    assert names[5:] == ["d"]
    assert len(found.series[-1].files) == 6
    assert [each.file[:2] for each in found.passed_over] == ["e/"] * 6
    assert "is no image but SR" in found.passed_over[0].reason
    for series in found.series:
        assert read_image(series.files).voxels.shape == (1, 5, 4, 6)


def test_a_series_in_the_folder_itself_has_its_name(tmp_path):
    write_series(tmp_path / "knee", some_voxels())
    assert [series.name for series in find_series(tmp_path / "knee").series] == ["knee"]


# Malformed files

EDITS = st.lists(
    st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255), st.sampled_from("=+-")),
    min_size=1,
    max_size=4,
)


def refusal(paths):
    try:
        read_image(paths)
    except DatasetError as error:
        return str(error)
    return None


@settings(SHARED, max_examples=120)
@given(edits=EDITS, is_packed=st.booleans())
def test_a_malformed_file_is_read_or_refused_in_words(tmp_path_factory, capfd, edits, is_packed):
    folder = tmp_path_factory.mktemp("malformed")
    voxels = some_voxels(np.uint16, (8, 6, 2))
    datasets = series_datasets(voxels)
    if is_packed:
        datasets = [compressed(data, RLELossless) for data in datasets]
    path, _ = save(folder, datasets)
    content = bytearray(path.read_bytes())
    for where, value, edit in edits:
        place = int(where * len(content))
        match edit:
            case "=":
                content[place : place + 1] = bytes([value])
            case "+":
                content[place:place] = bytes([value])
            case _:
                del content[place : place + 1 + value]
    path.write_bytes(content)
    for paths in ((folder,), tuple(folder.iterdir()), (path,)):
        if message := refusal(paths):
            assert "\n" not in message
            assert str(folder) in message
            assert not any(each in message for each in PATIENT)
    captured = capfd.readouterr()
    assert captured.out + captured.err == ""
