"""What every format keeps: values bit for bit, the grid, headers, and words for damaged files."""

from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from mbnas.data.images.file_names import SUFFIXES_BY_FORMAT, format_name
from mbnas.data.images.formats.registry import FORMATS, format_of
from mbnas.data.images.geometry import Geometry
from mbnas.data.images.memory_limit import VARIABLE
from mbnas.data.images.read import read_header, read_image, read_label
from mbnas.data.images.write import write_image, write_label, write_map
from mbnas.errors import DatasetError, MbnasError

IN_TWO_FILES = (".nhdr", ".mhd")
"""Headers of a file beside them, which are only read; tests of their format cover them."""

BY_SIMPLE_ITK = (".nrrd", ".seg", ".mh", ".gipl")

SUFFIXES = [
    suffix
    for suffixes in SUFFIXES_BY_FORMAT.values()
    for suffix in suffixes
    if suffix not in IN_TWO_FILES
    and (find_spec("SimpleITK") or not suffix.startswith(BY_SIMPLE_ITK))
]
ONE_CHANNEL = (".gipl", ".gipl.gz", ".seg.nrrd")
CHANNELS = [
    (suffix, num_channels)
    for suffix in SUFFIXES
    for num_channels in (1, 3)
    if num_channels == 1 or suffix not in ONE_CHANNEL
]
NOT_WRITTEN = ("JPEG",)
"""Formats that are only read, for which a test makes a file by another library."""

AFFINE = np.diag([-1.5, -1.5, 3.0, 1.0])


def num_slices(suffix):
    return 1 if FORMATS[format_name(f"a{suffix}")].is_picture else 5


def some_voxels(suffix, num_channels=1):
    """Return smooth voxels, [channel, i, j, k], which even JPEG keeps approximately."""
    i, j, k, c = np.ogrid[:11, :13, : num_slices(suffix), :num_channels]
    return np.moveaxis(10 * i + 5 * j + 3 * k + 7 * c, -1, 0).astype(np.uint8)


def grid_of(file_format, shape):
    if file_format.is_picture:
        return Geometry.picture(*shape[:2])
    grid = Geometry.canonical(shape, (1.0, 2.0, 3.0))
    if file_format.name != "GIPL":
        return grid
    lps = np.diag([-1.0, -1.0, 1.0, 1.0]) @ grid.affine  # GIPL has no other directions
    return replace(
        grid, affine=tuple(map(tuple, lps.tolist())), orientation=((0, -1), (1, -1), (2, 1))
    )


def write_example(path, voxels_CIJK):
    if format_name(path.name) not in NOT_WRITTEN:
        write_image(path, voxels_CIJK, AFFINE)
        return
    pixels = np.moveaxis(voxels_CIJK[:, :, :, 0], 0, -1).swapaxes(0, 1)
    image = Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)
    image.save(path, quality=100, subsampling=0)


def example(folder, suffix, num_channels=1):
    path = folder / f"example{suffix}"
    write_example(path, some_voxels(suffix, num_channels))
    return path


@pytest.mark.parametrize(("suffix", "num_channels"), CHANNELS)
def test_images_keep_their_values_and_channels(tmp_path, suffix, num_channels):
    voxels_CIJK = some_voxels(suffix, num_channels)
    path = example(tmp_path, suffix, num_channels)
    volume = read_image((path,))
    tolerance = 3 if format_name(path.name) in NOT_WRITTEN else 0
    stored = [volume.geometry.from_canonical(voxels_XYZ) for voxels_XYZ in volume.voxels]
    assert np.abs(np.stack(stored) - voxels_CIJK).max() <= tolerance


@pytest.mark.parametrize(("suffix", "num_channels"), CHANNELS)
def test_a_header_says_what_is_read(tmp_path, suffix, num_channels):
    path = example(tmp_path, suffix, num_channels)
    header = read_header(path)
    file = format_of(path).open(path)
    stored_IJKC = file.stored()
    assert header.shape == stored_IJKC.shape == (11, 13, num_slices(suffix), num_channels)
    assert header.number_type == stored_IJKC.dtype
    assert header.stored_bytes == stored_IJKC.nbytes
    assert header.geometry == read_image((path,)).geometry
    has_spacing = path.with_suffix(".json").exists()  # of TIFF
    in_pixels = format_of(path).is_picture and not has_spacing
    assert header.geometry.unit == ("pixels" if in_pixels else "mm")


@pytest.mark.parametrize("suffix", SUFFIXES)
@given(data=st.data())
@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_label_maps_of_any_numbers_return_bit_for_bit(tmp_path, suffix, data):
    file_format = FORMATS[format_name(f"a{suffix}")]
    path = tmp_path / f"labels{file_format.label_suffix}"
    largest = data.draw(st.sampled_from([1, 3, 255, 40_000]))
    shape = data.draw(st.tuples(st.integers(1, 9), st.integers(1, 9)))
    labels = np.random.default_rng(0).integers(0, largest + 1, (*shape, num_slices(suffix)))
    geometry = grid_of(file_format, labels.shape)
    write_label(path, labels, geometry)
    read, grid = read_label(path)
    assert np.array_equal(read, labels)
    assert grid == geometry


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("num_maps", [0, 2, 3])
def test_maps_of_real_numbers_return_bit_for_bit(tmp_path, suffix, num_maps):
    file_format = FORMATS[format_name(f"a{suffix}")]
    shape = (4, 6, num_slices(suffix))
    geometry = grid_of(file_format, shape)
    shape = (*shape, num_maps) if num_maps else shape
    values = np.random.default_rng(0).random(shape, np.float32)
    path = tmp_path / f"map{file_format.map_suffix}"
    write_map(path, values, geometry)
    volume = read_image((path,))
    assert volume.geometry == geometry
    assert np.array_equal(volume.voxels, np.moveaxis(values, 3, 0) if num_maps else values[None])


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_no_file_is_left_where_writing_is_refused(tmp_path, suffix):
    path = tmp_path / f"labels{suffix}"
    with pytest.raises(DatasetError, match="do not fit"):
        write_label(path, np.zeros((2, 2, 1), int), Geometry.picture(3, 2))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_picture_too_large_for_the_memory_is_refused_before_it_is_read(
    tmp_path, suffix, monkeypatch
):
    path = example(tmp_path, suffix)
    monkeypatch.setenv(VARIABLE, "1e-9")
    file_type = type(format_of(path).open(path))
    monkeypatch.setattr(file_type, "stored", lambda _: pytest.fail("its voxels were read"))
    with pytest.raises(DatasetError, match="of memory"):
        read_image((path,))
    with pytest.raises(DatasetError):
        read_label(path)


BROKEN = {
    "absent": (None, "does not exist"),
    "empty": (b"", "is empty"),
    "text": (b"<html>Not found</html>" * 30, "is not |has an invalid"),
    "pointer": (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 3\n", "Git LFS"),
    "annex": (b"/annex/objects/MD5E-s3--0\n", "is a git-annex pointer"),
}


@pytest.mark.parametrize("name", BROKEN)
@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("read", [lambda path: read_image((path,)), read_label, read_header])
def test_what_is_no_image_is_named_in_one_sentence(tmp_path, name, suffix, read):
    content, sentence = BROKEN[name]
    path = tmp_path / f"{name}{suffix}"
    if content is not None:
        path.write_bytes(content)
    if read is read_label and format_name(path.name) in NOT_WRITTEN:
        sentence = "changes the numbers"
    with pytest.raises(DatasetError, match=sentence) as caught:
        read(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("other", SUFFIXES)
def test_a_file_with_the_name_of_another_format_is_refused(tmp_path, suffix, other):
    if format_name(f"a{suffix}") == format_name(f"a{other}"):
        return
    content = example(tmp_path, suffix).read_bytes()
    path = tmp_path / f"renamed{other}"
    path.write_bytes(content)
    with pytest.raises(DatasetError, match=r"is not |is gzip|has an invalid"):
        read_image((path,))


def read_all(path: Path) -> None:
    """Read a file as everything; only errors in words may come."""
    for read in (read_header, read_label, lambda each: read_image((each,))):
        try:
            read(path)
        except MbnasError as error:
            assert "\n" not in str(error)  # noqa: PT017
            assert str(path) in str(error)  # noqa: PT017


@pytest.mark.parametrize(("suffix", "num_channels"), CHANNELS)
def test_a_file_cut_anywhere_gives_words(tmp_path, suffix, num_channels):
    content = example(tmp_path, suffix, num_channels).read_bytes()
    path = tmp_path / f"cut{suffix}"
    for length in {*range(1, 80, 7), *range(80, len(content), max(1, len(content) // 25))}:
        path.write_bytes(content[:length])
        read_all(path)
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(DatasetError):
        read_image((path,))


@pytest.mark.parametrize("suffix", SUFFIXES)
@given(data=st.data())
@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_a_damaged_file_is_read_or_refused_in_words(tmp_path, suffix, data):
    num_channels = data.draw(st.sampled_from([n for each, n in CHANNELS if each == suffix]))
    content = bytearray(example(tmp_path, suffix, num_channels).read_bytes())
    places = st.one_of(st.integers(0, min(400, len(content) - 1)), st.integers(0, len(content) - 1))
    for _ in range(data.draw(st.integers(1, 6))):
        content[data.draw(places)] = data.draw(st.integers(0, 255))
    path = tmp_path / f"damaged{suffix}"
    path.write_bytes(bytes(content))
    read_all(path)
