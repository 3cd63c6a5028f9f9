"""Cases, files and warnings of pictures."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from mbnas.data.images.geometry import Geometry
from mbnas.prediction.cases.input_cases import find_cases
from mbnas.prediction.cases.prediction_options import Destination, PredictionOptions
from mbnas.prediction.image_warnings import image_warnings
from mbnas.prediction.model.model_card import ModelCard


def save(path, mode="RGB"):
    Image.new(mode, (6, 4)).save(path)


def test_one_file_in_colours_has_all_channels(tmp_path):
    for name in ("a_0000.png", "b_0000.png", "c.jpg"):
        save(tmp_path / name)
    cases = find_cases(tmp_path, 3).cases
    assert [(each.name, each.images[0].name) for each in cases] == [
        ("a", "a_0000.png"),
        ("b", "b_0000.png"),
        ("c", "c.jpg"),
    ]


def test_frames_of_a_film_are_cases(tmp_path):
    for number in range(3):
        save(tmp_path / f"frame_{number:04d}.png")
    names = [each.name for each in find_cases(tmp_path, 3).cases]
    assert names == ["frame_0000", "frame_0001", "frame_0002"]


def test_pictures_beside_volumes_are_passed_over(tmp_path):
    (tmp_path / "a.nii.gz").write_bytes(b"")
    save(tmp_path / "a.png")
    found = find_cases(tmp_path, 1)
    assert [each.images[0].name for each in found.cases] == ["a.nii.gz"]
    assert [each.reason for each in found.passed_over] == ["is a picture in a folder of volumes"]


@pytest.mark.parametrize(
    ("image", "labels", "maps"),
    [
        ("a.jpg", ".png", ".tif"),
        ("a.bmp", ".png", ".tif"),
        ("a.tif", ".tif", ".tif"),
        ("a.nii", ".nii.gz", ".nii.gz"),
    ],
)
def test_files_are_named_by_the_format_of_the_image(tmp_path, image, labels, maps):
    (tmp_path / image).write_bytes(b"")
    (case,) = find_cases(tmp_path, 1).cases
    options = PredictionOptions(probabilities=True, overlay=True)
    files = Destination.of(tmp_path / "out", is_folder=True).files(case, options)
    assert [each.name for each in files.all] == [
        f"a{labels}",
        f"a_probabilities{maps}",
        "a_overlay.png",
    ]


def test_a_volume_given_to_a_model_of_pictures_is_told(model):
    card = model[1]
    pictures = replace(card, unit="pixels", spacing_mm=(1.0, 1.0, 1.0))
    assert ModelCard.from_json(pictures.to_json()) == pictures
    assert image_warnings(pictures, Geometry.picture(300, 200)) == ()
    volume = Geometry.canonical((30, 20, 1), (5.0, 5.0, 1.0))
    assert image_warnings(pictures, volume) == (
        "it is a volume, and the model learned from pictures: check the result.",
    )
    other = image_warnings(card, Geometry.picture(300, 200))
    assert "it is a picture, and the model learned from volumes: check the result." in other
    assert not np.any([" mm" in each for each in other])
