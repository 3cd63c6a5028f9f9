"""TIFF: every kind of samples, with and without imagecodecs, several pages, damaged files."""

import numpy as np
import pytest
import tifffile
from PIL import Image, ImageOps

from mbnas.data.images.formats.pictures import tiff_file
from mbnas.data.images.read import read_header, read_image, read_label
from mbnas.errors import DatasetError

RNG = np.random.default_rng(0)
SHAPE = (35, 42)


@pytest.fixture(params=[True, False], ids=["with imagecodecs", "without imagecodecs"])
def codecs(request, monkeypatch):
    """Reading with the package imagecodecs, and as if it were not installed."""
    if request.param:
        pytest.importorskip("imagecodecs")
    monkeypatch.setattr(tiff_file, "_has_codecs", lambda: request.param)
    return request.param


def pixels_of(path):
    volume = read_image((path,))
    stored = [volume.geometry.from_canonical(voxels)[:, :, 0].T for voxels in volume.voxels]
    return np.stack(stored, axis=-1)


def labels_of(path):
    labels_XYZ, geometry = read_label(path)
    return geometry.from_canonical(labels_XYZ)[:, :, 0].T


@pytest.mark.parametrize("compression", [None, "zlib", "packbits", "lzw"])
@pytest.mark.parametrize("number_type", [np.uint8, np.uint16, np.int16, np.int32, np.float32])
@pytest.mark.parametrize("num_channels", [1, 3])
def test_numbers_of_every_type_keep_their_values(
    tmp_path, compression, number_type, num_channels, codecs
):
    shape = SHAPE if num_channels == 1 else (*SHAPE, num_channels)
    values = RNG.integers(0, 200, shape).astype(number_type)
    if compression in ("lzw", "packbits"):
        pytest.importorskip("imagecodecs")
    tifffile.imwrite(
        tmp_path / "a.tif",
        values,
        compression=compression,
        photometric="rgb" if num_channels == 3 else "minisblack",
    )
    if compression == "lzw" and not codecs and (number_type != np.uint8):
        if num_channels == 1 and number_type == np.uint16:
            assert np.array_equal(pixels_of(tmp_path / "a.tif")[..., 0], values)
            return
        with pytest.raises(DatasetError, match="pip install imagecodecs"):
            read_image((tmp_path / "a.tif",))
        return
    assert np.array_equal(pixels_of(tmp_path / "a.tif"), np.atleast_3d(values))
    if num_channels == 1 and number_type != np.float32:
        assert np.array_equal(labels_of(tmp_path / "a.tif"), values)


@pytest.mark.parametrize("planar", ["contig", "separate"])
@pytest.mark.parametrize("tile", [None, (16, 16)])
@pytest.mark.parametrize("byteorder", ["<", ">"])
@pytest.mark.parametrize("bigtiff", [False, True])
def test_every_arrangement_of_samples_is_read(tmp_path, planar, tile, byteorder, bigtiff):
    values = RNG.integers(0, 2**16, (*SHAPE, 3)).astype(np.uint16)
    tifffile.imwrite(
        tmp_path / "a.tif",
        np.moveaxis(values, -1, 0) if planar == "separate" else values,
        photometric="rgb",
        planarconfig=planar,
        tile=tile,
        byteorder=byteorder,
        bigtiff=bigtiff,
    )
    assert np.array_equal(pixels_of(tmp_path / "a.tif"), values)


@pytest.mark.parametrize("compression", [None, "tiff_lzw", "group4", "tiff_adobe_deflate"])
def test_one_bit_is_0_and_1(tmp_path, compression, codecs):
    mask = RNG.integers(0, 2, SHAPE).astype(bool)
    Image.fromarray(mask).save(tmp_path / "a.tif", compression=compression)
    assert np.array_equal(labels_of(tmp_path / "a.tif"), mask)
    assert np.array_equal(pixels_of(tmp_path / "a.tif")[..., 0], mask)


def test_jpeg_inside_is_read_as_pillow_does(tmp_path, codecs):
    smooth = np.add.outer(np.arange(64) * 2, np.arange(48) * 2).astype(np.uint8)
    image = Image.fromarray(np.stack([smooth, smooth // 2, 255 - smooth], axis=-1))
    image.save(tmp_path / "a.tif", compression="jpeg")
    with Image.open(tmp_path / "a.tif") as stored:
        expected = np.asarray(stored.convert("RGB"))
    assert np.array_equal(pixels_of(tmp_path / "a.tif"), expected)


def test_a_palette_gives_indices_to_labels_and_colours_to_images(tmp_path):
    indices = RNG.integers(0, 3, SHAPE, np.uint8)
    image = Image.frombytes("P", SHAPE[::-1], indices.tobytes())
    image.putpalette([0, 0, 0, 255, 0, 0, 0, 255, 0])
    image.save(tmp_path / "a.tif")
    assert np.array_equal(labels_of(tmp_path / "a.tif"), indices)
    expected = np.array([[0, 0, 0], [255, 0, 0], [0, 255, 0]])[indices]
    assert np.array_equal(pixels_of(tmp_path / "a.tif"), expected)


def test_where_white_is_0_images_are_inverted_and_labels_are_as_stored(tmp_path, codecs):
    values = RNG.integers(0, 256, SHAPE, np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", values, photometric="miniswhite")
    assert np.array_equal(pixels_of(tmp_path / "a.tif")[..., 0], 255 - values)
    assert np.array_equal(labels_of(tmp_path / "a.tif"), values)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("compression", [None, "tiff_lzw"])
def test_orientation_is_applied_as_pillow_does(tmp_path, orientation, compression, codecs):
    values = RNG.integers(0, 256, SHAPE, np.uint8)
    Image.fromarray(values).save(
        tmp_path / "a.tif", tiffinfo={274: orientation}, compression=compression
    )
    upright = Image.fromarray(values)  # Pillow itself garbles turned TIFF without compression
    upright.getexif()[274] = orientation
    expected = np.asarray(ImageOps.exif_transpose(upright))
    assert np.array_equal(pixels_of(tmp_path / "a.tif")[..., 0], expected)
    height, width = expected.shape
    assert read_header(tmp_path / "a.tif").geometry.shape_xyz == (width, height, 1)


def test_opacity_is_left_out_where_it_is_constant_and_else_refused(tmp_path):
    values = RNG.integers(0, 256, (*SHAPE, 4), np.uint8)
    values[..., 3] = 255
    tifffile.imwrite(tmp_path / "a.tif", values, photometric="rgb", extrasamples=["unassalpha"])
    assert np.array_equal(pixels_of(tmp_path / "a.tif"), values[..., :3])
    values[0, 0, 3] = 0
    tifffile.imwrite(tmp_path / "a.tif", values, photometric="rgb", extrasamples=["unassalpha"])
    with pytest.raises(DatasetError, match="transparent in parts"):
        read_image((tmp_path / "a.tif",))


@pytest.mark.parametrize("is_imagej", [False, True])
@pytest.mark.parametrize("contiguous", [False, True])
def test_several_pages_are_refused(tmp_path, is_imagej, contiguous):
    pages = RNG.integers(0, 9, (3, *SHAPE)).astype(np.uint8)
    if contiguous:
        tifffile.imwrite(tmp_path / "a.tif", pages, imagej=is_imagej, photometric="minisblack")
    else:
        images = [Image.fromarray(page) for page in pages]
        images[0].save(tmp_path / "a.tif", save_all=True, append_images=images[1:])
    with pytest.raises(DatasetError, match="pictures: a case is one picture"):
        read_image((tmp_path / "a.tif",))


def test_a_preview_beside_the_picture_is_passed_over(tmp_path):
    values = RNG.integers(0, 256, SHAPE, np.uint8)
    with tifffile.TiffWriter(tmp_path / "a.tif") as tiff:
        tiff.write(values, photometric="minisblack", metadata=None)
        tiff.write(values[::2, ::2], photometric="minisblack", subfiletype=1, metadata=None)
    assert np.array_equal(pixels_of(tmp_path / "a.tif")[..., 0], values)


def test_colours_for_print_are_refused(tmp_path):
    Image.new("CMYK", SHAPE).save(tmp_path / "a.tif")
    with pytest.raises(DatasetError, match=r"SEPARATED.*Convert it to RGB"):
        read_image((tmp_path / "a.tif",))


@pytest.mark.parametrize("compression", [None, "zlib"])
def test_truncated_pixels_are_refused(tmp_path, compression):
    values = RNG.integers(0, 256, SHAPE, np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", values, compression=compression)
    content = (tmp_path / "a.tif").read_bytes()
    (tmp_path / "a.tif").write_bytes(content[:-100])
    with pytest.raises(DatasetError, match="truncated or damaged"):
        read_image((tmp_path / "a.tif",))
