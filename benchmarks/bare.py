"""A bare training step: the least that a training can cost.

Shape suffixes: B batch, C channels, K classes, H height, W width.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from mbnas.data.datasets.label_scheme import Targets
from mbnas.training.device.device_setup import autocast
from mbnas.training.loop.losses import make_loss
from mbnas.training.protocol import TrainingSettings


def bare_step(
    network: nn.Module, images_BCHW: Tensor, labels_BHW: Tensor, settings: TrainingSettings
) -> Callable[[], None]:
    """Return a step of forward, loss, backward and Adam on one held batch.

    Args:
        network: The network, on the device of the batch.
        images_BCHW: The batch, in the network's memory layout.
        labels_BHW: Class indices.
        settings: Give the loss, the learning rate and the resolved precision.
    """
    network.train()
    targets = Targets.of_outputs(network(images_BCHW[:1]).shape[1])
    loss_of = make_loss(settings.loss, targets)
    adam = torch.optim.Adam(network.parameters(), lr=settings.learning_rate, fused=True)

    def step() -> None:
        adam.zero_grad(set_to_none=True)
        with autocast(images_BCHW.device.type, settings.precision):
            logits_BKHW = network(images_BCHW)
        loss_of(logits_BKHW.float(), labels_BHW).backward()
        adam.step()

    return step
