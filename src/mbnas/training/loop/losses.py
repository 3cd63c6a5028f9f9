"""The losses that a protocol can name.

The Dice is soft, over the foreground classes, and over the whole batch: a class absent from one
slice then still has a denominator from the others. Both losses equal MONAI's bit for bit
(``DiceLoss`` and ``DiceCELoss`` with ``softmax``, ``batch`` and without background), as tests
check. MONAI is not used because it takes seconds to import in every worker.

Source: Milletari et al. 2016 (soft Dice); Isensee et al. 2021 (Dice with cross-entropy).
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Float, UInt8
from torch import Tensor
from torch.nn import functional

from mbnas.training.protocol import LossName

Loss = Callable[
    [Float[Tensor, "batch classes height width"], UInt8[Tensor, "batch height width"]],
    Float[Tensor, ""],
]
_OfOneHot = Callable[[Tensor, Tensor], Tensor]

_SMOOTH = 1e-5


def soft_dice_loss(
    logits_BKHW: Float[Tensor, "batch classes height width"],
    one_hot_BKHW: Float[Tensor, "batch classes height width"],
) -> Float[Tensor, ""]:
    """Return one minus the soft Dice, mean over foreground classes, each over the whole batch.

    A class that is neither in the reference nor predicted has a Dice of 1, due to a small number
    in numerator and denominator.
    """
    predicted = logits_BKHW.softmax(dim=1)[:, 1:]
    reference = one_hot_BKHW[:, 1:]
    over = (0, 2, 3)
    overlap_K = (predicted * reference).sum(dim=over)
    # Written with true positives and halves of false ones, for the same rounding as in MONAI.
    surplus_K = (predicted.sum(dim=over) - overlap_K) * 0.5
    missed_K = (reference.sum(dim=over) - overlap_K) * 0.5
    denominator_K = 2 * (overlap_K + surplus_K + missed_K) + _SMOOTH
    return (1 - (2 * overlap_K + _SMOOTH) / denominator_K).mean()


def soft_dice_and_cross_entropy(
    logits_BKHW: Float[Tensor, "batch classes height width"],
    one_hot_BKHW: Float[Tensor, "batch classes height width"],
) -> Float[Tensor, ""]:
    """Return the sum of :func:`soft_dice_loss` and the mean cross-entropy over pixels."""
    cross_entropy = functional.cross_entropy(logits_BKHW, one_hot_BKHW)
    return soft_dice_loss(logits_BKHW, one_hot_BKHW) + cross_entropy


LOSSES: dict[LossName, _OfOneHot] = {
    "dice": soft_dice_loss,
    "dice+cross-entropy": soft_dice_and_cross_entropy,
}


def make_loss(name: LossName) -> Loss:
    """Return the loss of logits and class indices that a configuration names.

    Targets become one-hot, for which torch's cross-entropy is deterministic on every device.

    Args:
        name: A key of :data:`LOSSES`, as in every protocol.
    """
    loss = LOSSES[name]

    def of_indices(
        logits_BKHW: Float[Tensor, "batch classes height width"],
        labels_BHW: UInt8[Tensor, "batch height width"],
    ) -> Float[Tensor, ""]:
        classes = torch.arange(logits_BKHW.shape[1], device=labels_BHW.device)
        one_hot_BKHW = (labels_BHW[:, None] == classes[:, None, None]).to(logits_BKHW.dtype)
        return loss(logits_BKHW, one_hot_BKHW)

    return of_indices
