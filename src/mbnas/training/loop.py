"""The loop of a training: steps over augmented batches, an epoch at a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from mbnas.pulse import beat
from mbnas.training.batches import shuffled_batches
from mbnas.training.plan import EpochPlan, draw_epoch
from mbnas.training.protocol import Protocol, TrainingSettings
from mbnas.training.source import SliceSource
from mbnas.training.step import Step, StepInputs


class Schedule:
    """What one training does when: its batches, epoch after epoch, and its learning rates.

    Args:
        data: Where the slices lie.
        slices: Indices of the training slices, at least one.
        protocol: Its training and augmentation sections are read.
        rng: Draws the batches and their augmentation.

    Attributes:
        steps_per_epoch: How many steps an epoch has.
        step: How many steps were made.
    """

    def __init__(
        self,
        data: SliceSource,
        slices: Int[np.ndarray, " training"],
        protocol: Protocol,
        rng: np.random.Generator,
    ) -> None:
        self._settings = protocol.training
        self._augmentation = protocol.augmentation
        self._channels = data.in_channels
        self._flip_dims = data.flip_dims(self._augmentation.flip_axes)
        self._rng = rng
        self._batches = shuffled_batches(slices, self._settings.batch_size, rng)
        per_pass = -(-len(slices) // self._settings.batch_size)
        self.steps_per_epoch = self._settings.steps_per_epoch or per_pass
        self.step = 0

    @property
    def learning_rate(self) -> float:
        """Of the step that comes next."""
        num_steps = self._settings.epochs * self.steps_per_epoch
        return learning_rate_at(self.step, num_steps, self._settings)

    def draw_epoch(self) -> EpochPlan:
        """Return what happens in the epoch after those that were drawn before."""
        return draw_epoch(
            self._augmentation,
            self._batches,
            self._rng,
            steps=self.steps_per_epoch,
            channels=self._channels,
            flip_dims=self._flip_dims,
        )


class TrainingLoop:
    """Steps of Adam over augmented batches of slices.

    Nothing in an epoch waits for the device; the mean loss is read at its end.

    Args:
        network: What is trained, on the device of the slices.
        data: Where the slices lie.
        slices: Indices of the training slices, at least one.
        protocol: Its training and augmentation sections are read.
        rng: Draws the batches and their augmentation.
        step: Makes the steps, of this network; a new one if ``None``.

    Attributes:
        learning_rate: Of the last step.
    """

    def __init__(
        self,
        network: nn.Module,
        data: SliceSource,
        slices: Int[np.ndarray, " training"],
        protocol: Protocol,
        rng: np.random.Generator,
        step: Step | None = None,
    ) -> None:
        self._network = network
        self._data = data
        self._schedule = Schedule(data, slices, protocol, rng)
        self._step = step or Step([network], protocol.training)
        self.learning_rate = 0.0

    @property
    def step(self) -> int:
        """How many steps were made."""
        return self._schedule.step

    def state(self) -> dict[str, Tensor]:
        """Return what Adam remembers, by parameter; empty before the first step."""
        return self._step.state()

    def resume(self, state: Mapping[str, Tensor], *, epochs: int) -> None:
        """Go on as if some epochs had been made, which another process did.

        Batches and augmentations of those epochs are drawn, and nothing is done with them, so
        that what follows is what would have followed there.

        Args:
            state: As :meth:`state` gave it there; the network has its weights from there.
            epochs: How many there were.
        """
        self._step.restore(state)
        for _ in range(epochs):
            self._schedule.draw_epoch()
        self._schedule.step = epochs * self._schedule.steps_per_epoch

    def run_epoch(self) -> float:
        """Make one epoch's steps and return their mean loss."""
        self._network.train()
        plan = self._schedule.draw_epoch()
        total = torch.zeros((), device=self._data.device)
        for inputs in step_inputs(self._data, plan):
            total += self.run_step(inputs)
            beat()
        return total.item() / len(plan.batches_SB)

    def run_step(self, inputs: StepInputs) -> Float[Tensor, ""]:
        """Make one step on a batch and return its loss."""
        self.learning_rate = self._schedule.learning_rate
        losses_M = self._step(inputs, [self.learning_rate])
        self._schedule.step += 1
        return losses_M[0]


def step_inputs(data: SliceSource, plan: EpochPlan) -> Iterator[StepInputs]:
    """Yield what each step of a plan is given, on the device of the slices.

    Args:
        data: Where the slices lie.
        plan: Its numbers go to the device at once, before the first step.
    """
    matrices_SB23 = torch.from_numpy(plan.matrices_SB23).to(data.device)
    brightness_SBC = torch.from_numpy(plan.brightness_SBC).to(data.device)
    fetched = data.fetch(plan.batches_SB)
    for batch, matrices_B23, brightness_BC in zip(
        fetched, matrices_SB23, brightness_SBC, strict=True
    ):
        yield StepInputs(*batch, matrices_B23, brightness_BC)


def learning_rate_at(step: int, num_steps: int, settings: TrainingSettings) -> float:
    """Return the learning rate of a step: linear warm-up, polynomial decay.

    Args:
        step: From 0, below ``num_steps``.
        num_steps: Of the whole training.
        settings: Peak, exponent and length of the warm-up.

    >>> settings = TrainingSettings(learning_rate=1.0, decay_exponent=0.5, warmup_steps=2)
    >>> [round(learning_rate_at(step, 4, settings), 3) for step in range(4)]
    [0.5, 0.866, 0.707, 0.5]
    """
    warmup = min(1.0, (step + 1) / settings.warmup_steps) if settings.warmup_steps else 1.0
    decay = (1.0 - step / num_steps) ** settings.decay_exponent
    return float(settings.learning_rate * warmup * decay)
