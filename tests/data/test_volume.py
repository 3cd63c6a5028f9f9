"""Reading and writing voxels: any orientation, any number type, and files that are not images."""

import gzip
from itertools import permutations, product

import nibabel as nib
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mbnas.data.geometry import Geometry
from mbnas.data.volume import (
    read_header,
    read_image,
    read_label,
    write_image,
    write_label,
    write_map,
)
from mbnas.errors import DatasetError, WriteError

TYPES = ("uint8", "int8", "int16", "uint16", "int32", "uint32", "float32", "float64")
ORIENTATIONS = [
    (axes, flips) for axes in permutations(range(3)) for flips in product((1, -1), repeat=3)
]


def affine_of(axes, flips, spacing_mm=(1.0, 2.0, 3.0)):
    affine = np.eye(4)
    affine[:3, :3] = 0
    for file_axis, (axis, flip) in enumerate(zip(axes, flips, strict=True)):
        affine[axis, file_axis] = flip * spacing_mm[axis]
    affine[:3, 3] = (-7, 11, 5)
    return affine


@pytest.mark.parametrize(("axes", "flips"), ORIENTATIONS)
def test_every_orientation_is_read_as_canonical_and_undone_on_writing(tmp_path, axes, flips):
    affine = affine_of(axes, flips)
    voxels = np.random.default_rng(0).integers(0, 5, (3, 4, 5)).astype(np.uint8)
    nib.save(nib.Nifti1Image(voxels, affine), tmp_path / "in.nii.gz")
    labels, geometry = read_label(tmp_path / "in.nii.gz")
    expected = nib.as_closest_canonical(nib.Nifti1Image(voxels, affine))
    assert np.array_equal(labels, np.asarray(expected.dataobj))
    assert geometry.spacing_mm == (1.0, 2.0, 3.0)
    assert geometry.canonical_shape == labels.shape
    write_label(tmp_path / "out.nii.gz", labels.astype(np.int64), geometry)
    written = nib.load(tmp_path / "out.nii.gz")
    assert np.array_equal(np.asarray(written.dataobj), voxels)
    assert np.allclose(written.affine, affine)
    assert written.get_data_dtype() == np.uint8


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
@pytest.mark.parametrize("number_type", TYPES)
def test_every_number_type_is_read(tmp_path, number_type, suffix):
    voxels = np.arange(24).reshape(1, 2, 3, 4).astype(number_type)
    write_image(tmp_path / f"image{suffix}", voxels, np.eye(4))
    volume = read_image((tmp_path / f"image{suffix}",))
    assert volume.voxels.dtype == np.float32
    assert np.array_equal(volume.voxels, voxels)
    assert nib.load(tmp_path / f"image{suffix}").shape == (2, 3, 4)


def test_channels_come_from_one_4d_file_or_from_several(tmp_path):
    voxels = np.arange(48, dtype=np.float32).reshape(2, 2, 3, 4)
    affine = affine_of((2, 0, 1), (1, -1, 1))
    write_image(tmp_path / "both.nii.gz", voxels, affine)
    parts = tuple(tmp_path / f"case_000{channel}.nii.gz" for channel in range(2))
    for part, channel in zip(parts, voxels, strict=True):
        write_image(part, channel[None], affine)
    together, apart = read_image((tmp_path / "both.nii.gz",)), read_image(parts)
    assert np.array_equal(together.voxels, apart.voxels)
    assert together.geometry == apart.geometry
    assert read_header(tmp_path / "both.nii.gz").num_channels == 2
    assert read_header(parts[0]).num_channels == 1
    assert read_header(parts[0]).geometry == apart.geometry


def test_scaled_integers_are_read_at_their_value(tmp_path):
    image = nib.Nifti1Image(np.array([[[0, 1024, 2048]]], dtype=np.int16), np.eye(4))
    image.header.set_slope_inter(1, -1024)
    nib.save(image, tmp_path / "scaled.nii.gz")
    stored = nib.load(tmp_path / "scaled.nii.gz")
    assert np.allclose(
        read_image((tmp_path / "scaled.nii.gz",)).voxels[0], stored.get_fdata(), atol=0.1
    )


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("kind", [nib.Nifti1Image, nib.Nifti2Image])
def test_both_versions_of_nifti_are_read_in_either_byte_order(tmp_path, kind, order):
    voxels = np.arange(24, dtype=np.int16).reshape(2, 3, 4)
    header = kind.header_class(endianness=order)
    header.set_data_dtype(np.dtype(np.int16).newbyteorder(order))
    nib.save(kind(voxels, np.eye(4), header), tmp_path / "image.nii.gz")
    assert np.array_equal(read_image((tmp_path / "image.nii.gz",)).voxels[0], voxels)
    assert read_header(tmp_path / "image.nii.gz").geometry.shape_xyz == (2, 3, 4)


@given(st.sampled_from(ORIENTATIONS), st.tuples(*[st.integers(1, 4)] * 3))
def test_reorientation_and_its_undoing_are_inverse(orientation, shape):
    geometry = Geometry(
        shape_xyz=shape,
        affine=tuple(map(tuple, np.eye(4).tolist())),
        orientation=tuple(zip(*orientation, strict=True)),
    )
    array = np.arange(np.prod(shape)).reshape(shape)
    canonical = geometry.to_canonical(array)
    assert canonical.shape == geometry.canonical_shape
    assert np.array_equal(geometry.from_canonical(canonical), array)


def good_bytes():
    return nib.Nifti1Image(np.ones((4, 4, 4), np.int16), np.eye(4)).to_bytes()


BROKEN = {
    "absent.nii.gz": (None, "does not exist"),
    "empty.nii.gz": (b"", "is empty"),
    "cut.nii.gz": (gzip.compress(good_bytes())[:60], "truncated or damaged"),
    "trailer.nii.gz": (gzip.compress(good_bytes())[:-6], "truncated or damaged"),
    "flipped.nii.gz": (gzip.compress(good_bytes())[:-5] + b"12345", "truncated or damaged"),
    "cut.nii": (good_bytes()[:-20], "truncated or damaged"),
    "short.nii": (good_bytes()[:100], "is not NIfTI"),
    "plain.nii.gz": (good_bytes(), "is not gzip"),
    "zipped.nii": (gzip.compress(good_bytes()), "Add .gz to its name"),
    "text.nii.gz": (gzip.compress(b"<html>Not found</html>"), "is not NIfTI"),
    "pointer.nii.gz": (
        b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 3\n",
        "is a Git LFS pointer",
    ),
    "annex.nii.gz": (b"/annex/objects/MD5E-s3--0.nii.gz\n", "is a git-annex pointer"),
    "image.png": (b"\x89PNG", "is not named .nii or .nii.gz"),
}


@pytest.mark.parametrize("name", BROKEN)
@pytest.mark.parametrize("read", [lambda path: read_image((path,)), read_label])
def test_what_is_no_image_is_one_sentence_that_names_it(tmp_path, name, read):
    content, sentence = BROKEN[name]
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(DatasetError, match=sentence) as caught:
        read(tmp_path / name)
    assert str(tmp_path / name) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["absent.nii.gz", "plain.nii.gz", "text.nii.gz", "short.nii"])
def test_headers_are_refused_alike(tmp_path, name):
    content, sentence = BROKEN[name]
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(DatasetError, match=sentence):
        read_header(tmp_path / name)


def test_axes_and_affines_that_make_no_volume_are_refused(tmp_path):
    nib.save(nib.Nifti1Image(np.ones((3, 3)), np.eye(4)), tmp_path / "flat.nii")
    with pytest.raises(DatasetError, match="three axes"):
        read_image((tmp_path / "flat.nii",))
    image = nib.Nifti1Image(np.ones((3, 3, 3)), np.eye(4))
    image.header["srow_x"] = 0
    nib.save(image, tmp_path / "singular.nii")
    raw = bytearray((tmp_path / "singular.nii").read_bytes())
    raw[280:296] = bytes(16)  # srow_x, whatever nibabel wrote there
    (tmp_path / "singular.nii").write_bytes(raw)
    with pytest.raises(DatasetError, match="no place in space"):
        read_image((tmp_path / "singular.nii",))
    write_image(tmp_path / "many.nii", np.ones((2, 3, 3, 3), np.float32), np.eye(4))
    with pytest.raises(DatasetError, match="holds 2 channels"):
        read_label(tmp_path / "many.nii")


def test_channel_files_on_two_grids_are_refused(tmp_path):
    write_image(tmp_path / "a.nii", np.ones((1, 3, 3, 3), np.float32), np.eye(4))
    write_image(tmp_path / "b.nii", np.ones((1, 3, 3, 4), np.float32), np.eye(4))
    with pytest.raises(DatasetError, match=r"not on the grid of a\.nii"):
        read_image((tmp_path / "a.nii", tmp_path / "b.nii"))


def test_what_cannot_be_written_leaves_nothing_behind(tmp_path):
    _, geometry = read_written(tmp_path / "in.nii")
    with pytest.raises(WriteError, match="its folder does not exist"):
        write_label(tmp_path / "no" / "out.nii", np.ones((3, 3, 3), np.uint8), geometry)
    with pytest.raises(DatasetError, match="do not fit"):
        write_label(tmp_path / "out.nii", np.ones((3, 3, 4), np.uint8), geometry)
    assert [path.name for path in tmp_path.iterdir()] == ["in.nii"]


def read_written(path):
    write_image(path, np.ones((1, 3, 3, 3), np.uint8), np.eye(4))
    return read_label(path)


def placed_bits(path):
    """What a header says of where its voxels lie, bit by bit, and the affine that follows."""
    header = nib.load(path).header
    names = ("pixdim", "xyzt_units", "qform_code", "sform_code", "quatern_b", "quatern_c")
    names += ("quatern_d", "qoffset_x", "qoffset_y", "qoffset_z", "srow_x", "srow_y", "srow_z")
    fields = {name: header[name].tobytes() for name in names}
    return header["sizeof_hdr"].item(), fields, nib.load(path).affine.tobytes()


OBLIQUE = np.array(
    [[0.93, -0.31, 0.11, -71.3], [0.27, 1.11, 0.2, 33.7], [-0.21, -0.1, 2.97, 11 / 7], [0, 0, 0, 1]]
)


@pytest.mark.parametrize("kind", [nib.Nifti1Image, nib.Nifti2Image])
@pytest.mark.parametrize(("sform", "qform"), [(1, 1), (0, 1), (2, 0), (0, 0), (4, 2)])
def test_a_label_lies_where_its_image_does_to_the_last_digit(tmp_path, kind, sform, qform):
    image = kind(np.zeros((3, 4, 5), np.int16), OBLIQUE)
    image.set_sform(OBLIQUE if sform else None, code=sform)
    image.set_qform(OBLIQUE * [1, 1, 1, 1.1] if qform else None, code=qform)
    image.header.set_xyzt_units("mm", "sec")
    nib.save(image, tmp_path / "image.nii.gz")
    read = read_image((tmp_path / "image.nii.gz",))
    labels = np.arange(60).reshape(read.geometry.canonical_shape)
    write_label(tmp_path / "label.nii.gz", labels, read.geometry, read.placement)
    values = np.ones((*labels.shape, 2), np.float32)
    write_map(tmp_path / "map.nii.gz", values, read.geometry, read.placement)
    for name, shape in (("label", (3, 4, 5)), ("map", (3, 4, 5, 2))):
        assert placed_bits(tmp_path / f"{name}.nii.gz") == placed_bits(tmp_path / "image.nii.gz")
        assert nib.load(tmp_path / f"{name}.nii.gz").shape == shape
    again, geometry = read_label(tmp_path / "label.nii.gz")
    assert np.array_equal(again, labels)
    assert geometry == read.geometry
    assert b"no medical device" in nib.load(tmp_path / "label.nii.gz").header["descrip"].item()
