"""PNG, JPEG and BMP: every kind of pixels, EXIF, transparency, large and damaged files."""

import io
import struct
import zlib
from itertools import product

import numpy as np
import pytest
from PIL import Image, ImageOps

from mbnas.data.images.memory_limit import VARIABLE
from mbnas.data.images.read import read_header, read_image, read_label
from mbnas.errors import DatasetError

RNG = np.random.default_rng(0)
WIDTH, HEIGHT = 7, 5


def chunk(kind, content):
    return (
        struct.pack(">I", len(content))
        + kind
        + content
        + struct.pack(">I", zlib.crc32(kind + content))
    )


def write_png(path, rows, *, width, bits, colour_type, extra=(), late=()):
    """Write a PNG from the bytes of its rows, for kinds that Pillow does not write."""
    header = struct.pack(">IIBBBBB", width, len(rows), bits, colour_type, 0, 0, 0)
    pixels = zlib.compress(b"".join(b"\0" + bytes(row) for row in rows))
    chunks = [(b"IHDR", header), *extra, (b"IDAT", pixels), *late, (b"IEND", b"")]
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*each) for each in chunks))


def pixels_of(path):
    """Return what was read, [row, column, channel], as a viewer shows it."""
    volume = read_image((path,))
    stored = [volume.geometry.from_canonical(voxels)[:, :, 0].T for voxels in volume.voxels]
    return np.stack(stored, axis=-1)


def labels_of(path):
    labels_XYZ, geometry = read_label(path)
    return geometry.from_canonical(labels_XYZ)[:, :, 0].T


@pytest.mark.parametrize("suffix", [".png", ".bmp"])
@pytest.mark.parametrize("mode", ["1", "L", "RGB", "P"])
def test_every_mode_is_read_as_it_looks(tmp_path, mode, suffix):
    rgb = Image.fromarray(RNG.integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8))
    image = rgb.convert(mode)
    image.save(tmp_path / f"a{suffix}")
    shown = np.asarray(image.convert("RGB" if mode == "P" else mode)).astype(np.float32)
    assert np.array_equal(pixels_of(tmp_path / f"a{suffix}"), np.atleast_3d(shown))


@pytest.mark.parametrize("suffix", [".png", ".bmp"])
def test_labels_are_the_indices_of_a_palette_and_images_its_colours(tmp_path, suffix):
    indices = RNG.integers(0, 3, (HEIGHT, WIDTH), np.uint8)
    image = Image.fromarray(indices).convert("P")
    image.putpalette([0, 0, 0, 255, 0, 0, 0, 255, 0])
    image.putdata(indices.ravel().tolist())
    image.save(tmp_path / f"a{suffix}")
    assert np.array_equal(labels_of(tmp_path / f"a{suffix}"), indices)
    expected = np.array([[0, 0, 0], [255, 0, 0], [0, 255, 0]])[indices]
    assert np.array_equal(pixels_of(tmp_path / f"a{suffix}"), expected)


def test_a_palette_of_greys_is_one_channel(tmp_path):
    indices = RNG.integers(0, 4, (HEIGHT, WIDTH), np.uint8)
    image = Image.frombytes("P", (WIDTH, HEIGHT), indices.tobytes())
    image.putpalette(np.repeat([9, 200, 3, 77], 3).tolist())
    image.save(tmp_path / "a.png")
    greys = np.array([9, 200, 3, 77])[indices]
    assert np.array_equal(pixels_of(tmp_path / "a.png"), greys[..., None])


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_labels_of_few_bits_are_the_stored_numbers_and_images_fill_the_range(tmp_path, bits):
    per_byte, largest = 8 // bits, 2**bits - 1
    values = RNG.integers(0, largest + 1, (HEIGHT, 2 * per_byte))
    shifts = 8 - bits * (1 + np.arange(per_byte))
    rows = (values.reshape(HEIGHT, 2, per_byte) << shifts).sum(axis=2).tolist()
    write_png(tmp_path / "a.png", rows, width=2 * per_byte, bits=bits, colour_type=0)
    assert np.array_equal(labels_of(tmp_path / "a.png"), values)
    step = 1 if bits == 1 else 255 // largest
    assert np.array_equal(pixels_of(tmp_path / "a.png")[..., 0], values * step)


@pytest.mark.parametrize(("colour_type", "num_samples"), [(0, 1), (2, 3), (6, 4)])
def test_sixteen_bits_keep_their_values(tmp_path, colour_type, num_samples):
    values = RNG.integers(0, 2**16, (HEIGHT, WIDTH, num_samples)).astype(">u2")
    values[..., 3:] = 65_535
    rows = [row.tobytes() for row in values]
    write_png(tmp_path / "a.png", rows, width=WIDTH, bits=16, colour_type=colour_type)
    assert np.array_equal(pixels_of(tmp_path / "a.png"), values[..., :3])
    assert read_header(tmp_path / "a.png").number_type == np.uint16


def test_greys_of_sixteen_bits_with_alpha_are_refused(tmp_path):
    rows = [np.zeros(2 * WIDTH, ">u2").tobytes()] * HEIGHT
    write_png(tmp_path / "a.png", rows, width=WIDTH, bits=16, colour_type=4)
    with pytest.raises(DatasetError, match="16 bits with an alpha channel"):
        read_image((tmp_path / "a.png",))


def test_an_interlaced_file_is_read(tmp_path):
    # Adam7 of 1 by 2 pixels has passes 1 and 7 only: a row each
    header = struct.pack(">IIBBBBB", 1, 2, 8, 0, 0, 0, 1)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(b"\0\x11\0\x22")), (b"IEND", b"")]
    content = b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*each) for each in chunks)
    (tmp_path / "a.png").write_bytes(content)
    assert pixels_of(tmp_path / "a.png").tolist() == [[[0x11]], [[0x22]]]


@pytest.mark.parametrize("suffix", [".jpg", ".png"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied_as_pillow_does(tmp_path, orientation, suffix):
    smooth = np.add.outer(np.arange(32) * 3, np.arange(48) * 2).astype(np.uint8)
    image = Image.fromarray(smooth)
    exif = Image.Exif()
    exif[274] = orientation
    image.save(tmp_path / f"a{suffix}", exif=exif, quality=100)
    with Image.open(tmp_path / f"a{suffix}") as stored:
        expected = np.asarray(ImageOps.exif_transpose(stored))
    assert np.array_equal(pixels_of(tmp_path / f"a{suffix}")[..., 0], expected)
    height, width = expected.shape
    assert read_header(tmp_path / f"a{suffix}").geometry.shape_xyz == (width, height, 1)


def test_exif_after_the_pixels_is_found(tmp_path):
    exif = Image.Exif()
    exif[274] = 6
    rows = [bytes([10 * number] * WIDTH) for number in range(HEIGHT)]
    late = [(b"eXIf", exif.tobytes().removeprefix(b"Exif\0\0"))]
    write_png(tmp_path / "a.png", rows, width=WIDTH, bits=8, colour_type=0, late=late)
    with Image.open(tmp_path / "a.png") as stored:
        expected = np.asarray(ImageOps.exif_transpose(stored))
    assert expected.shape == (WIDTH, HEIGHT)
    assert np.array_equal(pixels_of(tmp_path / "a.png")[..., 0], expected)


def test_damaged_exif_is_ignored(tmp_path):
    rows = [bytes(WIDTH)] * HEIGHT
    write_png(
        tmp_path / "a.png",
        rows,
        width=WIDTH,
        bits=8,
        colour_type=0,
        extra=[(b"eXIf", b"MM\0*\xff")],
    )
    assert read_header(tmp_path / "a.png").geometry.shape_xyz == (WIDTH, HEIGHT, 1)


@pytest.mark.parametrize("mode", ["LA", "RGBA"])
def test_opacity_is_left_out_where_it_is_constant_and_else_refused(tmp_path, mode):
    pixels = RNG.integers(0, 256, (HEIGHT, WIDTH, len(mode)), np.uint8)
    for alpha in (255, 128):
        pixels[..., -1] = alpha
        Image.fromarray(pixels).save(tmp_path / "a.png")
        assert np.array_equal(pixels_of(tmp_path / "a.png"), pixels[..., :-1])
    pixels[0, 0, -1] = 0
    Image.fromarray(pixels).save(tmp_path / "a.png")
    with pytest.raises(DatasetError, match=r"transparent in parts.*Flatten it"):
        read_image((tmp_path / "a.png",))


@pytest.mark.parametrize("mode", ["L", "RGB", "P"])
def test_a_transparent_colour_is_refused_in_images_and_allowed_in_labels(tmp_path, mode):
    values = RNG.integers(0, 2, (HEIGHT, WIDTH), np.uint8)
    image = Image.fromarray(values)
    image = image if mode == "L" else image.convert(mode)
    if mode == "P":
        image = Image.frombytes("P", (WIDTH, HEIGHT), values.tobytes())
        image.putpalette([0, 0, 0, 9, 8, 7])
    image.save(tmp_path / "a.png", transparency=(0, 0, 0) if mode == "RGB" else 0)
    with pytest.raises(DatasetError, match="transparent in parts"):
        read_image((tmp_path / "a.png",))
    if mode != "RGB":
        assert np.array_equal(labels_of(tmp_path / "a.png"), values)


def test_colours_are_no_labels(tmp_path):
    Image.new("RGB", (3, 3)).save(tmp_path / "a.png")
    with pytest.raises(DatasetError, match=r"3 channels.*`mbnas dataset` turns colours"):
        read_label(tmp_path / "a.png")


def test_jpeg_is_no_label_map(tmp_path):
    Image.new("L", (3, 3)).save(tmp_path / "a.jpg")
    with pytest.raises(DatasetError, match="changes the numbers of a label map"):
        read_label(tmp_path / "a.jpg")


def test_colours_for_print_are_refused(tmp_path):
    Image.new("CMYK", (3, 3)).save(tmp_path / "a.jpg")
    with pytest.raises(DatasetError, match=r"mode CMYK.*Convert it to RGB"):
        read_image((tmp_path / "a.jpg",))


def test_several_pictures_in_a_file_are_refused(tmp_path):
    frames = [Image.new("L", (3, 3), value) for value in (0, 200)]
    frames[0].save(tmp_path / "a.png", save_all=True, append_images=frames[1:])
    with pytest.raises(DatasetError, match="holds 2 pictures"):
        read_image((tmp_path / "a.png",))


def test_a_large_picture_needs_memory_and_no_permission_of_pillow(tmp_path, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 4)
    Image.new("L", (WIDTH, HEIGHT)).save(tmp_path / "a.png")
    assert pixels_of(tmp_path / "a.png").shape == (HEIGHT, WIDTH, 1)


def test_a_bomb_is_refused_by_its_header(tmp_path, monkeypatch):
    header = struct.pack(">IIBBBBB", 2**30, 2**30, 8, 6, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(bytes(10_000))), (b"IEND", b"")]
    content = b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*each) for each in chunks)
    (tmp_path / "a.png").write_bytes(content)
    monkeypatch.setenv(VARIABLE, "1")
    with pytest.raises(DatasetError, match="GiB of memory"):
        read_image((tmp_path / "a.png",))


@pytest.mark.parametrize(("suffix", "share"), list(product([".png", ".jpg", ".bmp"], [0.5, 0.9])))
def test_truncated_pixels_are_refused(tmp_path, suffix, share):
    noise = Image.fromarray(RNG.integers(0, 256, (64, 64, 3), np.uint8))
    buffer = io.BytesIO()
    noise.save(buffer, format={".jpg": "JPEG"}.get(suffix, suffix[1:].upper()))
    content = buffer.getvalue()
    (tmp_path / f"a{suffix}").write_bytes(content[: int(len(content) * share)])
    with pytest.raises(DatasetError, match="truncated or damaged"):
        read_image((tmp_path / f"a{suffix}",))
