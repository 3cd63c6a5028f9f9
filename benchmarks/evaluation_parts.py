"""Costs of the parts of a search, measured in the same number of workers.

Workers that run at the same time slow each other down, so nothing is measured in a single one.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from bare import bare_step

from mbnas.data.datasets.folds import make_folds
from mbnas.network.architecture import Architecture
from mbnas.network.build import build_network
from mbnas.network.operations.memory_layout import channels_last
from mbnas.study.ledger.ledger import Ledger
from mbnas.training.device.device_setup import flushing_subnormals, prepare_process, take_device
from mbnas.training.loading.load_slices import load_slices
from mbnas.training.loop.validation import count_overlap
from mbnas.training.task import TrainingTask
from mbnas.training.training_record import TrainingRecord
from mbnas.workers.executors import ProcessExecutor

WARM_UP = 3
VALIDATIONS = 2


def parts_of_all(
    tasks: Sequence[TrainingTask], num_steps: int, workers: int
) -> list[dict[str, float]]:
    """Return :func:`parts_of` of some trainings, several at a time."""
    slots = [("cpu", slot) for slot in range(workers)]
    with ProcessExecutor(workers, initializer=take_device, slot_arguments=slots) as executor:
        futures = [executor.submit(parts_of, task, num_steps) for task in tasks]
        return [future.result() for future in futures]


def parts_of(task: TrainingTask, num_steps: int) -> dict[str, float]:
    """Return the seconds that parts of a training take in this process.

    Args:
        task: The training.
        num_steps: How many bare steps to measure.

    Returns:
        ``load_s`` (next to nothing where this process has loaded the slices already),
        ``bare_step_s`` of one step and ``validation_s`` of one validation, the medians.
    """
    protocol, settings = task.protocol, task.protocol.training
    prepare_process(settings.threads)
    load_s = seconds_of(lambda: load_slices(task.slices, task.device, settings.slice_precision))
    data = load_slices(task.slices, task.device, settings.slice_precision)
    fold = make_folds(data.patient_classes, protocol.evaluation.folds, seed=protocol.seed)[
        task.fold
    ]
    training, validation = data.split(fold)
    network = build_network(
        task.architecture,
        data.interface,
        base_channels=settings.base_channels,
    ).to(memory_format=torch.channels_last)
    ((images_BCHW, labels_BHW),) = data.fetch([training[: settings.batch_size]])
    step = bare_step(network, channels_last(images_BCHW), labels_BHW, settings)
    with flushing_subnormals():
        for _ in range(WARM_UP):
            step()
        bare_step_s = median_of(step, num_steps)
        validation_s = median_of(
            lambda: count_overlap(network, data, validation, settings.precision), VALIDATIONS
        )
    return {"load_s": load_s, "bare_step_s": bare_step_s, "validation_s": validation_s}


def ledger_seconds(
    path: Path, networks: Sequence[Architecture], records: Sequence[TrainingRecord]
) -> float:
    """Return the seconds that a new ledger takes to record networks and their trainings."""
    with Ledger.create(path) as ledger:
        for network in networks:
            ledger.record_network(network)

        def record() -> None:
            for each in records:
                ledger.record_training(each)

        return seconds_of(record)


def median_of(call: Callable[[], object], number: int) -> float:
    """Return the median seconds of some calls."""
    return float(np.median([seconds_of(call) for _ in range(number)]))


def seconds_of(call: Callable[[], object]) -> float:
    """Return the seconds of one call."""
    start = time.perf_counter()
    call()
    return time.perf_counter() - start
