"""NRRD, MetaImage and GIPL against SimpleITK's own view of the same files."""

import sys
import zlib

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from mbnas.data.images.geometry import Geometry
from mbnas.data.images.read import read_header, read_image, read_label
from mbnas.data.images.write import write_image, write_label, write_map
from mbnas.errors import DatasetError

sitk = pytest.importorskip("SimpleITK")

SHARED = settings(
    deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
LPS = np.diag([-1.0, -1.0, 1.0, 1.0])
TYPES = ("uint8", "int8", "uint16", "int16", "uint32", "int32", "float32", "float64")
ROTATIONS = st.tuples(*[st.floats(-1, 1)] * 4).filter(lambda q: sum(each**2 for each in q) > 0.01)


def rotation(quaternion, mirrored):
    """Return a rotation as a tuple of nine numbers, mirrored along its last axis or not."""
    w, x, y, z = np.array(quaternion) / np.linalg.norm(quaternion)
    matrix = np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )
    if mirrored:
        matrix[:, 2] *= -1
    return tuple(matrix.ravel().tolist())


def position(image):
    return image.GetOrigin(), image.GetSpacing(), image.GetDirection()


def affine_of(image):
    """Return the affine in RAS, by SimpleITK's transform of points of the image."""
    corner = np.array(image.TransformIndexToPhysicalPoint((0, 0, 0)))
    affine = np.eye(4)
    for axis in range(3):
        index = [0, 0, 0]
        index[axis] = 1
        affine[:3, axis] = np.array(image.TransformIndexToPhysicalPoint(index)) - corner
    affine[:3, 3] = corner
    return LPS @ affine


def saved(path, array_KJI, *, direction=None, spacing=(0.7, 0.8, 2.5), origin=(1.5, -2, 3)):
    image = sitk.GetImageFromArray(array_KJI)
    dimension = image.GetDimension()
    image.SetSpacing((*spacing, 1)[:dimension])
    image.SetOrigin((*origin, 0)[:dimension])
    if direction is not None:
        image.SetDirection(direction)
    sitk.WriteImage(image, str(path), useCompression=True)
    return sitk.ReadImage(str(path))


def voxels_of(image):
    """Return the voxels along the axes of the file."""
    return sitk.GetArrayFromImage(image).transpose(2, 1, 0)


@SHARED
@given(
    quaternion=ROTATIONS,
    mirrored=st.booleans(),
    spacing=st.tuples(*[st.floats(0.1, 9)] * 3),
    origin=st.tuples(*[st.floats(-500, 500)] * 3),
    number_type=st.sampled_from(TYPES),
    suffix=st.sampled_from([".nrrd", ".nhdr", ".mha", ".mhd", ".gipl", ".gipl.gz"]),
)
def test_positions_and_voxels_are_those_of_simpleitk(
    tmp_path, quaternion, mirrored, spacing, origin, number_type, suffix
):
    path = tmp_path / f"image{suffix}"
    assume("gipl" not in suffix or number_type not in ("int32", "uint32"))  # ITK writes none
    array = np.random.default_rng(0).integers(0, 100, (3, 4, 5)).astype(number_type)
    direction = None if "gipl" in suffix else rotation(quaternion, mirrored)
    view = saved(path, array, direction=direction, spacing=spacing, origin=origin)
    image = read_image((path,))
    np.testing.assert_allclose(image.geometry.affine, affine_of(view), atol=1e-9)
    stored = image.geometry.from_canonical(image.voxels[0])
    assert np.array_equal(stored, voxels_of(view).astype(np.float32))
    labels = (image.voxels[0] > 50).astype(np.uint8)
    written = tmp_path / f"labels{suffix.replace('mhd', 'mha').replace('nhdr', 'nrrd')}"
    write_label(written, labels, image.geometry, image.placement)
    after = sitk.ReadImage(str(written))
    assert position(after) == position(view)  # bit by bit
    assert np.array_equal(voxels_of(after), voxels_of(view) > 50)
    again, geometry = read_label(written)
    assert np.array_equal(again, labels)
    assert geometry == image.geometry


@SHARED
@given(quaternion=ROTATIONS, mirrored=st.booleans(), suffix=st.sampled_from([".nrrd", ".mha"]))
def test_a_grid_of_another_format_is_written_where_it_was(tmp_path, quaternion, mirrored, suffix):
    affine = np.eye(4)
    affine[:3, :3] = np.reshape(rotation(quaternion, mirrored), (3, 3)) * (0.7, 0.8, 2.5)
    affine[:3, 3] = (3, -40, 7)
    voxels = np.arange(60, dtype=np.int16).reshape(1, 3, 4, 5)
    write_image(tmp_path / "image.nii", voxels, affine)
    image = read_image((tmp_path / "image.nii",))
    write_label(tmp_path / f"a{suffix}", image.voxels[0].astype(int), image.geometry)
    view = sitk.ReadImage(str(tmp_path / f"a{suffix}"))
    np.testing.assert_allclose(affine_of(view), image.geometry.affine, atol=1e-9)
    assert np.array_equal(voxels_of(view), voxels[0])


@pytest.mark.parametrize("suffix", [".nrrd", ".mha"])
def test_channels_are_vectors_or_a_fourth_axis(tmp_path, suffix):
    array = np.arange(120, dtype=np.float32).reshape(2, 3, 4, 5)
    vectors = sitk.GetImageFromArray(np.moveaxis(array, 0, -1), isVector=True)
    sitk.WriteImage(vectors, str(tmp_path / f"vectors{suffix}"))
    four = sitk.GetImageFromArray(array, isVector=False)
    sitk.WriteImage(four, str(tmp_path / f"four{suffix}"))
    for name in ("vectors", "four"):
        image = read_image((tmp_path / f"{name}{suffix}",))
        stored = image.geometry.from_canonical(np.moveaxis(image.voxels, 0, -1))
        assert np.array_equal(stored, array.transpose(3, 2, 1, 0))
        out = tmp_path / f"map{suffix}"
        write_map(out, np.moveaxis(image.voxels, 0, -1), image.geometry, image.placement)
        assert np.array_equal(read_image((out,)).voxels, image.voxels)
        assert sitk.ReadImage(str(out)).GetDirection() == vectors.GetDirection()
        with pytest.raises(DatasetError, match="holds 2 channels"):
            read_label(out)


@pytest.mark.parametrize("suffix", [".nrrd", ".mha"])
def test_a_slice_with_two_axes_is_written_back_with_two(tmp_path, suffix):
    pixels = np.arange(12, dtype=np.uint8).reshape(3, 4)
    view = saved(tmp_path / f"flat{suffix}", pixels, direction=(0.6, -0.8, 0.8, 0.6))
    image = read_image((tmp_path / f"flat{suffix}",))
    assert image.voxels.shape == (1, *image.geometry.canonical_shape)
    assert sorted(image.geometry.shape_xyz) == [1, 3, 4]
    out = tmp_path / f"labels{suffix}"
    write_label(out, image.voxels[0].astype(int), image.geometry, image.placement)
    after = sitk.ReadImage(str(out))
    assert position(after) == position(view)
    assert np.array_equal(sitk.GetArrayFromImage(after), pixels)


def test_the_position_of_an_nrrd_file_is_copied_as_text(tmp_path):
    array = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
    header = (
        "NRRD0005\ntype: uint8\ndimension: 4\nspace: right-anterior-superior\nsizes: 1 4 3 2\n"
        "space directions: none (0.30,0.1,0) (0.000,1.10,3e-1) (0,-0.2,2.9999999999999999)\n"
        "kinds: list domain domain domain\nencoding: raw\nspace origin: (10.00,-7,1e1)\n\n"
    )
    (tmp_path / "ras.nrrd").write_bytes(header.encode() + array.tobytes())
    image = read_image((tmp_path / "ras.nrrd",))
    expected = [[0.3, 0, 0, 10], [0.1, 1.1, -0.2, -7], [0, 0.3, 3, 10], [0, 0, 0, 1]]
    np.testing.assert_allclose(image.geometry.affine, expected, atol=1e-12)
    stored = image.geometry.from_canonical(image.voxels[0])
    assert np.array_equal(stored, array.transpose(2, 1, 0))
    labels = image.voxels[0].astype(int)
    write_label(tmp_path / "labels.nrrd", labels, image.geometry, image.placement)
    lines = (tmp_path / "labels.nrrd").read_bytes().split(b"\n\n")[0].decode().splitlines()
    assert "space: right-anterior-superior" in lines
    assert "space directions: (0.30,0.1,0) (0.000,1.10,3e-1) (0,-0.2,2.9999999999999999)" in lines
    assert "space origin: (10.00,-7,1e1)" in lines
    assert np.array_equal(read_label(tmp_path / "labels.nrrd")[0], labels)
    assert position(sitk.ReadImage(str(tmp_path / "labels.nrrd"))) == position(
        sitk.ReadImage(str(tmp_path / "ras.nrrd"))
    )


def segmentation(path, array, layers):
    image = sitk.GetImageFromArray(array, isVector=layers > 1)
    for number in range(2):
        image.SetMetaData(f"Segment{number}_LabelValue", str(number + 1))
        image.SetMetaData(f"Segment{number}_Layer", str(number % layers))
    sitk.WriteImage(image, str(path), useCompression=True)


def test_segmentations_of_slicer_are_labels(tmp_path):
    array = np.arange(24, dtype=np.uint8).reshape(2, 3, 4) % 3
    segmentation(tmp_path / "case.seg.nrrd", array, 1)
    labels, geometry = read_label(tmp_path / "case.seg.nrrd")
    assert np.array_equal(geometry.from_canonical(labels), array.transpose(2, 1, 0))
    segmentation(tmp_path / "over.seg.nrrd", np.stack([array, array], -1), 2)
    with pytest.raises(DatasetError, match="whose segments overlap, in 2 layers"):
        read_label(tmp_path / "over.seg.nrrd")
    write_label(tmp_path / "out.seg.nrrd", labels, geometry)
    written = sitk.ReadImage(str(tmp_path / "out.seg.nrrd"))
    values = [written.GetMetaData(f"Segment{number}_LabelValue") for number in range(2)]
    assert values == ["1", "2"]


def test_gipl_holds_no_directions_and_no_channels(tmp_path):
    labels = np.zeros((3, 3, 3), np.uint8)
    with pytest.raises(DatasetError, match=r"cannot hold the directions.*Name it \.nrrd"):
        write_label(tmp_path / "a.gipl", labels, Geometry.canonical((3, 3, 3), (1.0, 1.0, 2.0)))
    lps = Geometry(
        shape_xyz=(3, 3, 3),
        affine=tuple(map(tuple, LPS.tolist())),
        orientation=((0, -1), (1, -1), (2, 1)),
    )
    write_label(tmp_path / "a.gipl", labels, lps)
    assert read_label(tmp_path / "a.gipl")[1] == lps
    with pytest.raises(DatasetError, match="cannot hold 2 channels"):
        write_map(tmp_path / "b.gipl", np.zeros((3, 3, 3, 2), np.float32), lps)


@pytest.mark.parametrize(("name", "one"), [("a.mhd", ".mha"), ("a.nhdr", ".nrrd")])
def test_nothing_is_written_as_two_files(tmp_path, name, one):
    with pytest.raises(DatasetError, match=f"name it {one}, which is one"):
        write_image(tmp_path / name, np.zeros((1, 2, 2, 2), np.uint8), np.eye(4))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "name", ["A.MHA", "A.Nrrd", "A.GIPL.GZ", "b\udcff.nrrd", "b\udcff.gipl.gz"]
)
def test_the_spelling_of_a_name_does_not_matter(tmp_path, name):
    labels = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
    write_image(tmp_path / name, labels[None], LPS)
    read, geometry = read_label(tmp_path / name)
    assert np.array_equal(geometry.from_canonical(read), labels)
    assert (tmp_path / name).read_bytes().startswith(b"\x1f\x8b") == name.lower().endswith("gz")


# What is refused

META = "NDims = 3\nDimSize = 2 2 2\nElementType = MET_UCHAR\n"
OUTSIDE = ("/etc/hostname", "../secret.raw", "a/../../secret.raw", "-", "..")


@pytest.mark.parametrize("name", OUTSIDE)
@pytest.mark.parametrize("suffix", [".mhd", ".mha", ".nhdr", ".nrrd"])
def test_voxels_are_read_only_in_the_folder_of_the_header(tmp_path, name, suffix):
    (tmp_path / "secret.raw").write_bytes(bytes(range(64)) * 2)
    folder = tmp_path / "folder"
    folder.mkdir()
    texts = {
        "m": f"ObjectType = Image\n{META}ElementDataFile = {name}\n",
        "n": f"NRRD0004\ntype: uint8\ndimension: 3\nsizes: 2 2 2\nencoding: raw\n"
        f"data file: {name}\n",
    }
    (folder / f"image{suffix}").write_text(texts[suffix[1]])
    with pytest.raises(DatasetError, match="it must be in the folder of the header"):
        read_header(folder / f"image{suffix}")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "NDims = 3\nDimSize = 2 2 2\nElementType = MET_UCHAR\nElementDataFile = LIST\n",
            "several",
        ),
        (
            f"{META}ElementDataFile = a%03d.raw 1 2 1\n",
            "several files",
        ),
        ("NDims = 3\nElementType = MET_UCHAR\nElementDataFile = LOCAL\n", "lacks DimSize"),
        ('NDims = 3\n"ElementDataFile = /etc/hostname\n', "is no line of its header"),
        (f"{META}BinaryData = False\nElementDataFile = LOCAL\n1 2 3", "its voxels as text"),
        (f"{META}Offset = 1 2\nElementDataFile = LOCAL\n", "Offset must be 3 numbers"),
        (f"Offset = 1 2 3\n{META}ElementDataFile = LOCAL\n", "after NDims"),
        (f"{META}CompressedDataSize = x\nElementDataFile = LOCAL\n", "must be a number"),
        (META.replace("UCHAR", "STRING") + "ElementDataFile = LOCAL\n", "of type MET_STRING"),
        ("", "is empty"),
        ("version https://git-lfs.github.com/spec/v1\n", "Git LFS pointer"),
    ],
)
def test_unusable_headers_are_refused_in_words(tmp_path, capfd, text, words):
    (tmp_path / "image.mha").write_text(text)
    with pytest.raises(DatasetError, match=words):
        read_image((tmp_path / "image.mha",))
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("skip", ["0", "-1", "6"])
@pytest.mark.parametrize("is_big", [False, True])
def test_the_start_and_the_byte_order_of_voxels_are_those_of_simpleitk(tmp_path, is_big, skip):
    array = np.arange(24).astype(">i2" if is_big else "<i2")
    before = b"" if skip == "0" else b"6bytes"
    (tmp_path / "image.raw").write_bytes(before + array.tobytes())
    (tmp_path / "image.mhd").write_text(
        f"NDims = 3\nDimSize = 4 3 2\nElementType = MET_SHORT\nHeaderSize = {skip}\n"
        f"ElementByteOrderMSB = {is_big}\nElementDataFile = image.raw\n"
    )
    image = read_image((tmp_path / "image.mhd",))
    view = voxels_of(sitk.ReadImage(str(tmp_path / "image.mhd")))
    assert np.array_equal(image.geometry.from_canonical(image.voxels[0]), view)
    assert view.ravel(order="F").tolist() == list(range(24))


def test_the_file_of_voxels_may_have_any_name(tmp_path):
    (tmp_path / "肝 é.raw").write_bytes(bytes(range(8)))
    header = f"Comment = é\n{META}ElementDataFile = 肝 é.raw\n"
    (tmp_path / "image.mhd").write_text(header, encoding="utf-8")
    image = read_image((tmp_path / "image.mhd",))
    assert sorted(image.voxels.ravel()) == list(range(8))


def test_a_missing_file_of_voxels_is_named(tmp_path):
    saved(tmp_path / "image.mhd", np.zeros((2, 3, 4), np.uint8))
    next(tmp_path.glob("*raw")).unlink()
    with pytest.raises(
        DatasetError, match=r"raw. as the file with its voxels, which does not exist"
    ):
        read_image((tmp_path / "image.mhd",))


@pytest.mark.parametrize("kept", [0.3, 0.9])
@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("suffix", [".nrrd", ".mha", ".gipl", ".gipl.gz"])
def test_truncated_voxels_are_noticed(tmp_path, capfd, suffix, packed, kept):
    path = tmp_path / f"image{suffix}"
    array = np.random.default_rng(0).integers(0, 999, (9, 10, 11)).astype(np.int16)
    sitk.WriteImage(sitk.GetImageFromArray(array), str(path), useCompression=packed)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * kept)])
    with pytest.raises(DatasetError, match="truncated or damaged") as caught:
        read_image((path,))
    assert str(path) in str(caught.value)
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("suffix", [".nrrd", ".mha", ".gipl.gz"])
def test_damage_to_compressed_voxels_is_noticed(tmp_path, capfd, suffix):
    path = tmp_path / f"image{suffix}"
    array = np.random.default_rng(0).integers(0, 999, (9, 10, 11)).astype(np.int16)
    sitk.WriteImage(sitk.GetImageFromArray(array), str(path), useCompression=True)
    content = bytearray(path.read_bytes())
    content[-200] ^= 0x55
    path.write_bytes(content)
    with pytest.raises(DatasetError, match="damaged"):
        read_image((path,))
    assert capfd.readouterr().err == ""


def test_voxels_that_decompress_to_more_than_announced_are_refused(tmp_path):
    header = f"{META}CompressedData = True\nElementDataFile = LOCAL\n"
    content = header.encode() + zlib.compress(bytes(2**22))
    (tmp_path / "image.mha").write_bytes(content)
    with pytest.raises(DatasetError, match="more than the 8 bytes"):
        read_image((tmp_path / "image.mha",))


def test_a_huge_shape_is_refused_before_memory_is_taken(tmp_path, monkeypatch):
    monkeypatch.setenv("MBNAS_MAX_VOLUME_GIB", "1")
    (tmp_path / "image.mha").write_text(
        "NDims = 3\nDimSize = 9000 9000 9000\nElementType = MET_UCHAR\nElementDataFile = LOCAL\n0"
    )
    with pytest.raises(DatasetError, match=r"at most 1\.0 GiB"):
        read_header(tmp_path / "image.mha")


def test_the_extra_is_named_where_it_is_missing(tmp_path, monkeypatch):
    saved(tmp_path / "image.mha", np.zeros((2, 3, 4), np.uint8))
    monkeypatch.setitem(sys.modules, "SimpleITK", None)
    with pytest.raises(DatasetError, match=r"pip install 'mbnas\[images\]'"):
        read_header(tmp_path / "image.mha")


def good(folder, suffix, packed):
    image = sitk.GetImageFromArray(np.arange(60, dtype=np.int16).reshape(3, 4, 5))
    image.SetSpacing((0.5, 1.25, 3))
    sitk.WriteImage(image, str(folder / f"good{suffix}"), useCompression=packed)
    return bytearray((folder / f"good{suffix}").read_bytes())


EDITS = st.lists(
    st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255), st.sampled_from("=+-")),
    min_size=1,
    max_size=4,
)


@settings(SHARED, max_examples=80)
@given(
    kind=st.sampled_from([(".nrrd", True), (".nrrd", False), (".mha", True), (".mha", False),
                          (".gipl", False), (".gipl.gz", True)]),
    edits=EDITS,
)  # fmt: skip
def test_a_malformed_file_is_read_or_refused_in_words(tmp_path, capfd, kind, edits):
    suffix, packed = kind
    content = good(tmp_path, suffix, packed)
    for where, value, edit in edits:
        place = int(where * len(content))
        match edit:
            case "=":
                content[place : place + 1] = bytes([value])
            case "+":
                content[place:place] = bytes([value])
            case _:
                del content[place : place + 1 + value // 16]
    path = tmp_path / f"edited{suffix}"
    path.write_bytes(content)
    for read in (lambda path: read_image((path,)), read_label):
        if message := refusal(read, path):
            assert "\n" not in message
            assert str(path) in message
    assert capfd.readouterr().err == ""


def refusal(read, path):
    """Return the message of a ``DatasetError``; ``None`` if the file is read."""
    try:
        read(path)
    except DatasetError as error:
        return str(error)
    return None
