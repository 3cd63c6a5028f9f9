"""Classes and regions as masks of tensors, and label maps from logits.

Shape suffixes: B batch, K outputs of a network, H height, W width.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from jaxtyping import Bool, Float, Integer, UInt8
from torch import Tensor

from mbnas.data.datasets.label_scheme import IGNORED, Targets


def target_masks(
    labels_BHW: Integer[Tensor, "batch height width"], targets: Targets
) -> Iterator[Bool[Tensor, "batch height width"]]:
    """Yield which pixels are in each class or region, without the background."""
    for first, *others in targets.members:
        mask_BHW = labels_BHW == first
        for label in others:
            mask_BHW = mask_BHW | (labels_BHW == label)
        yield mask_BHW


def without_ignored(
    predicted_BHW: Integer[Tensor, "batch height width"],
    reference_BHW: UInt8[Tensor, "batch height width"],
    targets: Targets,
) -> Integer[Tensor, "batch height width"]:
    """Return a prediction that is background where the reference is ignored."""
    if not targets.ignores:
        return predicted_BHW
    return torch.where(reference_BHW == IGNORED, 0, predicted_BHW)


def predicted_labels(
    logits_BKHW: Float[Tensor, "batch outputs height width"], targets: Targets
) -> Integer[Tensor, "batch height width"]:
    """Return the label map of logits: the most likely class, or the regions one after another.

    A pixel is in a region if its probability is above one half.
    """
    if not targets.regions:
        return logits_BKHW.argmax(dim=1)
    return labels_of(probabilities_of(logits_BKHW, targets), targets)


def probabilities_of(
    logits_BKHW: Float[Tensor, "batch outputs height width"], targets: Targets
) -> Float[Tensor, "batch outputs height width"]:
    """Return the probabilities of classes, which add up to 1, or of regions, in float32."""
    logits_BKHW = logits_BKHW.float()
    return logits_BKHW.sigmoid() if targets.regions else logits_BKHW.softmax(dim=1)


def labels_of(
    probabilities_BKHW: Float[Tensor, "batch outputs height width"], targets: Targets
) -> Integer[Tensor, "batch height width"]:
    """Return the label map of probabilities; see :func:`predicted_labels`."""
    if not targets.regions:
        return probabilities_BKHW.argmax(dim=1)
    in_region_BKHW = probabilities_BKHW > 0.5
    labels_BHW = torch.zeros_like(in_region_BKHW[:, 0], dtype=torch.uint8)
    for region, label in enumerate(targets.written):
        labels_BHW = torch.where(in_region_BKHW[:, region], label, labels_BHW)
    return labels_BHW
