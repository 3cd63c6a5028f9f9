"""Pixels of the foreground, drawn by their rows: against a search of the whole slices."""

from collections import Counter

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from mbnas.data.slices.foreground_rows import ForegroundRows, PixelSampler

labels_of = st.tuples(st.integers(1, 4), st.integers(1, 6), st.integers(1, 6)).flatmap(
    lambda shape: arrays(np.uint8, shape, elements=st.sampled_from([0, 0, 1, 2, 3, 255]))
)


@given(labels_of)
def test_counts_are_those_of_the_pixels(labels):
    rows = ForegroundRows.of(labels, 4)
    expected = [[(each == index).sum() for index in range(4)] for each in labels]
    assert rows.label_pixels(np.arange(len(labels)), 4).tolist() == expected
    assert rows.is_shown.tolist() == [bool(((each > 0) & (each < 4)).any()) for each in labels]


@given(labels_of, labels_of)
def test_parts_are_joined_slice_by_slice(first, second):
    joined = ForegroundRows.joined([ForegroundRows.of(each, 4) for each in (first, second)])
    expected = [
        *ForegroundRows.of(first, 4).label_pixels(np.arange(len(first)), 4).tolist(),
        *ForegroundRows.of(second, 4).label_pixels(np.arange(len(second)), 4).tolist(),
    ]
    assert joined.label_pixels(np.arange(len(expected)), 4).tolist() == expected


@given(labels_of, st.integers(0, 3))
def test_a_drawn_pixel_has_the_drawn_class(labels, seed):
    rows = ForegroundRows.of(labels, 4)
    showing = np.flatnonzero(rows.is_shown)
    if not len(showing):
        return
    slices = np.random.default_rng(seed).choice(showing, 20)
    drawn = PixelSampler(rows).draw(slices, np.random.default_rng(seed))
    for number, index, row, place in zip(slices, *drawn, strict=True):
        assert 1 <= index < 4
        assert (labels[number, row] == index).sum() > place >= 0


def test_classes_and_the_pixels_of_a_class_are_equally_likely():
    labels = np.zeros((2, 5, 6), np.uint8)
    labels[1, 1, 2:5], labels[1, 3, 0], labels[1, 4, 4:] = 1, 1, 1
    labels[1, 0, 0] = 2
    draws = 12_000
    slices = np.ones(draws, np.int64)
    drawn = PixelSampler(ForegroundRows.of(labels, 3)).draw(slices, np.random.default_rng(0))
    counts = Counter(
        (int(index), int(row), int(np.flatnonzero(labels[1, row] == index)[place]))
        for index, row, place in zip(*drawn, strict=True)
    )
    assert set(counts) == {(int(labels[1, r, c]), r, c) for r, c in np.argwhere(labels[1]).tolist()}
    for (index, *_), count in counts.items():
        likely = draws / 2 / (labels == index).sum()
        assert abs(count - likely) < 5 * likely**0.5


def test_it_survives_a_file(tmp_path):
    labels = np.random.default_rng(0).integers(0, 3, (3, 4, 5)).astype(np.uint8)
    rows = ForegroundRows.of(labels, 3)
    rows.write(tmp_path)
    read = ForegroundRows.read(tmp_path)
    assert np.array_equal(read.pixels_R, rows.pixels_R)
    assert np.array_equal(read.label_pixels(np.arange(3), 3), rows.label_pixels(np.arange(3), 3))
