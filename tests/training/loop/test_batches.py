"""Every pass sees every slice once, and every batch is full."""

from itertools import islice

import hypothesis.strategies as st
import numpy as np
from hypothesis import given

from mbnas.training.loading.batch_order import shuffled_batches


def batches(num_slices, batch_size, number, seed=0):
    indices = 10 + np.arange(num_slices)
    return list(islice(shuffled_batches(indices, batch_size, np.random.default_rng(seed)), number))


@given(st.integers(1, 9), st.integers(1, 20), st.integers(1, 8))
def test_batches_are_full_and_passes_are_complete(num_slices, batch_size, number):
    found = batches(num_slices, batch_size, number)
    assert [len(batch) for batch in found] == [batch_size] * number
    stream = np.concatenate(found)
    passes = len(stream) // num_slices
    for one in stream[: passes * num_slices].reshape(passes, num_slices):
        assert sorted(one) == list(range(10, 10 + num_slices))


def test_passes_differ_and_depend_on_the_seed():
    first, second = batches(50, 50, 2)
    assert not np.array_equal(first, second)
    assert np.array_equal(first, batches(50, 50, 1)[0])
    assert not np.array_equal(first, batches(50, 50, 1, seed=1)[0])
