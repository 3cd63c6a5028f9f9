"""Which of two ways files are named in follows from names, number of channels and headers."""

import numpy as np
import pytest

from mbnas.data.images.write import write_image
from mbnas.errors import DatasetError
from mbnas.prediction.cases.input_cases import find_cases


def found(folder, names, num_channels):
    for name in names:
        (folder / name).write_bytes(b"")
    return {
        case.name: [each.name for each in case.images]
        for case in find_cases(folder, num_channels).cases
    }


@pytest.mark.parametrize(
    ("names", "num_channels", "cases"),
    [
        (["b.nii.gz", "a.nii"], 1, {"a": ["a.nii"], "b": ["b.nii.gz"]}),
        (["a_0000.nii.gz", "b_0000.nii"], 1, {"a": ["a_0000.nii.gz"], "b": ["b_0000.nii"]}),
        (["p_0000.nii", "p_0001.nii"], 2, {"p": ["p_0000.nii", "p_0001.nii"]}),
        (  # patients with numbers: there are more than channels
            ["p_0000.nii", "p_0001.nii"],
            1,
            {"p_0000": ["p_0000.nii"], "p_0001": ["p_0001.nii"]},
        ),
        (["p_0007.nii"], 9, {"p_0007": ["p_0007.nii"]}),
        (  # a stray file renames no other case
            ["p_0000.nii", "q_0000.nii", "other.nii", "patient_2019.nii"],
            1,
            {
                "p": ["p_0000.nii"],
                "q": ["q_0000.nii"],
                "other": ["other.nii"],
                "patient_2019": ["patient_2019.nii"],
            },
        ),
        (
            ["p_0000.nii", "p_0001.nii", "other.nii"],
            2,
            {"p": ["p_0000.nii", "p_0001.nii"], "other": ["other.nii"]},
        ),
        (  # one too many, which reading will say of this case alone
            ["p_0000.nii", "p_0001.nii", "q_0000.nii", "q_0001.nii", "q_0002.nii"],
            2,
            {"p": ["p_0000.nii", "p_0001.nii"], "q": [f"q_000{n}.nii" for n in range(3)]},
        ),
        (["A_0000.NII.GZ", "b.Nii"], 1, {"A": ["A_0000.NII.GZ"], "b": ["b.Nii"]}),
        (  # the second channel is absent, and will be told of
            ["p_0000.nii", "q_0000.nii", "q_0001.nii"],
            2,
            {"p": ["p_0000.nii", "p_0001.nii"], "q": ["q_0000.nii", "q_0001.nii"]},
        ),
        (["a.nii", "._a.nii", ".hidden.nii.gz", "notes.txt"], 1, {"a": ["a.nii"]}),
    ],
)
def test_cases_of_a_folder(tmp_path, names, num_channels, cases):
    (tmp_path / "sub.nii").mkdir()
    assert found(tmp_path, names, num_channels) == cases


def test_a_file_stands_for_its_channels_where_these_are_files(tmp_path):
    for name in ("p_0000.nii.gz", "p_0001.nii.gz", "q_0000.nii.gz"):
        (tmp_path / name).write_bytes(b"")
    (two,) = find_cases(tmp_path / "p_0000.nii.gz", 2).cases
    assert (two.name, len(two.images)) == ("p", 2)
    (one,) = find_cases(tmp_path / "p_0000.nii.gz", 1).cases
    assert (one.name, len(one.images)) == ("p_0000", 1)
    (alone,) = find_cases(tmp_path / "q_0000.nii.gz", 2).cases
    assert (alone.name, len(alone.images)) == ("q_0000", 1)


def test_what_holds_no_images_is_refused(tmp_path):
    with pytest.raises(DatasetError, match="holds no images"):
        find_cases(tmp_path, 1)
    with pytest.raises(DatasetError, match="does not exist"):
        find_cases(tmp_path / "absent.nii.gz", 1)
    with pytest.raises(DatasetError, match=r"holds a as a\.nii and as a\.nii\.gz"):
        found(tmp_path, ["a.nii", "a.nii.gz"], 1)
    (tmp_path / "a.nii").unlink()
    with pytest.raises(DatasetError, match=r"holds a as a\.nii\.gz and as a_0000\.nii"):
        found(tmp_path, ["a_0000.nii"], 1)


def test_files_with_all_channels_are_cases_whatever_their_numbers(tmp_path):
    """Patients that are counted from 0, each with two channels along a fourth axis."""
    for name in ("p_0000", "p_0001", "q_0000"):
        write_image(tmp_path / f"{name}.nii", np.zeros((2, 3, 3, 3), np.uint8), np.eye(4))
    for channel in range(2):
        voxels = np.zeros((1, 3, 3, 3), np.uint8)
        write_image(tmp_path / f"r_000{channel}.nii", voxels, np.eye(4))
    assert found(tmp_path, [], 2) == {
        "p_0000": ["p_0000.nii"],
        "p_0001": ["p_0001.nii"],
        "q_0000": ["q_0000.nii"],
        "r": ["r_0000.nii", "r_0001.nii"],
    }
    (one,) = find_cases(tmp_path / "p_0000.nii", 2).cases
    assert one.images == (tmp_path / "p_0000.nii",)


def test_what_looks_like_an_image_and_is_not_read_is_named(tmp_path):
    for name in ("a.nii", "b.nii.zip", "c.hdr", "._a.nii", "notes.txt"):
        (tmp_path / name).write_bytes(b"")
    passed_over = find_cases(tmp_path, 1).passed_over
    assert [each.file for each in passed_over] == [
        str(tmp_path / n) for n in ("b.nii.zip", "c.hdr")
    ]
    (tmp_path / "a.nii").unlink()
    with pytest.raises(DatasetError, match=r"holds no images.* It holds .*b\.nii\.zip"):
        find_cases(tmp_path, 1)
