"""What is a volume and what a preview in a folder: by suffix, and for TIFF by the spacing."""

import pytest

from mbnas.data.assembly.picture_folders import SurveyOptions, survey
from mbnas.data.images.image_folder import images_in
from mbnas.errors import DatasetError

SPACING = '{"spacing": [3.0, 0.5, 0.5]}'


@pytest.fixture
def fill(tmp_path):
    def of(files):
        for name, text in files.items():
            (tmp_path / name).write_text(text)
        return tmp_path

    return of


@pytest.mark.parametrize(
    ("files", "images"),
    [
        ({"a.nii": "", "b.tif": "", "b.json": SPACING}, ("a.nii", "b.tif")),
        ({"a.nii": "", "b_0000.tiff": "", "b.json": SPACING}, ("a.nii", "b_0000.tiff")),
        ({"a.nii": "", "b.tif": "", "b.json": '{"shapes": []}'}, ("a.nii",)),
        ({"a.nii": "", "b.tif": ""}, ("a.nii",)),
        ({"a.png": "", "b.tif": "", "b.json": SPACING}, ("b.tif",)),
        ({"a.png": "", "b.tif": "", "b.json": '{"shapes": []}'}, ("a.png", "b.tif")),
        ({"a.png": "", "b.tif": "", "b.json": '{"spacing": 3}'}, ("b.tif",)),
        ({"a.png": "", "b.tif": ""}, ("a.png", "b.tif")),
    ],
)
def test_a_tiff_is_a_volume_if_its_spacing_is_beside_it(fill, files, images):
    names, passed_over = images_in(fill(files))
    assert names == images
    left = {each.file.rsplit("/", 1)[1] for each in passed_over}
    assert left == {each for each in files if not each.endswith("json")} - set(images)


def test_what_is_passed_over_says_why(fill):
    _, passed_over = images_in(fill({"a.nii": "", "b.tif": "", "c.png": ""}))
    assert [each.reason for each in passed_over] == [
        "is in a folder of volumes and has no spacing in a JSON file beside it",
        "is a picture in a folder of volumes",
    ]


def test_links_to_no_file_are_told(fill):
    folder = fill({"a.nii": ""})
    (folder / "b.nii").symlink_to("a.nii")
    (folder / "gone.nii").symlink_to("nowhere.nii")
    (folder / "loop.nii").symlink_to("loop.nii")
    (folder / "gone.txt").symlink_to("nowhere.txt")
    names, passed_over = images_in(folder)
    assert names == ("a.nii", "b.nii")
    assert {each.file: each.reason for each in passed_over} == {
        f"{folder}/{name}": "is a link that leads to no file" for name in ("gone.nii", "loop.nii")
    }


def test_files_that_do_not_count_are_left_out(fill):
    folder = fill({"a.nii": "", "b.nii": ""})
    assert images_in(folder, without={(folder / "a.nii").resolve()})[0] == ("b.nii",)


def test_a_dataset_of_pictures_is_not_made_of_tiff_volumes(fill):
    folder = fill({"a.tif": "", "a.json": SPACING})
    with pytest.raises(DatasetError, match=r"holds volumes, such as a\.tif"):
        survey(folder, folder, SurveyOptions())
