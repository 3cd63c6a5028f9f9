"""Measure the speed of a training mode on this machine by timing a few steps.

The content of slices does not affect the speed, so they are noise.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import nn

from mbnas.data.datasets.label_scheme import Targets
from mbnas.network.architecture import Architecture
from mbnas.network.build import build_network
from mbnas.network.interface import Interface
from mbnas.seeds import generator
from mbnas.training.device.device_setup import flushing_subnormals, prepare_process
from mbnas.training.device.out_of_memory import free_caches, memory_errors
from mbnas.training.loading.resident_slices import ResidentSlices
from mbnas.training.loop.initialisation import placed_for_training
from mbnas.training.loop.training_loop import Schedule, TrainingLoop
from mbnas.training.loop.training_plan import augmentation_of
from mbnas.training.loop.training_step import Step
from mbnas.training.protocol import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """The trainings whose speed is measured.

    Attributes:
        architecture: The network.
        protocol: Resolved; the length of an epoch does not matter.
        interface: What the network fits.
        trainings: Number of fused trainings.
        device: Where they run, as torch names it.
    """

    architecture: Architecture
    protocol: Protocol
    interface: Interface
    trainings: int
    device: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """The speed of a workload.

    Attributes:
        slices_per_s: Training slices per second, of all fused trainings.
        begun_s: Seconds until the end of the first step, including compilation or recording.
    """

    slices_per_s: float
    begun_s: float

    def seconds_for(self, num_slices: float) -> float:
        """Return how long trainings of ``num_slices`` slices take, in seconds."""
        return self.begun_s + num_slices / self.slices_per_s


def joined(rates: Sequence[Rate]) -> Rate:
    """Return the total speed of workloads that ran at the same time."""
    return Rate(
        slices_per_s=sum(rate.slices_per_s for rate in rates),
        begun_s=max(rate.begun_s for rate in rates),
    )


def measure_rate(workload: Workload, seconds: float) -> Rate:
    """Return the speed of a workload, measured for a few seconds.

    Args:
        workload: What to train.
        seconds: Steps run until this time has elapsed.

    Raises:
        OutOfMemory: if memory runs out.
    """
    prepare_process(workload.protocol.training.threads)
    try:
        with memory_errors(workload.device), flushing_subnormals():
            return _measured(workload, seconds)
    finally:
        free_caches(workload.device)


def _loop(workload: Workload) -> TrainingLoop:
    """Return a loop whose epochs are single steps, with more epochs than are needed."""
    protocol = workload.protocol
    training = replace(protocol.training, steps_per_epoch=1, epochs=10**6)
    data = _noise(workload)
    without_sides = replace(protocol.augmentation, mirror_pairs=())  # noise has no sides
    augmentation = augmentation_of(data, without_sides)
    networks = [_network(workload) for _ in range(workload.trainings)]
    schedules = [
        Schedule(
            np.arange(len(data.patient_N)), training, augmentation, generator(0, "rate", number)
        )
        for number in range(workload.trainings)
    ]
    return TrainingLoop(Step(networks, training, data.targets), data, schedules)


def _network(workload: Workload) -> nn.Module:
    network = build_network(
        workload.architecture,
        workload.interface,
        base_channels=workload.protocol.training.base_channels,
    )
    return placed_for_training(network, workload.device, workload.protocol.training)


def _noise(workload: Workload) -> ResidentSlices:
    num_slices = 2 * workload.protocol.training.batch_size
    interface, side = workload.interface, workload.interface.size
    rng = generator(0, "noise")
    images = rng.normal(size=(num_slices, interface.in_channels, side, side))
    labels = rng.integers(0, interface.num_classes, (num_slices, side, side))
    return ResidentSlices(
        images_NCHW=torch.from_numpy(images.astype(np.float32)).to(workload.device),
        labels_NHW=torch.from_numpy(labels.astype(np.uint8)).to(workload.device),
        patient_N=np.zeros(num_slices, dtype=np.int64),
        patient_classes={"noise": frozenset()},
        targets=Targets.of_outputs(interface.num_classes),
        flip_axis_dims={"left-right": 0},
    )


def _measured(workload: Workload, seconds: float) -> Rate:
    start = time.perf_counter()
    loop = _loop(workload)
    loop.advance()
    begun_s = time.perf_counter() - start
    start, num_epochs = time.perf_counter(), 0
    while num_epochs == 0 or time.perf_counter() - start < seconds:
        loop.advance()  # reads the mean loss, so it waits for the device
        num_epochs += 1
    elapsed_s = time.perf_counter() - start
    num_slices = num_epochs * workload.trainings * workload.protocol.training.batch_size
    return Rate(slices_per_s=num_slices / elapsed_s, begun_s=begun_s)
