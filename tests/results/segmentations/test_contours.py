import re

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from mbnas.results.segmentations.contours import outlines

MASKS = arrays(np.bool_, array_shapes(min_dims=3, max_dims=3, min_side=1, max_side=9))


def filled(path: str, shape: tuple[int, ...]) -> np.ndarray:
    """Return which pixels are inside by the even-odd rule: right of an odd number of edges."""
    crossed = np.zeros((shape[0], shape[1] + 1), dtype=int)
    for loop in re.findall(r"M[^z]*z", path):
        column, row = map(int, re.findall(r"\d+", loop)[:2])
        top = row
        for direction, length in re.findall(r"([hv])(-?\d+)", loop):
            if direction == "h":
                column += int(length)
            else:
                crossed[min(row, row + int(length)) : max(row, row + int(length)), column] += 1
                row += int(length)
        crossed[min(row, top) : max(row, top), column] += 1
    return np.cumsum(crossed, axis=1)[:, : shape[1]] % 2 == 1


@given(masks=MASKS)
def test_a_filled_outline_is_the_mask(masks):
    for path, mask in zip(outlines(masks), masks, strict=True):
        np.testing.assert_array_equal(filled(path, mask.shape), mask)


@given(masks=MASKS)
def test_an_outline_turns_at_every_corner_and_closes(masks):
    for path in outlines(masks):
        for loop in re.findall(r"M[^z]*z", path):
            directions = re.findall(r"[hv]", loop)
            assert directions == (["h", "v"] * len(directions))[: len(directions)]
            assert directions[-1] == "h"
            assert "h0" not in loop
            assert "v0" not in loop


@given(mask=arrays(np.bool_, (6, 7)), more=st.integers(0, 3))
def test_outlines_do_not_depend_on_neighbouring_slices(mask, more):
    stack = np.stack([*[~mask] * more, mask])

    assert outlines(stack)[more] == outlines(mask[None])[0]


def test_two_pixels_that_touch_at_a_point_are_both_inside():
    mask = np.eye(2, dtype=bool)

    assert filled(outlines(mask[None])[0], mask.shape).tolist() == mask.tolist()
    assert outlines(~mask[None]) != outlines(mask[None])


def test_no_mask_has_no_path():
    assert outlines(np.zeros((2, 4, 4), dtype=bool)) == ("", "")
    assert outlines(np.zeros((0, 4, 4), dtype=bool)) == ()
