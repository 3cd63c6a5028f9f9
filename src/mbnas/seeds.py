"""Independent seeds from (root seed, purpose, index).

A run has one root seed. Whatever needs randomness asks for a seed by naming its
purpose, so that adding a consumer never shifts the numbers another one sees.
"""

from __future__ import annotations

import hashlib

import numpy as np


def derive_seed(root: int, purpose: str, *index: int) -> int:
    """Return the seed for one purpose, in ``[0, 2**63)``.

    Args:
        root: The root seed of the run.
        purpose: What the randomness is for, such as ``"folds"``.
        index: Which of several like consumers, such as (fold, initialisation).

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
