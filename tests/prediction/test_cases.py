"""Which of two ways files are named in is told from the names and the number of channels."""

import pytest

from mbnas.errors import DatasetError
from mbnas.prediction.cases import find_cases


def found(folder, names, num_channels):
    for name in names:
        (folder / name).write_bytes(b"")
    return {
        case.name: [each.name for each in case.images] for case in find_cases(folder, num_channels)
    }


@pytest.mark.parametrize(
    ("names", "num_channels", "cases"),
    [
        (["b.nii.gz", "a.nii"], 1, {"a": ["a.nii"], "b": ["b.nii.gz"]}),
        (["a_0000.nii.gz", "b_0000.nii.gz"], 1, {"a": ["a_0000.nii.gz"], "b": ["b_0000.nii.gz"]}),
        (["p_0000.nii", "p_0001.nii"], 2, {"p": ["p_0000.nii", "p_0001.nii"]}),
        (  # patients with numbers: there are more than channels
            ["p_0000.nii", "p_0001.nii"],
            1,
            {"p_0000": ["p_0000.nii"], "p_0001": ["p_0001.nii"]},
        ),
        (["p_0007.nii"], 9, {"p_0007": ["p_0007.nii"]}),
        (["p_0000.nii", "other.nii"], 1, {"p_0000": ["p_0000.nii"], "other": ["other.nii"]}),
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
    (two,) = find_cases(tmp_path / "p_0000.nii.gz", 2)
    assert (two.name, len(two.images)) == ("p", 2)
    (one,) = find_cases(tmp_path / "p_0000.nii.gz", 1)
    assert (one.name, len(one.images)) == ("p_0000", 1)
    (alone,) = find_cases(tmp_path / "q_0000.nii.gz", 2)
    assert (alone.name, len(alone.images)) == ("q_0000", 1)


def test_what_holds_no_images_is_refused(tmp_path):
    with pytest.raises(DatasetError, match="holds no images"):
        find_cases(tmp_path, 1)
    with pytest.raises(DatasetError, match="does not exist"):
        find_cases(tmp_path / "absent.nii.gz", 1)
    with pytest.raises(DatasetError, match=r"holds a as \.nii and as \.nii\.gz"):
        found(tmp_path, ["a.nii", "a.nii.gz"], 1)
