"""The order in which a training sees its slices."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from jaxtyping import Int


def shuffled_batches(
    indices: Int[np.ndarray, " slices"], batch_size: int, rng: np.random.Generator
) -> Iterator[Int[np.ndarray, " batch"]]:
    """Yield batches endlessly; every batch is full, so a batch may span two passes.

    Args:
        indices: Indices of the training slices, at least one.
        batch_size: Slices per batch.
        rng: Shuffles every pass.
    """
    waiting = np.empty(0, dtype=indices.dtype)
    while True:
        while len(waiting) < batch_size:
            waiting = np.concatenate([waiting, rng.permutation(indices)])
        yield waiting[:batch_size]
        waiting = waiting[batch_size:]
