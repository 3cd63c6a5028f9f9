"""Class probabilities from logits, and their uncertainty.

Shape suffixes: B batch, K classes, H height, W width.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float32

_ROUNDING = np.finfo(np.float32).tiny


def softmax(
    logits_BKHW: Float32[np.ndarray, "batch classes height width"],
) -> Float32[np.ndarray, "batch classes height width"]:
    """Return the class probabilities of logits."""
    with np.errstate(invalid="ignore"):  # callers check for values that are not finite
        powers = np.exp(logits_BKHW - logits_BKHW.max(axis=1, keepdims=True))
    probabilities: np.ndarray = powers / powers.sum(axis=1, keepdims=True)
    return probabilities


def entropy(
    probabilities_BKHW: Float32[np.ndarray, "batch classes height width"],
) -> Float32[np.ndarray, "batch height width"]:
    """Return the entropy of probabilities over its maximum, the logarithm of the classes' number.

    It is 0 if one class is certain, and 1 if all are equally likely.
    """
    logarithms = np.log(np.maximum(probabilities_BKHW, _ROUNDING))
    summed = -(probabilities_BKHW * logarithms).sum(axis=1)
    relative: np.ndarray = (summed / np.log(np.float32(probabilities_BKHW.shape[1]))).clip(0, 1)
    return relative
