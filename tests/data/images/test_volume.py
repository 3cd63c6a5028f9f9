"""Reading and writing voxels: any orientation, any number type, and files that are not images."""

import gzip
import struct
from itertools import permutations, product

import nibabel as nib
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mbnas.data.images.geometry import Geometry, aligned
from mbnas.data.images.read import read_header, read_image, read_label
from mbnas.data.images.write import write_image, write_label, write_map
from mbnas.errors import DatasetError, LabelError, WriteError

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
    "image.svg": (b"<svg>", r"is not named \.nii, \.nii\.gz"),
}


@pytest.mark.parametrize("name", BROKEN)
@pytest.mark.parametrize("read", [lambda path: read_image((path,)), read_label])
def test_an_unreadable_file_is_named_in_the_error(tmp_path, name, read):
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


def test_invalid_axes_and_affines_are_refused(tmp_path):
    nib.save(nib.Nifti1Image(np.ones(3), np.eye(4)), tmp_path / "line.nii")
    with pytest.raises(DatasetError, match="three axes"):
        read_image((tmp_path / "line.nii",))
    image = nib.Nifti1Image(np.ones((3, 3, 3)), np.eye(4))
    image.header["srow_x"] = 0
    nib.save(image, tmp_path / "singular.nii")
    raw = bytearray((tmp_path / "singular.nii").read_bytes())
    raw[280:296] = bytes(16)  # srow_x, whatever nibabel wrote there
    (tmp_path / "singular.nii").write_bytes(raw)
    with pytest.raises(DatasetError, match="without a valid position in space"):
        read_image((tmp_path / "singular.nii",))
    write_image(tmp_path / "many.nii", np.ones((2, 3, 3, 3), np.float32), np.eye(4))
    with pytest.raises(DatasetError, match="holds 2 channels"):
        read_label(tmp_path / "many.nii")


def test_a_slice_with_two_axes_is_written_back_with_two(tmp_path):
    pixels = np.arange(12, dtype=np.int16).reshape(3, 4)
    nib.save(nib.Nifti1Image(pixels, np.diag([-2.0, 3.0, 1.0, 1.0])), tmp_path / "flat.nii")
    image = read_image((tmp_path / "flat.nii",))
    assert image.voxels.shape == (1, 3, 4, 1)
    assert image.geometry.spacing_mm == (2, 3, 1)
    labels = image.voxels[0].astype(np.uint8)
    write_label(tmp_path / "labels.nii", labels, image.geometry, image.placement)
    written = nib.load(tmp_path / "labels.nii")
    assert np.array_equal(np.asanyarray(written.dataobj), pixels)
    assert np.array_equal(written.affine, nib.load(tmp_path / "flat.nii").affine)


def test_channel_files_on_two_grids_are_refused(tmp_path):
    write_image(tmp_path / "a.nii", np.ones((1, 3, 3, 3), np.float32), np.eye(4))
    write_image(tmp_path / "b.nii", np.ones((1, 3, 3, 4), np.float32), np.eye(4))
    with pytest.raises(DatasetError, match=r"not on the grid of a\.nii"):
        read_image((tmp_path / "a.nii", tmp_path / "b.nii"))


def test_a_failed_write_leaves_nothing_behind(tmp_path):
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
    """The fields of a header with the position of its voxels, as bits, and the affine."""
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
def test_a_label_has_exactly_the_position_of_its_image(tmp_path, kind, sform, qform):
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


# files of one case: stored in any order, and with affines that differ by a rounding


def stored_as(image, orientation):
    """The same voxels in another storage order, by nibabel."""
    axes, flips = orientation
    return image.as_reoriented(np.array(list(zip(axes, flips, strict=True)), float))


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_files_of_a_case_may_be_stored_in_different_orders(tmp_path, orientation):
    rng = np.random.default_rng(0)
    one, other, label = (rng.integers(0, 9, (3, 4, 5)).astype(np.int16) for _ in range(3))
    first = nib.Nifti1Image(one, OBLIQUE)
    expected = [
        np.asarray(nib.as_closest_canonical(nib.Nifti1Image(voxels, OBLIQUE)).dataobj)
        for voxels in (one, other, label)
    ]
    paths = [tmp_path / f"{name}.nii" for name in ("one", "other", "label")]
    nib.save(first, paths[0])
    for voxels, path in zip((other, label), paths[1:], strict=True):
        nib.save(stored_as(nib.Nifti1Image(voxels, OBLIQUE), orientation), path)
    volume = read_image(tuple(paths[:2]))
    assert np.array_equal(volume.voxels, expected[:2])
    labels_XYZ, geometry = read_label(paths[2])
    assert geometry.difference_from(volume.geometry) is None
    assert np.array_equal(aligned(labels_XYZ, geometry, volume.geometry), expected[2])
    assert geometry.is_stored_as(volume.geometry) == (orientation == ORIENTATIONS[0])
    turned = read_image((paths[1], paths[0]))
    write_label(tmp_path / "out.nii", labels_XYZ, turned.geometry, turned.placement)
    assert placed_bits(tmp_path / "out.nii") == placed_bits(paths[1])


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_an_axis_between_two_is_the_same_in_all_files_of_a_case(tmp_path, orientation):
    """Rounding decides which of two axes such a file runs along, and decides otherwise for each."""
    voxels = np.arange(60).reshape(3, 4, 5).astype(np.int16)
    for number, degrees in enumerate((44.99, 45, 45.01)):
        affine = np.diag([0.7, 0.7, 3.0, 1.0])
        affine[:2, :2] = 0.7 * nib.eulerangles.euler2mat(np.deg2rad(degrees))[:2, :2]
        image = nib.Nifti1Image(voxels, affine)
        nib.save(stored_as(image, orientation) if number else image, tmp_path / f"{number}.nii")
    paths = tuple(tmp_path / f"{number}.nii" for number in range(3))
    image = read_image(paths)
    assert np.array_equal(image.voxels[0], image.voxels[1])
    assert np.array_equal(image.voxels[0], image.voxels[2])
    for path in paths:
        assert np.array_equal(aligned(*read_label(path), image.geometry), image.voxels[0])


def grid(affine, shape=(512, 512, 100)):
    return Geometry(
        shape_xyz=shape,
        affine=tuple(map(tuple, np.asarray(affine, float).tolist())),
        orientation=((0, 1), (1, 1), (2, 1)),
    )


CT = np.diag([0.703125, 0.703125, 5.0, 1.0])


def moved(x=0.0, y=0.0, z=0.0):
    affine = CT.copy()
    affine[:3, 3] = (x, y, z)
    return affine


@pytest.mark.parametrize(
    ("affine", "mm", "voxels"),
    [
        (moved(), 0, 0),
        (moved(0.005, -0.005), 0.005 * 2**0.5, 0.005 / 0.703125),
        (moved(z=0.2), 0.2, 0.04),  # much in mm, little in voxels
        (moved(0.2), 0.2, 0.2 / 0.703125),
        # 0.703 for 0.703125: the outer corner at 511.5 moves by 511.5 x 0.000125 mm
        (np.diag([0.703, 0.703, 5, 1]), 511.5 * 0.000125 * 2**0.5, 511.5 * 0.000125 / 0.703125),
        (np.diag([0.7, 0.7, 5, 1]), 511.5 * 0.003125 * 2**0.5, 511.5 * 0.003125 / 0.703125),
    ],
)
def test_grids_are_equal_up_to_a_tenth_of_a_voxel(affine, mm, voxels):
    offset = grid(affine).offset_from(grid(CT))
    assert (offset.mm, offset.voxels) == pytest.approx((mm, voxels), abs=1e-9)
    assert grid(affine).has_voxels_of(grid(CT)) == (voxels <= 0.1)
    difference = grid(affine).difference_from(grid(CT))
    assert (difference is None) == (voxels <= 0.1)
    if difference:
        assert f"up to {mm:.3g} mm or {voxels:.3g} voxels apart" in difference


def test_a_rounding_of_directions_adds_up_along_the_axes():
    """Four decimals of an oblique scan's directions: by brute force over all eight corners."""
    turned = nib.eulerangles.euler2mat(0.3, 0.2, 0.1) * [0.7, 0.7, 3.0]
    exact, rounded = np.eye(4), np.eye(4)
    exact[:3, :3], rounded[:3, :3] = turned, np.round(turned, 4)
    corners = [(x, y, z, 1) for x in (-0.5, 511.5) for y in (-0.5, 511.5) for z in (-0.5, 99.5)]
    apart = [(rounded @ corner - exact @ corner)[:3] for corner in corners]
    offset = grid(rounded).offset_from(grid(exact))
    assert offset.mm == pytest.approx(max(np.linalg.norm(each) for each in apart))
    in_voxels = np.abs([np.linalg.inv(turned) @ each for each in apart]).max()
    assert offset.voxels == pytest.approx(in_voxels)
    assert 0.01 < offset.voxels < 0.1
    assert grid(rounded).has_voxels_of(grid(exact))


def test_a_grid_of_one_slice_has_a_thickness():
    thin, thick = (grid(np.diag([1, 1, z, 1]), (8, 8, 1)) for z in (1.0, 5.0))
    assert not thick.has_voxels_of(thin)


# labels that are stored as real numbers, or with a scale


@pytest.mark.parametrize("number_type", [np.float32, np.float64])
def test_labels_with_rounding_errors_are_rounded(tmp_path, number_type):
    values = np.array([[[0, 0.99999998, 1.00002, 2.0009, -3.0002, 300.0004]]], number_type)
    nib.save(nib.Nifti1Image(values, np.eye(4)), tmp_path / "labels.nii.gz")
    labels, _ = read_label(tmp_path / "labels.nii.gz")
    assert labels.dtype == np.int32
    assert labels.tolist() == [[[0, 1, 1, 2, -3, 300]]]


def write_scaled(path, stored, slope, intercept=0.0):
    image = nib.Nifti1Image(np.array([[stored]], np.uint8), np.eye(4))
    nib.save(image, path)
    content = bytearray(path.read_bytes())
    struct.pack_into("<2f", content, 112, slope, intercept)  # nibabel would change what is stored
    path.write_bytes(content)


def test_the_scale_of_labels_is_applied(tmp_path):
    write_scaled(tmp_path / "labels.nii", [0, 85, 170, 255], 1 / 85)
    assert (nib.load(tmp_path / "labels.nii").get_fdata() != [0, 1, 2, 3]).any()
    assert read_label(tmp_path / "labels.nii")[0].tolist() == [[[0, 1, 2, 3]]]
    write_scaled(tmp_path / "labels.nii", [1, 2, 3], 2, -2)
    assert read_label(tmp_path / "labels.nii")[0].tolist() == [[[0, 2, 4]]]


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ([0, 1.0021], r"holds 1\.0021: labels are whole numbers, within 0\.001\. Threshold"),
        ([0.5, 1.5, 1], r"holds 0\.5, 1\.5: labels"),
        (
            [-2.002, 3.3, 4.4, 5.5, 6.6, 7.7],
            r"holds -2\.002, 3\.3, 4\.4, 5\.5, 6\.6 and 1 others: lab",
        ),
        ([np.nan, 1], "holds nan"),
        ([np.inf, 1], "holds inf"),
        ([3e9, 1], r"holds 3e\+09"),
    ],
)
def test_fractional_labels_are_refused_with_their_decimals(tmp_path, values, words):
    nib.save(nib.Nifti1Image(np.array([[values]]), np.eye(4)), tmp_path / "labels.nii")
    with pytest.raises(LabelError, match=words):
        read_label(tmp_path / "labels.nii")


def test_a_scale_that_makes_labels_wrong_is_named(tmp_path):
    write_scaled(tmp_path / "labels.nii", [0, 1, 2], 0.5)
    with pytest.raises(
        LabelError, match=r"holds 0\.5: .*by scl_slope 0\.5 and scl_inter 0: .*set scl_slope to 1"
    ):
        read_label(tmp_path / "labels.nii")


def test_an_image_in_place_of_labels_is_recognised(tmp_path):
    values = np.random.default_rng(0).normal(size=(10, 10, 10))
    nib.save(nib.Nifti1Image(values, np.eye(4)), tmp_path / "image.nii")
    with pytest.raises(LabelError, match=r"more than 255 .* looks like an image"):
        read_label(tmp_path / "image.nii")


@pytest.mark.parametrize("name", ["a.NII.GZ", "a.Nii", "a.nii.GZ"])
def test_the_case_of_a_suffix_does_not_matter(tmp_path, name):
    labels = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
    write_label(tmp_path / name, labels, grid(np.eye(4), labels.shape))
    assert np.array_equal(read_label(tmp_path / name)[0], labels)
    content = (tmp_path / name).read_bytes()
    assert content.startswith(b"\x1f\x8b") == name.lower().endswith(".gz")
    plain = tmp_path / f"plain{name[1:].lower()}"  # nibabel takes a.Nii for a.nii
    plain.write_bytes(content)
    assert np.array_equal(np.asarray(nib.load(plain).dataobj), labels)


def test_an_image_has_the_memory_layout_of_its_file_and_the_values_of_nibabel(tmp_path):
    stored = np.arange(120, dtype=np.int16).reshape(3, 4, 5, 2)
    image = nib.Nifti1Image(stored, affine_of((2, 0, 1), (1, -1, 1)))
    image.header.set_slope_inter(1 / 3, -7)
    nib.save(image, tmp_path / "image.nii")
    expected = nib.as_closest_canonical(nib.load(tmp_path / "image.nii"))
    voxels = read_image((tmp_path / "image.nii",)).voxels
    assert np.array_equal(voxels, np.moveaxis(expected.get_fdata(), -1, 0).astype(np.float32))
    assert voxels[0].strides == tuple(4 * step for step in (3, 12, 1))
