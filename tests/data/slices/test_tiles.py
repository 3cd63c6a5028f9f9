"""Tiles cover every slice, with positive weights: places and weights are those of MONAI."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from monai.data.utils import compute_importance_map, dense_patch_slices
from numpy.testing import assert_allclose

from mbnas.data.slices.tiles import (
    num_covering,
    tile_corners,
    tile_starts,
    tile_weights,
    total_weights,
)

sides = st.integers(1, 40)


@given(sides, st.integers(0, 90), st.integers(0, 90))
def test_every_pixel_is_in_a_tile_and_every_tile_is_inside(side, more_rows, more_columns):
    frame = (side + more_rows, side + more_columns)
    counts = np.zeros(frame, int)
    for row, column in tile_corners(frame, side):
        assert 0 <= row <= frame[0] - side
        assert 0 <= column <= frame[1] - side
        counts[row : row + side, column : column + side] += 1
    assert counts.min() >= 1
    assert total_weights(frame, side).min() > 0
    assert num_covering(frame, side) * side**2 >= frame[0] * frame[1]


@given(sides, st.integers(0, 90), st.integers(0, 90))
def test_places_are_those_of_monai(side, more_rows, more_columns):
    frame = (side + more_rows, side + more_columns)
    interval = tuple(max(1, side // 2) if length > side else side for length in frame)
    expected = dense_patch_slices(frame, (side, side), interval)
    corners = [(rows.start, columns.start) for rows, columns in expected]
    assert sorted(tile_corners(frame, side)) == sorted(corners)
    assert tile_corners(frame, side)[-1] == (frame[0] - side, frame[1] - side)


@pytest.mark.parametrize("side", [1, 2, 5, 32, 128, 255])
def test_weights_are_those_of_monai(side):
    expected = compute_importance_map((side, side), mode="gaussian", sigma_scale=0.125)
    assert_allclose(tile_weights(side), expected, rtol=1e-5)
    assert tile_weights(side).min() >= np.float32(1e-3)
    assert tile_weights(side).max() <= 1


def test_the_sum_of_weights_is_that_over_the_tiles():
    total = np.zeros((10, 7), np.float32)
    for row in tile_starts(10, 4):
        for column in tile_starts(7, 4):
            total[row : row + 4, column : column + 4] += tile_weights(4)
    assert np.array_equal(total_weights((10, 7), 4), total)
    assert torch.from_numpy(total.copy()).min() > 0
