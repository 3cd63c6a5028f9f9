"""Independent seeds from (root seed, purpose, index).

A run has one root seed. Each consumer of randomness derives its own seed from it by naming its
purpose, so that a new consumer never changes the random numbers of another.
"""

from __future__ import annotations

import hashlib

import numpy as np


def derive_seed(root: int, purpose: str, *index: int) -> int:
    """Return the seed for one purpose, in ``[0, 2**63)``.

    Args:
        root: The root seed of the run.
        purpose: What the randomness is for, such as ``"folds"``.
        index: Number of the consumer among those with this purpose, such as (fold,
            initialisation).

    >>> derive_seed(0, "folds") == derive_seed(0, "folds")
    True
    >>> derive_seed(0, "folds") == derive_seed(0, "initialisation", 0)
    False
    """
    text = ":".join([str(root), purpose, *map(str, index)])
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def generator(root: int, purpose: str, *index: int) -> np.random.Generator:
    """Return a generator seeded with :func:`derive_seed`."""
    return np.random.default_rng(derive_seed(root, purpose, *index))
