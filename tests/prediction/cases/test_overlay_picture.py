"""The picture shows foreground where it is, the right way up, in the colour of its class."""

import numpy as np
import pytest
from hypothesis import given, settings
from PIL import Image, ImageFont

from mbnas.data.images.appearance import seen_channels
from mbnas.data.images.read import read_image
from mbnas.escaping import visible
from mbnas.prediction.cases.overlay_picture import draw_overlay, in_picture

from ...names import NAMES


def place_of(sheet, colour):
    """Centre of a colour's pixels in the first panel, as shares of it; ``None`` if absent."""
    pixels = np.asarray(sheet)[16:-32, :200].astype(int)
    rows, columns = np.nonzero((pixels == colour).all(axis=-1))
    return (rows.mean() / 200, columns.mean() / 200) if rows.size else None


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_low_to_the_right_and_high_to_the_top(axis):
    classes = np.zeros((20, 20, 20), np.uint8)
    middle = [slice(9, 11) if each == axis else None for each in range(3)]
    first, second = (slice(1, 5), slice(14, 18))  # low along the one axis, high along the other
    rest = iter((first, second))
    classes[tuple(each or next(rest) for each in middle)] = 2
    image = np.random.default_rng(0).normal(size=classes.shape).astype(np.float32)
    sheet = draw_overlay(
        image, classes, (1.0, 1.0, 1.0), slice_axis=axis, names=("a", "b"), title="case"
    )
    row, column = place_of(sheet.crop((204, 0, 404, sheet.height)), (0xE6, 0x9F, 0x00))
    assert row < 0.3
    assert column > 0.7
    assert place_of(sheet.crop((204, 0, 404, sheet.height)), (0x56, 0xB4, 0xE9)) is None


def test_panels_are_as_wide_and_high_as_in_millimetres():
    classes = np.zeros((40, 10, 3), np.uint8)
    image = np.zeros(classes.shape, np.float32)
    sheet = draw_overlay(
        image, classes, (1.0, 2.0, 5.0), slice_axis=2, names=("größer→",), title="Fall ∅"
    )
    assert sheet.height == 16 + 100 + 4 + 32  # 40 mm by 20 mm, of which the middle slice is shown


@given(NAMES)
def test_a_name_is_written_out_in_letters_that_the_font_has(name):
    shown = in_picture(name)
    shown.encode("latin-1")
    assert shown.isprintable() or "\xa0" in shown
    assert ascii(visible(name)).isascii()
    assert shown.encode("latin-1", "replace") == visible(name).encode("latin-1", "backslashreplace")


@settings(max_examples=20, deadline=None)
@given(name=NAMES, title=NAMES)
def test_any_name_can_be_drawn(name, title):
    classes = np.ones((4, 4, 1), np.uint8)
    image = np.zeros(classes.shape, np.float32)
    spacing = (1.0, 1.0, 1.0)
    sheet = draw_overlay(image, classes, spacing, slice_axis=2, names=(name, "b"), title=title)
    assert sheet.width == 420


def test_long_names_take_more_lines_and_lose_nothing(monkeypatch):
    classes = np.ones((4, 4, 1), np.uint8)
    image = np.zeros(classes.shape, np.float32)
    written = []
    draw = "mbnas.prediction.cases.overlay_picture.ImageDraw.ImageDraw.text"
    monkeypatch.setattr(draw, lambda self, at, text, fill: written.append((at, text)))
    long, title = "left kidney upper pole " * 8, "case " * 40
    draw_overlay(image, classes, (1.0, 1.0, 1.0), slice_axis=2, names=("a", long, "b"), title=title)
    texts = "".join(text for _, text in written)
    assert long in texts
    assert title in texts
    font = ImageFont.load_default()
    assert all(at[0] + font.getlength(text) <= 420 for at, text in written)


def test_a_picture_is_shown_as_it_is_stored_in_its_colours(tmp_path):
    pixels = np.zeros((40, 60, 3), np.uint8)
    pixels[:10, :15] = (255, 0, 0)  # above, at the left
    pixels[30:, 45:] = (0, 0, 255)  # below, at the right
    Image.fromarray(pixels).save(tmp_path / "a.png")
    volume = read_image((tmp_path / "a.png",))
    seen = seen_channels(volume.voxels, volume.geometry.unit)
    classes_XYZ = np.zeros(volume.geometry.canonical_shape, np.uint8)
    grid = volume.geometry
    sheet = draw_overlay(
        seen, classes_XYZ, grid.spacing_mm, unit=grid.unit, slice_axis=2, names=("a",), title="a"
    )
    shown = np.asarray(sheet)[16:]  # below the heading
    assert shown[20, 20].tolist() == [255, 0, 0]
    assert shown[520, 780].tolist() == [0, 0, 255]
    assert shown[520, 20].tolist() == [0, 0, 0]
