"""Trainings from their initialisations to the end: one alone, or those of a network together."""

from __future__ import annotations

import time
from collections.abc import Hashable, Sequence

import numpy as np
from jaxtyping import Int
from torch import nn

from mbnas.errors import TrainingError
from mbnas.network.operations.memory_layout import placed
from mbnas.seeds import generator
from mbnas.training.device.device_setup import flushing_subnormals
from mbnas.training.loading.slice_source import SliceSource
from mbnas.training.loop.history import Attempt, TrainingHistory
from mbnas.training.loop.initialisation import initial_network, initialised_network
from mbnas.training.loop.training_loop import Schedule, TrainingLoop
from mbnas.training.loop.training_step import Step, is_program
from mbnas.training.task import TrainingTask


@flushing_subnormals()
def train_together(
    tasks: Sequence[TrainingTask], data: SliceSource, *, attempt: int = 0
) -> list[Attempt | TrainingError]:
    """Train from one initialisation each, to the end; return what became of each task.

    Each has batches, augmentation, batch statistics and an optimiser of its own, and ends as it
    would alone, but for rounding.

    Args:
        tasks: What to train: one, or several of one network under one protocol.
        data: Their slices, on their device.
        attempt: Which attempt, from 0; each has an initialisation and batches of its own.
    """
    courses = [TrainingHistory(task, data) for task in tasks]
    loop = _loop(tasks, data, [course.training_slices for course in courses], attempt)
    outcomes: dict[int, Attempt | TrainingError] = {}
    batch_size = tasks[0].protocol.training.batch_size
    steps_s, start = 0.0, time.perf_counter()
    while len(outcomes) < len(tasks) and (mean_losses := loop.advance()):
        steps_s += time.perf_counter() - start
        num_slices = batch_size * sum(each.step for each in loop.schedules)
        for index, mean_loss in mean_losses.items():
            if index in outcomes:  # it failed before
                continue
            course, network = courses[index], loop.step.networks[index]
            try:
                course.end_epoch(network, mean_loss, loop.schedules[index].learning_rate)
                if course.is_over:
                    network = _own(network, tasks[index], data, shared=len(tasks) > 1)
                    outcomes[index] = course.attempt(network, num_slices / steps_s)
            except TrainingError as error:
                outcomes[index] = error
        start = time.perf_counter()
    return [outcomes[index] for index in range(len(tasks))]


def train_once(task: TrainingTask, data: SliceSource, *, attempt: int = 0) -> Attempt:
    """Train one task alone from one initialisation, to the end.

    Args:
        task: What to train.
        data: Its slices, on its device.
        attempt: Which attempt, from 0.

    Raises:
        TrainingError: if the loss stops being finite, or no class of the validation patients
            has a defined Dice.
    """
    (outcome,) = train_together([task], data, attempt=attempt)
    if isinstance(outcome, TrainingError):
        raise outcome
    return outcome


def begin_training(
    task: TrainingTask, data: SliceSource, training_slices: Int[np.ndarray, " training"]
) -> tuple[nn.Module, TrainingLoop]:
    """Return a task's network with random weights, on its device, and the loop that trains it.

    Args:
        task: What to train.
        data: Its slices, on its device.
        training_slices: Indices of those to learn from.
    """
    loop = _loop([task], data, [training_slices], attempt=0)
    return loop.step.networks[0], loop


def forget_programs() -> None:
    """Give up the step that was compiled or recorded last, and the memory that it has."""
    _last_made.clear()


def _loop(
    tasks: Sequence[TrainingTask],
    data: SliceSource,
    training_slices: Sequence[np.ndarray],
    attempt: int,
) -> TrainingLoop:
    networks = [
        initial_network(task, data, slices, attempt=attempt)
        for task, slices in zip(tasks, training_slices, strict=True)
    ]
    schedules = [
        Schedule(
            data,
            slices,
            task.protocol,
            generator(task.protocol.seed, "batches", task.fold, task.initialisation, attempt),
        )
        for task, slices in zip(tasks, training_slices, strict=True)
    ]
    return TrainingLoop(_step(tasks, data, networks), data, schedules)


_last_made: dict[Hashable, Step] = {}
"""The step that was compiled or recorded last, which serves all trainings of its network."""


def _step(tasks: Sequence[TrainingTask], data: SliceSource, networks: Sequence[nn.Module]) -> Step:
    settings = tasks[0].protocol.training
    if not is_program(settings):
        return Step(networks, settings)
    key = (
        tasks[0].architecture,
        settings,
        len(tasks),
        data.interface,
        data.device,
    )
    if (step := _last_made.get(key)) is not None:
        step.begin([network.state_dict() for network in networks])
        return step
    forget_programs()
    _last_made[key] = Step(networks, settings)
    return _last_made[key]


def _own(network: nn.Module, task: TrainingTask, data: SliceSource, *, shared: bool) -> nn.Module:
    """Return a trained network that nothing which comes after it changes."""
    if not shared and not is_program(task.protocol.training):
        return network
    copy = placed(initialised_network(task, data, 0), task.device)
    copy.load_state_dict(network.state_dict())
    return copy
