"""One loop of training steps in which each factor of mbnas's speed can be left out.

Shape suffixes: B batch, C channels, K classes, H height, W width.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from arms_loader import AugmentedSlices, batches_of
from torch import Tensor
from torch.utils.data import DataLoader
from workload import Arm, Case

from mbnas.data.augmentation.parameters import draw_augmentation
from mbnas.data.augmentation.transform import apply_augmentation
from mbnas.network.operations.memory_layout import channels_last
from mbnas.training.device.device_setup import autocast
from mbnas.training.loop.losses import make_loss

FACTORS = ("allocator", "layout", "precision", "pipeline")
"""In the order of the ladder; the allocator is set for the whole process."""

Factors = frozenset[str]


def steps_with(case: Case, factors: Factors) -> Arm:
    """Return a case's steps with some of the factors.

    Args:
        case: What to train.
        factors: Of :data:`FACTORS`; without the others, the loop is a plain one.
    """
    if "layout" in factors:
        layout, laid_out = torch.channels_last, channels_last
    else:
        layout, laid_out = torch.contiguous_format, Tensor.contiguous
    precision = "bfloat16" if "precision" in factors else "float32"
    network = case.network().to(memory_format=layout).train()
    loss_of = make_loss(case.protocol.training.loss, case.data.targets)
    optimiser = torch.optim.Adam(network.parameters(), fused=True)
    slices = AugmentedSlices(case)
    loader = DataLoader(slices, **batches_of(case, slices))

    def run() -> None:
        for images_BCHW, labels_BHW in resident(case) if "pipeline" in factors else loader:
            optimiser.zero_grad(set_to_none=True)
            with autocast(case.device.type, precision):
                logits_BKHW = network(laid_out(images_BCHW))
            loss_of(logits_BKHW.float(), labels_BHW).backward()
            optimiser.step()

    return run


def resident(case: Case) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield one call's batches as mbnas makes them: augmented as a whole, on the slices' device."""
    settings, rng = case.protocol.augmentation, np.random.default_rng(0)
    size = case.protocol.training.batch_size
    for _ in range(case.steps):
        indices = torch.from_numpy(rng.integers(len(case.data.labels_NHW), size=size))
        parameters = draw_augmentation(
            settings,
            rng,
            batch=size,
            channels=case.data.in_channels,
            flip_dims=case.data.flip_dims(settings.flip_axes),
        )
        yield apply_augmentation(
            parameters,
            case.data.images_NCHW[indices.to(case.device)],
            case.data.labels_NHW[indices.to(case.device)],
        )
