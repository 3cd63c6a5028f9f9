"""The losses that a protocol can name, of classes and of regions, without ignored pixels.

The Dice is soft, over the foreground classes, and over the whole batch: a class absent from one
slice then still has a denominator from the others. Without ignored pixels, both losses equal
MONAI's bit for bit (``DiceLoss`` and ``DiceCELoss`` with ``softmax``, ``batch`` and without
background), as tests check. MONAI is not used because it takes seconds to import in every worker.

Regions overlap, so each has a probability of its own, by a sigmoid. Its Dice is as above, and the
cross-entropy is binary, mean over pixels and regions.

Ignored pixels are left out of every sum and mean. A batch without a labelled pixel has a
cross-entropy of 0.

Shape suffixes: B batch, K outputs: classes with the background, or regions. H height, W width.

Source: Milletari et al. 2016 (soft Dice); Isensee et al. 2021 (Dice with cross-entropy); nnU-Net
v2 (regions and ignored pixels).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, UInt8
from torch import Tensor
from torch.nn import functional

from mbnas.data.datasets.label_scheme import IGNORED, Targets
from mbnas.training.loading.target_masks import target_masks
from mbnas.training.protocol import LossName

Loss = Callable[
    [Float[Tensor, "batch classes height width"], UInt8[Tensor, "batch height width"]],
    Float[Tensor, ""],
]

_SMOOTH = 1e-5


class Reference(NamedTuple):
    """What a network's outputs are compared with.

    Attributes:
        outputs_BKHW: 1 where a pixel is of a class or in a region, else 0; 0 where it is ignored.
        labelled_BHW: Which pixels are not ignored; ``None`` if all are.
        has_regions: Whether outputs are regions, not classes with the background.
    """

    outputs_BKHW: Float[Tensor, "batch outputs height width"]
    labelled_BHW: Bool[Tensor, "batch height width"] | None = None
    has_regions: bool = False


_OfReference = Callable[[Tensor, Reference], Tensor]


def soft_dice_loss(
    logits_BKHW: Float[Tensor, "batch outputs height width"], reference: Reference
) -> Float[Tensor, ""]:
    """Return one minus the soft Dice, mean over classes or regions, each over the whole batch.

    A class that is neither in the reference nor predicted has a Dice of 1, due to a small number
    in numerator and denominator.
    """
    if reference.has_regions:
        predicted, expected = logits_BKHW.sigmoid(), reference.outputs_BKHW
    else:
        predicted, expected = logits_BKHW.softmax(dim=1)[:, 1:], reference.outputs_BKHW[:, 1:]
    if reference.labelled_BHW is not None:
        predicted = predicted * reference.labelled_BHW[:, None]
    over = (0, 2, 3)
    overlap_K = (predicted * expected).sum(dim=over)
    # Written with true positives and halves of false ones, for the same rounding as in MONAI.
    surplus_K = (predicted.sum(dim=over) - overlap_K) * 0.5
    missed_K = (expected.sum(dim=over) - overlap_K) * 0.5
    denominator_K = 2 * (overlap_K + surplus_K + missed_K) + _SMOOTH
    return (1 - (2 * overlap_K + _SMOOTH) / denominator_K).mean()


def mean_cross_entropy(
    logits_BKHW: Float[Tensor, "batch outputs height width"], reference: Reference
) -> Float[Tensor, ""]:
    """Return the mean cross-entropy over labelled pixels: of classes, or binary of each region."""
    if reference.has_regions:
        of_each = functional.binary_cross_entropy_with_logits(
            logits_BKHW, reference.outputs_BKHW, reduction="none"
        ).mean(dim=1)
    elif reference.labelled_BHW is None:
        return functional.cross_entropy(logits_BKHW, reference.outputs_BKHW)
    else:
        of_each = functional.cross_entropy(logits_BKHW, reference.outputs_BKHW, reduction="none")
    if reference.labelled_BHW is None:
        return of_each.mean()
    num_labelled = reference.labelled_BHW.sum().clamp(min=1)
    return (of_each * reference.labelled_BHW).sum() / num_labelled


def soft_dice_and_cross_entropy(
    logits_BKHW: Float[Tensor, "batch outputs height width"], reference: Reference
) -> Float[Tensor, ""]:
    """Return the sum of :func:`soft_dice_loss` and :func:`mean_cross_entropy`."""
    return soft_dice_loss(logits_BKHW, reference) + mean_cross_entropy(logits_BKHW, reference)


LOSSES: dict[LossName, _OfReference] = {
    "dice": soft_dice_loss,
    "dice+cross-entropy": soft_dice_and_cross_entropy,
}


def make_loss(name: LossName, targets: Targets) -> Loss:
    """Return the loss of logits and prepared labels that a configuration names.

    References become one-hot, for which torch's cross-entropy is deterministic on every device.

    Args:
        name: A key of :data:`LOSSES`, as in every protocol.
        targets: What the network predicts.
    """
    loss = LOSSES[name]

    def of_labels(
        logits_BKHW: Float[Tensor, "batch outputs height width"],
        labels_BHW: UInt8[Tensor, "batch height width"],
    ) -> Float[Tensor, ""]:
        if targets.regions:
            outputs_BKHW = torch.stack(list(target_masks(labels_BHW, targets)), dim=1)
        else:
            classes = torch.arange(logits_BKHW.shape[1], device=labels_BHW.device)
            outputs_BKHW = labels_BHW[:, None] == classes[:, None, None]
        reference = Reference(
            outputs_BKHW=outputs_BKHW.to(logits_BKHW.dtype),
            labelled_BHW=labels_BHW != IGNORED if targets.ignores else None,
            has_regions=bool(targets.regions),
        )
        return loss(logits_BKHW, reference)

    return of_labels
