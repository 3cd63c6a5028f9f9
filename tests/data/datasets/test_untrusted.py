"""Untrusted files: they are read, or refused with an error of mbnas.

Fuzzing changes valid files: some bytes of the header, of the voxels, or of the compressed file.
"""

import gzip
import json
import struct
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mbnas.data.datasets.dataset import read_dataset
from mbnas.data.images import memory_limit
from mbnas.data.images.formats import raw_bytes as opening
from mbnas.data.images.read import read_header, read_image, read_label
from mbnas.errors import DatasetError, UsageError

from ..conftest import copy_as_nnunet, write_msd


def nifti(kind=nib.Nifti1Image, number_type=np.int16, shape=(3, 4, 2), order="<"):
    header = kind.header_class(endianness=order)
    header.set_data_dtype(np.dtype(number_type).newbyteorder(order))
    voxels = np.arange(np.prod(shape)).reshape(shape).astype(number_type)
    return kind(voxels, np.diag([1.0, 2.0, 3.0, 1.0]), header).to_bytes()


VALID = [
    nifti(),
    nifti(number_type=np.float64, shape=(3, 2, 2, 2)),
    nifti(nib.Nifti2Image, np.float32),
    nifti(order=">"),
]
changes = st.lists(st.tuples(st.integers(0, 1000), st.binary(min_size=1, max_size=9)), max_size=6)


def changed(content, edits):
    content = bytearray(content)
    for place, new in edits:
        place %= len(content)
        content[place : place + len(new)] = new[: len(content) - place]
    return bytes(content)


def check_read_or_refused(name, content):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(content)
        for read in (read_header, read_label, lambda each: read_image((each,))):
            with suppress(DatasetError):
                read(path)


@settings(max_examples=200)
@given(st.sampled_from(VALID), changes, st.integers(0, 2000))
def test_a_nifti_file_with_changed_bytes(content, edits, cut):
    check_read_or_refused("image.nii", changed(content, edits)[: cut or None])


@settings(max_examples=200)
@given(st.sampled_from(VALID), changes)
def test_a_compressed_header_with_changed_bytes(content, edits):
    check_read_or_refused("image.nii.gz", gzip.compress(changed(content, edits), mtime=0))


@settings(max_examples=200)
@given(st.sampled_from(VALID), changes, st.binary(max_size=30))
def test_a_compressed_file_with_changed_bytes(content, edits, more):
    check_read_or_refused("image.nii.gz", changed(gzip.compress(content, mtime=0), edits) + more)


FIELDS = [(40, "h", 8), (76, "f", 8), (108, "f", 3), (252, "h", 2), (256, "f", 18), (70, "h", 2)]


@settings(max_examples=200)
@given(st.data())
def test_a_header_whose_numbers_are_extreme(data):
    content = bytearray(VALID[0])
    for place, kind, count in data.draw(st.lists(st.sampled_from(FIELDS), max_size=3)):
        number = data.draw(st.integers(0, count - 1))
        values = {
            "h": st.sampled_from([-32768, -1, 0, 1, 2, 4, 7, 8, 512, 1024, 1536, 32767]),
            "f": st.sampled_from([0.0, -1.0, 1e-38, 1e-7, 3e38, float("nan"), float("inf"), 2e9]),
        }[kind]
        struct.pack_into(f"<{kind}", content, place + number * (4 if kind == "f" else 2),
                         data.draw(values))  # fmt: skip
    check_read_or_refused("image.nii", bytes(content))


def with_shape(*shape):
    content = bytearray(nifti())
    struct.pack_into("<8h", content, 40, len(shape), *shape, *[1] * (7 - len(shape)))
    return bytes(content)


@pytest.mark.parametrize(
    ("shape", "words"),
    [
        # two bytes are stored of a voxel, and four are kept
        (
            (32767, 32767, 32767),
            r"takes 196,590\.0 GiB of memory, and at most 2\.0 GiB may be used",
        ),
        ((720, 720, 720), r"takes 2\.1 GiB of memory"),
        ((-3, 4, 2), "at least one voxel along each"),
        ((3, 0, 2), "at least one voxel along each"),
        ((3, 4, 2, 1, 5), "a volume has three axes"),
        ((700, 700, 700), "fewer voxels than its header promises"),
    ],
)
@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
def test_impossible_shapes_are_refused_before_memory_is_allocated(
    tmp_path, monkeypatch, shape, words, suffix
):
    monkeypatch.setenv("MBNAS_MAX_VOLUME_GIB", "2")
    path, content = tmp_path / f"image{suffix}", with_shape(*shape)
    path.write_bytes(gzip.compress(content) if suffix == ".nii.gz" else content)
    with pytest.raises(DatasetError, match=words):
        read_image((path,))
    if "promises" not in words:
        with pytest.raises(DatasetError, match=words):
            read_header(path)


def test_no_more_is_decompressed_than_the_header_announces(tmp_path, monkeypatch):
    bomb = tmp_path / "bomb.nii.gz"
    bomb.write_bytes(gzip.compress(nifti() + bytes(2**24)))
    unpacked = []
    fill = opening._GzipReader.readinto
    monkeypatch.setattr(
        opening._GzipReader,
        "readinto",
        lambda file, buffer: unpacked.append(fill(file, buffer)) or unpacked[-1],
    )
    with pytest.raises(DatasetError, match="has more than the 400 bytes that its header promises"):
        read_image((bomb,))
    assert 2**20 < sum(unpacked) < 2**21


def test_a_few_additional_bytes_are_allowed(tmp_path):
    (tmp_path / "image.nii.gz").write_bytes(gzip.compress(nifti() + bytes(100)))
    assert read_image((tmp_path / "image.nii.gz",)).voxels.shape == (1, 3, 4, 2)


def test_three_quarters_of_available_memory_are_the_limit(tmp_path, monkeypatch):
    paths = (tmp_path / "a.nii", tmp_path / "b.nii")
    for path in paths:
        path.write_bytes(nifti())  # 24 voxels of int16
    one, both = 24 * (4 + 2), 24 * (4 + 4 + 2)
    for files, needed in ((paths[:1], one), (paths, both)):
        monkeypatch.setattr(memory_limit, "available_bytes", lambda: needed / 0.75)  # noqa: B023
        assert read_image(files).voxels.shape == (len(files), 3, 4, 2)
        monkeypatch.setattr(memory_limit, "available_bytes", lambda: needed / 0.75 - 2)  # noqa: B023
        with pytest.raises(DatasetError, match=r"a\.nii has shape \(3, 4, 2\).*75% of the"):
            read_image(files)


def test_the_limit_can_be_set(tmp_path, monkeypatch):
    (tmp_path / "a.nii").write_bytes(nifti())
    monkeypatch.setattr(memory_limit, "available_bytes", lambda: 0)
    with pytest.raises(DatasetError, match=r"set another limit with --max-volume-gib"):
        read_image((tmp_path / "a.nii",))
    monkeypatch.setenv("MBNAS_MAX_VOLUME_GIB", str(144 / 2**30))
    assert read_image((tmp_path / "a.nii",)).voxels.size == 24
    monkeypatch.setenv("MBNAS_MAX_VOLUME_GIB", str(143 / 2**30))
    with pytest.raises(DatasetError, match="the limit of --max-volume-gib or MBNAS_MAX_VOLUME_GIB"):
        read_label(tmp_path / "a.nii")
    for wrong in ("much", "0", "-3", "nan", "inf"):
        monkeypatch.setenv("MBNAS_MAX_VOLUME_GIB", wrong)
        with pytest.raises(
            UsageError, match=rf"MBNAS_MAX_VOLUME_GIB \(={wrong}\) must be a number"
        ):
            read_header(tmp_path / "a.nii")


@pytest.mark.parametrize("padding", [bytes(512), b"garbage", b"\0\0garbage", bytes(70_000) + b"x"])
def test_what_follows_compressed_data_is_ignored_as_gzip_ignores_it(tmp_path, padding):
    path, content = tmp_path / "image.nii.gz", nifti(shape=(64, 64, 64))
    path.write_bytes(gzip.compress(content) + padding)
    unpacked = subprocess.run(["gzip", "-dc", path], capture_output=True, check=False)
    assert unpacked.stdout == content
    assert unpacked.returncode == (2 if padding.strip(b"\0") else 0)  # 2 is a warning
    expected = np.asarray(nib.load(path).dataobj)
    assert np.array_equal(read_image((path,)).voxels[0], expected)


def test_several_gzip_members_are_one_file(tmp_path):
    path, content = tmp_path / "image.nii.gz", nifti()
    parts = [gzip.compress(content[:200]), bytes(9), gzip.compress(content[200:])]
    path.write_bytes(b"".join(parts))
    assert np.array_equal(read_label(path)[0], np.asarray(nib.load(path).dataobj))
    path.write_bytes(b"".join(parts)[:-3])
    with pytest.raises(DatasetError, match="truncated or damaged"):
        read_label(path)


@pytest.mark.parametrize(("offset", "words"), [(-1.0, "invalid NIfTI"), (3e9, "start at byte")])
def test_an_invalid_voxel_offset_is_refused(tmp_path, offset, words):
    content = bytearray(nifti())
    struct.pack_into("<f", content, 108, offset)
    (tmp_path / "image.nii").write_bytes(content)
    with pytest.raises(DatasetError, match=words):
        read_image((tmp_path / "image.nii",))


def test_voxels_without_size_are_refused(tmp_path):
    image = nib.Nifti1Image(np.ones((3, 3, 3), np.uint8), np.diag([1e-7, 1e3, 1e3, 1.0]))
    nib.save(image, tmp_path / "thin.nii")
    with pytest.raises(DatasetError, match="voxels of 1e-07 to 1000 mm"):
        read_header(tmp_path / "thin.nii")


# dataset.json

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=6,
)
NAMES = st.sampled_from(
    [
        *("", ".", "..", "/", "a.nii", "../a.nii", "/etc/passwd", "imagesTr/../..", "a\0.nii"),
        *("imagesTr/case_11.nii.gz", "x" * 300, "imagesTr//case_11.nii.gz/", "\ud800"),
    ]
)


@pytest.fixture(scope="module")
def roots(tmp_path_factory):
    folder = tmp_path_factory.mktemp("datasets")
    msd = write_msd(folder / "msd")
    return msd, copy_as_nnunet(msd, folder / "nnunet")


@settings(max_examples=150)
@given(st.integers(0, 1), st.data())
def test_any_dataset_json_is_read_or_refused(roots, which, data):
    root = roots[which]
    path = root / "dataset.json"
    original = path.read_text()
    facts = json.loads(original)
    for key in data.draw(st.lists(st.sampled_from([*facts, "dataset", "ignore"]), max_size=2)):
        facts[key] = data.draw(
            JSON
            | st.lists(st.fixed_dictionaries({"image": NAMES, "label": NAMES}), max_size=2)
            | st.dictionaries(st.sampled_from("012a"), JSON, max_size=3)
            | st.dictionaries(st.integers().map(str), st.text(max_size=3), max_size=3)
        )
    try:
        path.write_text(json.dumps(facts))
        with suppress(DatasetError):
            for case in read_dataset(root).cases:
                for file in case.files:
                    assert file.resolve().is_relative_to(root.resolve())
                    with suppress(DatasetError):
                        read_header(file)
    finally:
        path.write_text(original)


@settings(max_examples=200)
@given(changes)
def test_a_dataset_json_with_changed_bytes(roots, edits):
    path = roots[0] / "dataset.json"
    original = path.read_bytes()
    try:
        path.write_bytes(changed(original, edits))
        with suppress(DatasetError):
            read_dataset(roots[0])
    finally:
        path.write_bytes(original)


def test_files_may_be_links_out_of_the_dataset(msd, nnunet, tmp_path):
    for root, name in ((msd, "case_11.nii.gz"), (nnunet, "case_11_0000.nii.gz")):
        image = root / "imagesTr" / name
        image.rename(tmp_path / name)
        image.symlink_to(tmp_path / name)
        assert read_dataset(root).cases[0].images == (image,)


def test_a_dataset_may_be_a_link(msd, tmp_path):
    (tmp_path / "link").symlink_to(msd)
    assert len(read_dataset(tmp_path / "link").cases) == 4


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"name": "\ud800"}, "has text that is not valid Unicode"),
        ({"labels": {"0": "background", "9" * 30: "a"}}, "up to 10 digits"),
        ({"labels": {"0": "background", "9999999999": "a"}}, "larger than 2147483647"),
        ({"training": [{"image": "a\0.nii", "label": "b.nii"}]}, "names no file"),
        ({"training": [{"image": "./", "label": "b.nii"}]}, "names no file"),
    ],
)
def test_impossible_names_and_labels_are_refused(msd, change, words):
    path = msd / "dataset.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(DatasetError, match=words):
        read_dataset(msd)


def test_a_huge_dataset_json_is_not_read(msd):
    with (msd / "dataset.json").open("ab") as file:
        file.truncate(2**26 + 1)
    with pytest.raises(DatasetError, match="more than the 67108864 it may"):
        read_dataset(msd)
