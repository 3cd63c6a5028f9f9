"""Two arms: mbnas's own training loop, and the least that a training step can be.

Shape suffixes: B batch, C channels, K classes, H height, W width.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
from bare import bare_step
from workload import Arm, Case

from mbnas.network.operations.memory_layout import channels_last
from mbnas.training.loop.initialisation import placed_for_training
from mbnas.training.loop.training_loop import Schedule, TrainingLoop
from mbnas.training.loop.training_plan import augmentation_of
from mbnas.training.loop.training_step import Step
from mbnas.training.protocol import StepMode


@contextmanager
def mbnas(case: Case) -> Iterator[Arm]:
    """Yield an epoch of the product's loop, data and augmentation included.

    On a GPU a step is recorded once and replayed, as in studies on a GPU.
    """
    mode: StepMode = "graph" if case.device.type == "cuda" else "eager"
    settings = replace(case.protocol.training, step=mode, fused="off")
    step = Step(
        [placed_for_training(case.network(), case.device, settings)], settings, case.data.targets
    )
    slices = np.arange(len(case.data.labels_NHW))
    augmentation = augmentation_of(case.data, case.protocol.augmentation)
    schedule = Schedule(slices, settings, augmentation, np.random.default_rng(0))
    yield TrainingLoop(step, case.data, [schedule]).advance


@contextmanager
def bare(case: Case) -> Iterator[Arm]:
    """Yield as many bare steps on one held batch.

    Network, loss, precision, memory layout and allocator are the product's.
    """
    settings = case.protocol.training
    images_BCHW = channels_last(case.data.images_NCHW[: settings.batch_size])
    labels_BHW = case.data.labels_NHW[: settings.batch_size]
    network = placed_for_training(
        case.network(), case.device, replace(settings, step="eager", fused="off")
    )
    step = bare_step(network, images_BCHW, labels_BHW, settings)

    def run() -> None:
        for _ in range(case.steps):
            step()

    yield run
