"""TIFF volumes: slices and spacing as nnU-Net reads them, written back in the same form."""

import json

import numpy as np
import pytest
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mbnas.data.images.geometry import Geometry
from mbnas.data.images.read import read_header, read_image, read_label
from mbnas.data.images.write import write_label, write_map
from mbnas.errors import DatasetError

from ...malformed import refusal

SPACING_ZYX = [2.5, 0.8, 0.7]


def volume(path, array=None, spacing=SPACING_ZYX, beside="case.json", **options):
    if array is None:
        array = np.random.default_rng(0).integers(0, 900, (4, 5, 6)).astype(np.uint16)
    tifffile.imwrite(path, array, photometric="minisblack", **options)
    if spacing is not None:
        (path.parent / beside).write_text(json.dumps({"spacing": spacing}))
    return array


@pytest.mark.parametrize("number_type", ["uint8", "int16", "uint16", "int32", "float32"])
@pytest.mark.parametrize("name", ["case.tif", "case_0000.tif", "case.TIFF"])
def test_slices_and_spacing_are_those_of_tifffile_and_json(tmp_path, name, number_type):
    array = volume(tmp_path / name, np.arange(120).reshape(4, 5, 6).astype(number_type))
    image = read_image((tmp_path / name,))
    assert image.geometry.unit == "mm"
    assert image.geometry.spacing_mm == (0.7, 0.8, 2.5)
    stored = image.geometry.from_canonical(image.voxels[0])
    assert np.array_equal(stored, tifffile.imread(tmp_path / name).transpose(2, 1, 0))
    assert np.array_equal(stored, array.transpose(2, 1, 0))
    assert read_header(tmp_path / name).number_type == np.dtype(number_type)


def test_nnunet_reads_the_same(tmp_path):
    reader = pytest.importorskip("nnunetv2.imageio.tif_reader_writer").Tiff3DIO()
    volume(tmp_path / "case_0000.tif")
    array_CZYX, properties = reader.read_images((str(tmp_path / "case_0000.tif"),))
    image = read_image((tmp_path / "case_0000.tif",))
    assert np.array_equal(image.geometry.from_canonical(image.voxels[0]).T, array_CZYX[0])
    assert tuple(properties["spacing"]) == image.geometry.spacing_mm[::-1]
    labels = (image.voxels[0] > 400).astype(np.uint8)
    (tmp_path / "out").mkdir()
    write_label(tmp_path / "out/case.tif", labels, image.geometry, image.placement)
    seg_1ZYX, properties = reader.read_seg(str(tmp_path / "out/case.tif"))
    assert np.array_equal(seg_1ZYX[0], image.geometry.from_canonical(labels).T)
    assert properties["spacing"] == SPACING_ZYX


@pytest.mark.parametrize("options", [{"imagej": True}, {"compression": "zlib"}, {"bigtiff": True}])
def test_stacks_of_other_programs_are_read(tmp_path, options):
    array = volume(tmp_path / "case.tif", **options)
    image = read_image((tmp_path / "case.tif",))
    assert np.array_equal(image.geometry.from_canonical(image.voxels[0]), array.transpose(2, 1, 0))


@pytest.mark.parametrize("num_slices", [1, 4])
def test_label_maps_and_maps_return_with_their_spacing(tmp_path, num_slices):
    volume(tmp_path / "case.tif", np.arange(30 * num_slices, dtype=np.uint8).reshape(-1, 5, 6))
    image = read_image((tmp_path / "case.tif",))
    assert image.geometry.shape_xyz == (6, 5, num_slices)
    labels = image.voxels[0].astype(int)
    (tmp_path / "out").mkdir()
    write_label(tmp_path / "out/case.tif", labels, image.geometry, image.placement)
    again, geometry = read_label(tmp_path / "out/case.tif")
    assert np.array_equal(again, labels)
    assert geometry == image.geometry
    values = np.random.default_rng(0).random((*labels.shape, 3), np.float32)
    write_map(tmp_path / "out/map.tif", values, image.geometry, image.placement)
    read = read_image((tmp_path / "out/map.tif",))
    assert np.array_equal(np.moveaxis(read.voxels, 0, -1), values)
    assert read.geometry == image.geometry


def test_a_json_file_about_something_else_leaves_a_picture(tmp_path):
    tifffile.imwrite(tmp_path / "case.tif", np.zeros((5, 6), np.uint8))
    (tmp_path / "case.json").write_text('{"shapes": []}')
    assert read_header(tmp_path / "case.tif").geometry.unit == "pixels"


def test_a_stack_without_spacing_is_refused_with_the_remedy(tmp_path):
    volume(tmp_path / "case.tif", spacing=None)
    with pytest.raises(DatasetError, match="write their spacing beside it as nnU-Net does"):
        read_image((tmp_path / "case.tif",))


@pytest.mark.parametrize("spacing", [[1, 2], [1, 2, 0], [1, 2, "3"], [1, 2, float("nan")], "1 2 3"])
def test_a_spacing_of_other_numbers_is_refused(tmp_path, spacing):
    volume(tmp_path / "case.tif", spacing=spacing)
    with pytest.raises(DatasetError, match="not three positive numbers"):
        read_image((tmp_path / "case.tif",))


def test_a_position_that_tiff_does_not_hold_is_refused(tmp_path):
    grid = Geometry.canonical((3, 4, 5), (1.0, 1.0, 2.0))
    with pytest.raises(DatasetError, match=r"cannot hold the position.*\.nii\.gz"):
        write_label(tmp_path / "a.tif", np.zeros((3, 4, 5), int), grid)
    assert list(tmp_path.iterdir()) == []


def test_a_file_about_something_else_is_not_replaced(tmp_path):
    volume(tmp_path / "case.tif")
    image = read_image((tmp_path / "case.tif",))
    (tmp_path / "out").mkdir()
    (tmp_path / "out/case.json").write_text("{}")
    with pytest.raises(DatasetError, match="holds no spacing"):
        write_label(tmp_path / "out/case.tif", image.voxels[0].astype(int), image.geometry)


def test_different_pages_are_no_volume(tmp_path):
    with tifffile.TiffWriter(tmp_path / "case.tif") as tiff:
        tiff.write(np.zeros((5, 6), np.uint8))
        tiff.write(np.zeros((7, 6), np.uint8))
    (tmp_path / "case.json").write_text('{"spacing": [1, 1, 1]}')
    with pytest.raises(DatasetError, match="must be one stack"):
        read_image((tmp_path / "case.tif",))


@settings(
    deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    edits=st.lists(
        st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), min_size=1, max_size=4
    ),
    kept=st.floats(0.5, 1),
)
def test_a_malformed_volume_is_read_or_refused_in_words(tmp_path, capfd, edits, kept):
    volume(tmp_path / "case.tif", compression="zlib")
    content = bytearray((tmp_path / "case.tif").read_bytes())
    for where, value in edits:
        content[int(where * len(content))] = value
    (tmp_path / "case.tif").write_bytes(content[: int(kept * len(content)) + 8])
    path = tmp_path / "case.tif"
    for read in (lambda: read_image((path,)), lambda: read_label(path)):
        message = refusal(read)
        assert message is None or ("\n" not in message and str(path) in message)
    assert capfd.readouterr().err == ""
