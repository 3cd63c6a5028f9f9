"""Two arms: mbnas's own training loop, and the least that a training step can be.

Shape suffixes: B batch, C channels, K classes, H height, W width.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import torch
from workload import Arm, Case

from mbnas.training.device import autocast
from mbnas.training.loop import Schedule, TrainingLoop
from mbnas.training.losses import make_loss
from mbnas.training.protocol import StepMode
from mbnas.training.step import Step


@contextmanager
def mbnas(case: Case) -> Iterator[Arm]:
    """Yield an epoch of the product's loop, data and augmentation included.

    On a GPU a step is recorded once and replayed, as studies have it there.
    """
    mode: StepMode = "graph" if case.device.type == "cuda" else "eager"
    step = Step([case.network()], replace(case.protocol.training, step=mode))
    slices = np.arange(len(case.data.labels_NHW))
    schedule = Schedule(case.data, slices, case.protocol, np.random.default_rng(0))
    yield TrainingLoop(step, case.data, [schedule]).advance


@contextmanager
def bare(case: Case) -> Iterator[Arm]:
    """Yield as many steps on one held batch: forward, loss, backward and Adam, nothing else.

    Network, loss, precision, memory layout and allocator are the product's.
    """
    settings = case.protocol.training
    network = case.network().train()
    loss_of = make_loss(settings.loss)
    optimiser = torch.optim.Adam(network.parameters(), lr=settings.learning_rate, fused=True)
    images_BCHW = case.data.images_NCHW[: settings.batch_size].contiguous(
        memory_format=torch.channels_last
    )
    labels_BHW = case.data.labels_NHW[: settings.batch_size]

    def run() -> None:
        for _ in range(case.steps):
            optimiser.zero_grad(set_to_none=True)
            with autocast(images_BCHW.device.type, settings.precision):
                logits_BKHW = network(images_BCHW)
            loss_of(logits_BKHW.float(), labels_BHW).backward()
            optimiser.step()

    yield run
