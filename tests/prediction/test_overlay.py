"""The picture shows foreground where it is, the right way up, in the colour of its class."""

import numpy as np
import pytest

from mbnas.prediction.overlay import draw_overlay


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
    row, column = place_of(sheet.crop((204, 0, 404, sheet.height)), (0x56, 0xB4, 0xE9))
    assert row < 0.3
    assert column > 0.7
    assert place_of(sheet.crop((204, 0, 404, sheet.height)), (0xE6, 0x9F, 0x00)) is None


def test_panels_are_as_wide_and_high_as_in_millimetres():
    classes = np.zeros((40, 10, 3), np.uint8)
    image = np.zeros(classes.shape, np.float32)
    sheet = draw_overlay(
        image, classes, (1.0, 2.0, 5.0), slice_axis=2, names=("größer→",), title="Fall ∅"
    )
    assert sheet.height == 16 + 100 + 4 + 32  # 40 mm by 20 mm, of which the middle slice is shown
