"""Trainings from initialisation to the last epoch: a single one, or several of one network."""

from __future__ import annotations

import time
from collections.abc import Hashable, Sequence

from torch import nn

from mbnas.errors import TrainingError
from mbnas.machine.news import tell
from mbnas.network.operations.memory_layout import placed
from mbnas.training.device.device_setup import flushing_subnormals
from mbnas.training.loading.slice_source import SliceSource
from mbnas.training.loop.history import Attempt, TrainingHistory
from mbnas.training.loop.initialisation import initial_network, random_network
from mbnas.training.loop.training_loop import Schedule, TrainingLoop
from mbnas.training.loop.training_plan import TrainingPlan, plan_training
from mbnas.training.loop.training_step import Step, is_program
from mbnas.training.task import TrainingTask
from mbnas.training.training_record import EpochNews


@flushing_subnormals()
def train_together(
    tasks: Sequence[TrainingTask], data: SliceSource, *, attempt: int = 0
) -> list[Attempt | TrainingError]:
    """Train each task from one initialisation to the end; return its attempt or its error.

    Each training has its own batches, augmentation, batch statistics and optimiser. It ends as it
    would without the others, except for rounding.

    Args:
        tasks: What to train: one, or several of one network under one protocol.
        data: Their slices, on their device.
        attempt: Number of the attempt, from 0. Each has its own initial weights and batches.
    """
    protocol = tasks[0].protocol
    plans = [plan_training(task, data, attempt=attempt) for task in tasks]
    histories = [TrainingHistory(plan, protocol, data) for plan in plans]
    loop = _loop(tasks[0], data, plans)
    outcomes: dict[int, Attempt | TrainingError] = {}
    batch_size, num_epochs = protocol.training.batch_size, protocol.training.epochs
    steps_s, start = 0.0, time.perf_counter()
    while len(outcomes) < len(tasks) and (mean_losses := loop.advance()):
        steps_s += time.perf_counter() - start
        num_slices = batch_size * sum(each.step for each in loop.schedules)
        for index, mean_loss in mean_losses.items():
            if index in outcomes:  # it failed before
                continue
            history, network = histories[index], loop.step.networks[index]
            try:
                history.end_epoch(network, mean_loss, loop.schedules[index].learning_rate)
                tell(EpochNews(key=tasks[index].key, epoch=history.last, num_epochs=num_epochs))
                if history.is_over:
                    if len(tasks) > 1 or is_program(protocol.training):
                        network = _copy(network, tasks[index], data, plans[index].weights_seed)
                    outcomes[index] = history.attempt(network, num_slices / steps_s)
            except TrainingError as error:
                outcomes[index] = error
        start = time.perf_counter()
    return [outcomes[index] for index in range(len(tasks))]


def train_once(task: TrainingTask, data: SliceSource, *, attempt: int = 0) -> Attempt:
    """Train one task from one initialisation to the end.

    Args:
        task: What to train.
        data: Its slices, on its device.
        attempt: Number of the attempt, from 0.

    Raises:
        TrainingError: if the loss stops being finite, or no class of the validation patients
            has a defined Dice.
    """
    (outcome,) = train_together([task], data, attempt=attempt)
    if isinstance(outcome, TrainingError):
        raise outcome
    return outcome


def begin_training(
    task: TrainingTask, data: SliceSource, plan: TrainingPlan
) -> tuple[nn.Module, TrainingLoop]:
    """Return a task's network with random weights, on its device, and the loop that trains it.

    Args:
        task: What to train.
        data: Its slices, on its device.
        plan: Its slices, augmentation and seeds.
    """
    loop = _loop(task, data, [plan])
    return loop.step.networks[0], loop


def forget_programs() -> None:
    """Drop the step that was compiled or recorded last, and free its memory."""
    _last_made.clear()


def _loop(task: TrainingTask, data: SliceSource, plans: Sequence[TrainingPlan]) -> TrainingLoop:
    """Return the loop of one or more trainings of the task's network under its protocol."""
    settings = task.protocol.training
    networks = [
        initial_network(
            task.architecture,
            settings,
            data.interface,
            seed=plan.weights_seed,
            targets=data.targets,
            label_counts=plan.label_counts,
            device=task.device,
        )
        for plan in plans
    ]
    schedules = [
        Schedule(plan.training_slices, settings, plan.augmentation, plan.rng, data.patches)
        for plan in plans
    ]
    return TrainingLoop(_step(task, data, networks), data, schedules)


_last_made: dict[Hashable, Step] = {}
"""The step that was compiled or recorded last; all trainings of its network use it."""


def _step(task: TrainingTask, data: SliceSource, networks: Sequence[nn.Module]) -> Step:
    settings = task.protocol.training
    if not is_program(settings):
        return Step(networks, settings, data.targets, data.interface.size)
    key = (
        task.architecture,
        settings,
        len(networks),
        data.interface,
        data.targets,
        data.window_size,
        data.device,
    )
    if (step := _last_made.get(key)) is not None:
        step.begin([network.state_dict() for network in networks])
        return step
    forget_programs()
    _last_made[key] = Step(networks, settings, data.targets, data.interface.size)
    return _last_made[key]


def _copy(network: nn.Module, task: TrainingTask, data: SliceSource, seed: int) -> nn.Module:
    """Return a copy of a trained network, in torch's own layers, that no later step changes."""
    base_channels = task.protocol.training.base_channels
    copy = random_network(task.architecture, base_channels, data.interface, seed=seed)
    copy = placed(copy, task.device)
    copy.load_state_dict(network.state_dict())
    return copy
