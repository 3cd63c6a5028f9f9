"""The losses that a protocol can name.

Both are MONAI's. The Dice is soft, over the foreground classes, and taken over the whole
batch: a class absent from one slice then still has a denominator from the others.

Source: Milletari et al. 2016 (soft Dice); Isensee et al. 2021 (Dice with cross-entropy).
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Float, UInt8
from monai.losses import DiceCELoss, DiceLoss
from torch import Tensor, nn

from mbnas.training.protocol import LossName

Loss = Callable[
    [Float[Tensor, "batch classes height width"], UInt8[Tensor, "batch height width"]],
    Float[Tensor, ""],
]

LOSSES: dict[LossName, Callable[[], nn.Module]] = {
    "dice": lambda: DiceLoss(include_background=False, softmax=True, batch=True),
    "dice+cross-entropy": lambda: DiceCELoss(include_background=False, softmax=True, batch=True),
}


def make_loss(name: LossName) -> Loss:
    """Return the loss of logits and class indices behind a name of the configuration.

    Targets are passed on one-hot, for which torch's cross-entropy is deterministic on every
    device.

    Args:
        name: A key of :data:`LOSSES`; a protocol has no other.
    """
    loss = LOSSES[name]()

    def of_indices(
        logits_BKHW: Float[Tensor, "batch classes height width"],
        labels_BHW: UInt8[Tensor, "batch height width"],
    ) -> Float[Tensor, ""]:
        classes = torch.arange(logits_BKHW.shape[1], device=labels_BHW.device)
        one_hot_BKHW = (labels_BHW[:, None] == classes[:, None, None]).to(logits_BKHW.dtype)
        value: Tensor = loss(logits_BKHW, one_hot_BKHW)
        return value

    return of_indices
