"""Drawn patches: inside their slices, a third with foreground, all places equally likely."""

from collections import Counter
from itertools import islice

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from mbnas.data.datasets.label_scheme import IGNORED
from mbnas.data.slices.foreground_rows import ForegroundRows
from mbnas.data.slices.slice_places import SlicePlaces
from mbnas.training.loading.patch_sampler import PatchSampler, window_size_of


def sampler_of(slices, patch_size, window_size=None, *, ignores=False):
    """A sampler of label slices of any sizes."""
    rows = [ForegroundRows.of(each[None], 255) for each in slices]
    labelled = [ForegroundRows.of_labelled(each[None]) for each in slices]
    return PatchSampler(
        places=SlicePlaces.of([each.shape for each in slices]),
        foreground=ForegroundRows.joined(rows),
        labelled=ForegroundRows.joined(labelled) if ignores else None,
        labels=np.concatenate([each.ravel() for each in slices]),
        patch_size=patch_size,
        window_size=window_size or patch_size,
    )


def random_slices(rng, patch_size, number):
    found = []
    for _ in range(number):
        labels = np.zeros(rng.integers(patch_size, 4 * patch_size, 2), np.uint8)
        if rng.random() < 0.6:
            row, column = rng.integers(0, np.array(labels.shape))
            labels[row : row + 3, column : column + 3] = rng.integers(1, 4)
        found.append(labels)
    return found


@given(st.integers(0, 1000), st.integers(1, 9), st.integers(2, 11), st.integers(0, 3))
def test_patches_are_inside_and_a_third_has_foreground(seed, patch_size, batch_size, margin):
    rng = np.random.default_rng(seed)
    slices = random_slices(rng, patch_size, 5)
    sampler = sampler_of(slices, patch_size, patch_size + 2 * margin)
    chosen = np.arange(1, 5)
    has_any = any(slices[number].any() for number in chosen)
    for batch in islice(sampler.batches(chosen, batch_size, rng), 5):
        assert batch.shape == (batch_size, 3)
        shown = 0
        for number, top, left in batch:
            assert number in chosen
            row, column = top + margin, left + margin
            patch = slices[number][row : row + patch_size, column : column + patch_size]
            assert min(row, column) >= 0
            assert patch.shape == (patch_size, patch_size)
            shown += bool(patch.any())
        assert not has_any or shown >= batch_size / 3


@given(st.integers(0, 1000), st.integers(1, 9), st.integers(2, 7))
def test_every_patch_holds_labelled_pixels(seed, patch_size, batch_size):
    rng = np.random.default_rng(seed)
    slices = [np.full(rng.integers(patch_size, 8 * patch_size, 2), IGNORED) for _ in range(4)]
    for labels in slices:
        for _ in range(rng.integers(1, 4)):  # a scribble of background or of a class
            row, column = rng.integers(0, np.array(labels.shape))
            labels[row, column : column + 2] = rng.integers(0, 3)
    slices = [each.astype(np.uint8) for each in slices]
    sampler = sampler_of(slices, patch_size, ignores=True)
    for batch in islice(sampler.batches(np.arange(4), batch_size, rng), 5):
        for number, row, column in batch:
            patch = slices[number][row : row + patch_size, column : column + patch_size]
            assert patch.shape == (patch_size, patch_size)
            assert (patch != IGNORED).any()


def test_patches_anywhere_are_around_any_labelled_pixel():
    labels = np.full((9, 30), IGNORED, np.uint8)
    labels[4, [2, 15, 27]] = (0, 1, 2)
    sampler = sampler_of([labels], 3, ignores=True)
    batches = islice(sampler.batches(np.zeros(1, np.int64), 3, np.random.default_rng(0)), 1500)
    around = Counter(
        int(labels[row : row + 3, column : column + 3].min())
        for batch in batches
        for _, row, column in batch[1:].tolist()
    )
    assert set(around) == {0, 1, 2}
    assert all(abs(count - 1000) < 5 * 1000**0.5 for count in around.values())


def test_patches_anywhere_are_uniform_over_their_places():
    sampler = sampler_of([np.zeros((5, 6), np.uint8)], 3)
    rng = np.random.default_rng(0)
    batches = islice(sampler.batches(np.zeros(1, np.int64), 10, rng), 600)
    counts = Counter(tuple(each[1:]) for each in np.concatenate(list(batches)).tolist())
    assert set(counts) == {(row, column) for row in range(3) for column in range(4)}
    assert all(abs(count - 500) < 5 * 500**0.5 for count in counts.values())


def test_patches_around_a_pixel_are_uniform_over_those_that_contain_it():
    labels = np.zeros((9, 9), np.uint8)
    labels[1, 5] = 1
    sampler = sampler_of([labels], 3)
    batches = islice(sampler.batches(np.zeros(1, np.int64), 3, np.random.default_rng(0)), 3000)
    counts = Counter(tuple(batch[0, 1:].tolist()) for batch in batches)
    assert set(counts) == {(row, column) for row in (0, 1) for column in (3, 4, 5)}
    assert all(abs(count - 500) < 5 * 500**0.5 for count in counts.values())


def test_a_pass_draws_each_slice_as_often_as_patches_cover_it():
    slices = [np.zeros(shape, np.uint8) for shape in ((4, 4), (9, 4), (9, 12))]
    sampler = sampler_of(slices, 4)
    assert sampler.num_patches(np.arange(3)) == 1 + 3 + 9
    batches = islice(sampler.batches(np.arange(3), 13, np.random.default_rng(0)), 2)
    for batch in batches:
        assert np.bincount(batch[:, 0]).tolist() == [1, 3, 9]


def test_the_same_seed_draws_the_same_patches():
    slices = random_slices(np.random.default_rng(5), 8, 6)
    drawn = [
        list(islice(sampler_of(slices, 8).batches(np.arange(6), 7, np.random.default_rng(3)), 9))
        for _ in range(2)
    ]
    assert np.array_equal(*drawn)


def test_windows_contain_all_that_augmentation_reaches():
    assert window_size_of(10, 1.0) == 10
    for reach in (1.01, 1.5, 2.2):
        side = window_size_of(10, reach)
        assert side % 2 == 0
        assert 10 * reach <= side <= 10 * reach + 2.001
