"""From logits to probabilities of classes, and how undecided these are.

Shape suffixes: B batch, K classes, H height, W width.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float32

_ROUNDING = np.finfo(np.float32).tiny


def softmax(
    logits_BKHW: Float32[np.ndarray, "batch classes height width"],
) -> Float32[np.ndarray, "batch classes height width"]:
    """Return the probabilities that logits stand for."""
    with np.errstate(invalid="ignore"):  # what infinities leave is looked at afterwards
        powers = np.exp(logits_BKHW - logits_BKHW.max(axis=1, keepdims=True))
    probabilities: np.ndarray = powers / powers.sum(axis=1, keepdims=True)
    return probabilities


def entropy(
    probabilities_BKHW: Float32[np.ndarray, "batch classes height width"],
) -> Float32[np.ndarray, "batch height width"]:
    """Return how undecided probabilities are: 0 where one class is certain, 1 where all are equal.

    It is the entropy over the logarithm of the number of classes.
    """
    logarithms = np.log(np.maximum(probabilities_BKHW, _ROUNDING))
    summed = -(probabilities_BKHW * logarithms).sum(axis=1)
    relative: np.ndarray = (summed / np.log(np.float32(probabilities_BKHW.shape[1]))).clip(0, 1)
    return relative
