"""Probabilities of classes or regions from logits, their uncertainty and their label map.

Shape suffixes: B batch, K outputs: classes with the background, or regions. H height, W width.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float32, UInt8

_ROUNDING = np.finfo(np.float32).tiny


def softmax(
    logits_BKHW: Float32[np.ndarray, "batch classes height width"],
) -> Float32[np.ndarray, "batch classes height width"]:
    """Return the class probabilities of logits."""
    with np.errstate(invalid="ignore"):  # callers check for values that are not finite
        powers = np.exp(logits_BKHW - logits_BKHW.max(axis=1, keepdims=True))
    probabilities: np.ndarray = powers / powers.sum(axis=1, keepdims=True)
    return probabilities


def sigmoid(
    logits_BKHW: Float32[np.ndarray, "batch regions height width"],
) -> Float32[np.ndarray, "batch regions height width"]:
    """Return the probability of each region, which does not depend on the others."""
    powers = np.exp(-np.abs(logits_BKHW))
    probabilities: np.ndarray = np.where(logits_BKHW >= 0, 1, powers) / (1 + powers)
    return probabilities


def predicted_labels(
    probabilities_BKHW: Float32[np.ndarray, "batch outputs height width"],
    written: Sequence[int] = (),
) -> UInt8[np.ndarray, "batch height width"]:
    """Return the label map of probabilities.

    Args:
        probabilities_BKHW: Of classes, of which the most likely is taken; or of regions.
        written: The label that each region becomes if its probability is above one half, the
            later over the earlier; empty for classes.
    """
    if not written:
        labels: np.ndarray = probabilities_BKHW.argmax(axis=1).astype(np.uint8)
        return labels
    return written_regions(np.moveaxis(probabilities_BKHW > 0.5, 1, 0), written)


def written_regions(
    masks: Bool[np.ndarray, "region _ _ _"], written: Sequence[int]
) -> UInt8[np.ndarray, "_ _ _"]:
    """Return the label map of regions, written one after another, the later over the earlier."""
    labels = np.zeros(masks.shape[1:], np.uint8)
    for mask, label in zip(masks, written, strict=True):
        labels[mask] = label
    return labels


def entropy(
    probabilities_BKHW: Float32[np.ndarray, "batch outputs height width"],
    *,
    of_regions: bool = False,
) -> Float32[np.ndarray, "batch height width"]:
    """Return the entropy of probabilities over its maximum.

    For classes the maximum is the logarithm of their number. For regions it is the mean over
    regions of the entropy of being inside or outside, whose maximum is that of 2. It is 0 if all
    is certain, and 1 if everything is equally likely.
    """
    if of_regions:
        both_BKHW = np.stack([probabilities_BKHW, 1 - probabilities_BKHW])
        summed = -(both_BKHW * np.log(np.maximum(both_BKHW, _ROUNDING))).sum(axis=0).mean(axis=1)
        of_two: np.ndarray = (summed / np.log(np.float32(2))).clip(0, 1)
        return of_two
    logarithms = np.log(np.maximum(probabilities_BKHW, _ROUNDING))
    summed = -(probabilities_BKHW * logarithms).sum(axis=1)
    relative: np.ndarray = (summed / np.log(np.float32(probabilities_BKHW.shape[1]))).clip(0, 1)
    return relative
