"""Folders of pictures become datasets: classes, channels, patients, and words for what is wrong."""

import json

import numpy as np
import pytest
from PIL import Image

from mbnas.data.assembly.picture_folders import SurveyOptions, folders_in, survey
from mbnas.data.assembly.write_pictures import write_pictures
from mbnas.data.datasets.dataset import read_dataset
from mbnas.data.datasets.patient_table import read_patient_table
from mbnas.data.images.read import read_image, read_label
from mbnas.errors import DatasetError, MbnasError, UsageError

RNG = np.random.default_rng(0)
SHAPE = (20, 24)
NAMES = ("a_1", "a_2", "b_1")


def masks_of(values=(0, 255)):
    """One mask of every name: numbers, of which all have the first and the last."""
    masks = {}
    for name in NAMES:
        chosen = RNG.integers(0, len(values), SHAPE)
        chosen[0, :2] = 0, len(values) - 1
        masks[name] = np.array(values)[chosen].astype(np.uint8)
    return masks


@pytest.fixture
def folders(tmp_path):
    """Write three coloured JPEG images, and masks by a function; return both folders."""

    def write(masks, *, suffix=".png", grey=()):
        for folder in ("images", "masks"):
            (tmp_path / folder).mkdir()
        for number, name in enumerate(NAMES):
            shape = SHAPE if number in grey else (*SHAPE, 3)
            pixels = RNG.integers(0, 256, shape, np.uint8)
            Image.fromarray(pixels).save(tmp_path / f"images/{name}.jpg", quality=95)
            mask = masks[name]
            image = mask if isinstance(mask, Image.Image) else Image.fromarray(mask)
            image.save(tmp_path / f"masks/{name}{suffix}")
        return tmp_path / "images", tmp_path / "masks"

    return write


def made(folders, root, **options):
    found = survey(*folders, SurveyOptions(**options))
    return found, read_dataset(write_pictures(found, root))


def labels_of(case):
    labels_XYZ, grid = read_label(case.label)
    return grid.from_canonical(labels_XYZ)[:, :, 0].T


def test_a_mask_of_0_and_255_becomes_0_and_1(folders, tmp_path):
    masks = masks_of()
    _, dataset = made(folders(masks), tmp_path / "out")
    assert [(each.value, each.name) for each in dataset.classes] == [(1, "foreground")]
    assert dataset.channels == ("R", "G", "B")
    assert [case.name for case in dataset.cases] == sorted(NAMES)
    for case in dataset.cases:
        assert np.array_equal(labels_of(case), masks[case.name] == 255)
        source = read_image((tmp_path / f"images/{case.name}.jpg",))
        written = read_image(case.images)
        assert np.array_equal(written.voxels, source.voxels)


def test_values_are_numbered_and_named(folders, tmp_path):
    masks = masks_of((0, 85, 170, 255))
    options = {"class_names": ("disc", "cup"), "ignored": "255"}
    _, dataset = made(folders(masks), tmp_path / "out", **options)
    facts = json.loads((tmp_path / "out/dataset.json").read_text())
    assert facts["labels"] == {"background": 0, "disc": 1, "cup": 2, "ignore": 3}
    for case in dataset.cases:
        assert np.array_equal(labels_of(case), masks[case.name] // 85)


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".tif"])
def test_colours_are_classes(folders, tmp_path, suffix):
    palette = np.array([[0, 0, 0], [255, 0, 0], [10, 20, 30]], np.uint8)
    chosen = masks_of((0, 1, 2))
    masks = {name: palette[each] for name, each in chosen.items()}
    found, dataset = made(folders(masks, suffix=suffix), tmp_path / "out")
    assert [each.name for each in dataset.classes] == ["#0a141e", "red"]
    order = np.array([0, 2, 1])
    for case in dataset.cases:
        assert np.array_equal(labels_of(case), order[chosen[case.name]])
    assert not found.classes.as_seen


def paletted(indices, colours):
    image = Image.frombytes("P", SHAPE[::-1], indices.tobytes())
    image.putpalette(np.array(colours, np.uint8).ravel().tolist())
    return image


def test_a_palette_gives_its_numbers_unless_they_change_colour(folders, tmp_path):
    chosen = masks_of((0, 1, 2))
    colours = [(0, 0, 0), (255, 0, 0), (0, 255, 0)]
    masks = {name: paletted(each, colours) for name, each in chosen.items()}
    _, dataset = made(folders(masks), tmp_path / "out")
    assert [each.name for each in dataset.classes] == ["value 1", "value 2"]
    for case in dataset.cases:
        assert np.array_equal(labels_of(case), chosen[case.name])
    # the same picture, with another order of the palette in one file
    swapped = np.array([0, 2, 1], np.uint8)[chosen["a_1"]]
    paletted(swapped, [colours[0], colours[2], colours[1]]).save(tmp_path / "masks/a_1.png")
    found, dataset = made((tmp_path / "images", tmp_path / "masks"), tmp_path / "again")
    assert found.classes.as_seen
    assert [each.name for each in dataset.classes] == ["green", "red"]
    for case in dataset.cases:
        assert np.array_equal(labels_of(case), np.array([0, 2, 1])[chosen[case.name]])


def test_a_jpeg_mask_of_two_clear_values_is_rounded_and_told(folders, tmp_path):
    square = np.zeros(SHAPE, np.uint8)
    square[4:12, 8:16] = 255
    found, dataset = made(folders(dict.fromkeys(NAMES, square), suffix=".jpg"), tmp_path / "out")
    assert found.num_soft >= 0
    for case in dataset.cases:
        assert np.array_equal(labels_of(case), square == 255)


def test_smoothed_or_lossy_classes_are_refused(folders, tmp_path):
    smooth = np.broadcast_to(np.arange(24, dtype=np.uint8) * 10, SHAPE)
    both = folders(dict.fromkeys(NAMES, np.ascontiguousarray(smooth)), suffix=".jpg")
    with pytest.raises(DatasetError, match=r"is JPEG.*Also refused: a_2 and b_1"):
        survey(*both, SurveyOptions())


def test_grey_pictures_among_colours_get_three_channels(folders, tmp_path):
    found, dataset = made(folders(masks_of(), grey=(1,)), tmp_path / "out")
    assert found.num_as_colours == 1
    voxels = read_image(dataset.cases[1].images).voxels
    assert len(voxels) == 3
    assert np.array_equal(voxels[0], voxels[2])


def test_colours_that_are_all_grey_become_one_channel(folders, tmp_path):
    both = folders(masks_of(), grey=(0, 1, 2))
    for path in both[0].iterdir():
        Image.open(path).convert("RGB").save(path.with_suffix(".png"))
        path.unlink()
    found, dataset = made(both, tmp_path / "out")
    assert found.num_as_grey == 3
    assert dataset.channels == ("grey",)


def test_values_beyond_png_are_written_as_tiff(folders, tmp_path):
    import tifffile

    both = folders(masks_of())
    for path in both[0].iterdir():
        path.unlink()
        pixels = RNG.integers(0, 60_000, (*SHAPE, 3)).astype(np.uint16)
        tifffile.imwrite(path.with_suffix(".tif"), pixels, photometric="rgb")
    found, dataset = made(both, tmp_path / "out")
    assert found.ending == ".tif"
    for case in dataset.cases:
        source = read_image((both[0] / f"{case.name}.tif",))
        assert np.array_equal(read_image(case.images).voxels, source.voxels)


def test_patients_are_told_by_a_pattern(folders, tmp_path):
    found, _ = made(
        folders(masks_of()), tmp_path / "out", patient_pattern=r"(x)?(?P<patient>[a-z])"
    )
    assert found.patients == {"a_1": "a", "a_2": "a", "b_1": "b"}
    assert read_patient_table(tmp_path / "out/patients.csv") == found.patients


def test_sizes_that_differ_are_refused_with_both(folders, tmp_path):
    masks = masks_of() | {"a_2": np.zeros(SHAPE[::-1], np.uint8)}
    with pytest.raises(
        DatasetError, match=r"20×24 pixels and its image a_2\.jpg 24×20.*EXIF turns"
    ):
        survey(*folders(masks), SurveyOptions())


@pytest.mark.parametrize(
    ("values", "options", "words"),
    [
        ((1, 2), {}, "No mask holds 0.*--background"),
        ((0, 0), {}, "nothing to learn"),
        ((0, 1, 2), {"class_names": ("a",)}, "names 1 classes, and the masks have 2"),
        ((0, 1, 2), {"class_names": ("a", "2")}, "--classes holds '2'"),
        ((0, 1, 2), {"class_names": ("a", "A")}, "--classes holds 'A'"),
        ((0, 1), {"background": "7"}, "background '7' is in no mask: the values are 0, 1"),
    ],
)
def test_what_is_no_set_of_classes_is_refused(folders, values, options, words):
    with pytest.raises(MbnasError, match=words):
        survey(*folders(masks_of(values)), SurveyOptions(**options))


def test_a_given_background_is_label_0(folders, tmp_path):
    masks = masks_of((1, 2, 3))
    _, dataset = made(folders(masks), tmp_path / "out", background="2")
    assert [each.value for each in dataset.classes] == [1, 2]
    for case in dataset.cases:
        assert np.array_equal(labels_of(case), np.array([9, 1, 0, 2])[masks[case.name]])


def test_nothing_is_written_into_a_folder_with_files(folders, tmp_path):
    both = folders(masks_of())
    found = survey(*both, SurveyOptions())
    with pytest.raises(DatasetError, match="is not empty"):
        write_pictures(found, both[0])
    assert sorted(each.name for each in tmp_path.iterdir()) == ["images", "masks"]


def test_the_folders_of_images_and_masks_are_found_by_name(folders, tmp_path):
    both = folders(masks_of())
    assert folders_in(tmp_path) == both
    (tmp_path / "labels").mkdir()
    assert folders_in(tmp_path) is None
    assert folders_in(tmp_path / "absent") is None


def test_volumes_are_sent_elsewhere(folders, tmp_path):
    both = folders(masks_of())
    (both[0] / "volume.nii.gz").write_bytes(b"")
    with pytest.raises(DatasetError, match="holds volumes"):
        survey(*both, SurveyOptions())


def test_an_unknown_name_is_no_class(folders):
    with pytest.raises(UsageError, match="ignored value"):
        survey(*folders(masks_of()), SurveyOptions(ignored="void"))
