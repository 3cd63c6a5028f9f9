"""The training loop: steps over augmented batches, one epoch at a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor

from mbnas.data.augmentation.transform import mirror_labels
from mbnas.machine.heartbeat import beat
from mbnas.training.loading.batch_order import shuffled_batches
from mbnas.training.loading.patch_sampler import PatchSampler
from mbnas.training.loading.slice_source import SliceSource
from mbnas.training.loop.epoch_plan import (
    EpochPlan,
    SliceAugmentation,
    draw_epoch,
    side_by_side,
)
from mbnas.training.loop.training_step import Step, StepInputs
from mbnas.training.protocol import TrainingSettings


class Schedule:
    """The batches and learning rates of one training, epoch after epoch.

    Args:
        slices: Indices of the training slices, at least one.
        settings: Lengths and learning rates.
        augmentation: How the slices are varied.
        rng: Draws the batches and their augmentation.
        patches: Draws patches of the slices; ``None`` for whole slices.

    Attributes:
        steps_per_epoch: Number of steps in an epoch.
        step: Number of steps so far.
        learning_rate: Of the last step.
        augmentation: As given.
    """

    def __init__(
        self,
        slices: Int[np.ndarray, " training"],
        settings: TrainingSettings,
        augmentation: SliceAugmentation,
        rng: np.random.Generator,
        patches: PatchSampler | None = None,
    ) -> None:
        self._settings = settings
        self.augmentation = augmentation
        self._rng = rng
        self._batches: Iterator[np.ndarray] = (
            shuffled_batches(slices, settings.batch_size, rng)
            if patches is None
            else patches.batches(slices, settings.batch_size, rng)
        )
        num_items = len(slices) if patches is None else patches.num_patches(slices)
        per_pass = -(-num_items // settings.batch_size)
        self.steps_per_epoch = settings.steps_per_epoch or per_pass
        self.step = 0
        self.learning_rate = 0.0
        self._plan: EpochPlan

    @property
    def is_over(self) -> bool:
        """Whether all steps have been made."""
        return self.step >= self._settings.epochs * self.steps_per_epoch

    @property
    def steps_left(self) -> int:
        """Number of steps left in the current epoch, or in the next one at an epoch's end."""
        return self.steps_per_epoch - self.step % self.steps_per_epoch

    def take(self, num_steps: int) -> EpochPlan:
        """Return the plan of the next steps, none of them beyond the epoch.

        After the training's end it is arbitrary, as it is not used.
        """
        position = self.step % self.steps_per_epoch
        if position == 0 and not self.is_over:
            self._plan = self._draw_epoch()
        if self.is_over:
            return self._plan.part([0] * num_steps)
        return self._plan.part(range(position, position + num_steps))

    def next_rate(self) -> float:
        """Return the learning rate of the next step, and count the step."""
        if self.is_over:
            return 0.0
        num_steps = self._settings.epochs * self.steps_per_epoch
        self.learning_rate = learning_rate_at(self.step, num_steps, self._settings)
        self.step += 1
        return self.learning_rate

    def skip(self, epochs: int) -> None:
        """Draw the first ``epochs`` epochs, and count their steps."""
        for _ in range(epochs):
            self._plan = self._draw_epoch()
        self.step = epochs * self.steps_per_epoch

    def _draw_epoch(self) -> EpochPlan:
        return draw_epoch(self.augmentation, self._batches, self._rng, steps=self.steps_per_epoch)


class TrainingLoop:
    """Runs the epochs of one training, or of several fused trainings.

    Nothing in an epoch waits for the device; the mean loss is read at its end.

    Args:
        step: Makes the steps, of as many networks as there are schedules.
        data: The source of the slices.
        schedules: The batches and learning rates of each training, unused so far.

    Attributes:
        step: As given.
        schedules: As given.
    """

    def __init__(self, step: Step, data: SliceSource, schedules: Sequence[Schedule]) -> None:
        if len(step.networks) != len(schedules):
            raise ValueError(
                f"schedules (={len(schedules)}) must be as many as networks "
                f"(={len(step.networks)})."
            )
        self.step = step
        self._data = data
        self.schedules = tuple(schedules)
        self._totals_M = torch.zeros(len(schedules), device=data.device)

    def advance(self) -> dict[int, float]:
        """Make steps until an epoch ends; return the mean loss of each training whose epoch ended.

        Epochs differ in length if folds differ in size. A training whose last epoch has ended
        continues with the others at a learning rate of 0, but its batch statistics change.

        Returns:
            Mean losses by the training's index; empty when all trainings have ended.
        """
        unfinished = [index for index, each in enumerate(self.schedules) if not each.is_over]
        if not unfinished:
            return {}
        num_steps = min(self.schedules[index].steps_left for index in unfinished)
        plan = side_by_side([each.take(num_steps) for each in self.schedules])
        self.step.train()
        for inputs in step_inputs(
            self._data, plan, self.schedules[0].augmentation.mirrored_classes
        ):
            self.run_step(inputs)
            beat()
        return {
            index: self._end_epoch(index) for index in unfinished if self._has_ended_epoch(index)
        }

    def run_step(self, inputs: StepInputs) -> None:
        """Make one step of each training on its part of a batch."""
        rates = [each.next_rate() for each in self.schedules]
        self._totals_M += self.step(inputs, rates)

    def state(self) -> dict[str, Tensor]:
        """Return Adam's state of the first training, by parameter."""
        return self.step.state()

    def resume(self, state: Mapping[str, Tensor], *, epochs: int) -> None:
        """Continue a single training after epochs that another process ran.

        Batches and augmentations of those epochs are drawn and dropped, so that the next epochs
        are the same as they would have been in that process.

        Args:
            state: From :meth:`state` in that process; the network already has its weights.
            epochs: Number of epochs that were run.
        """
        self.step.restore(state)
        (schedule,) = self.schedules
        schedule.skip(epochs)

    def _has_ended_epoch(self, index: int) -> bool:
        schedule = self.schedules[index]
        return schedule.step % schedule.steps_per_epoch == 0

    def _end_epoch(self, index: int) -> float:
        total = self._totals_M[index].item()
        self._totals_M[index] = 0.0
        return total / self.schedules[index].steps_per_epoch


def step_inputs(
    data: SliceSource, plan: EpochPlan, mirrored_classes: Sequence[int] = ()
) -> Iterator[StepInputs]:
    """Yield the inputs of each step of a plan, on the device of the slices.

    The labels of slices that the step will flip left to right are already mirrored.

    Args:
        data: The source of the slices.
        plan: Copied to the device at once, before the first step.
        mirrored_classes: What the background and each class becomes in a left-right flip; empty
            if no class changes places.
    """
    matrices_SB23 = torch.from_numpy(plan.matrices_SB23).to(data.device)
    brightness_SBC = torch.from_numpy(plan.brightness_SBC).to(data.device)
    mirrored_SB = torch.from_numpy(plan.mirrored_SB).to(data.device)
    fetched = data.fetch(plan.batches_SB)
    for (images_BCHW, labels_BHW), matrices_B23, brightness_BC, mirrored_B in zip(
        fetched, matrices_SB23, brightness_SBC, mirrored_SB, strict=True
    ):
        if mirrored_classes:
            labels_BHW = mirror_labels(labels_BHW, mirrored_B, mirrored_classes)
        yield StepInputs(images_BCHW, labels_BHW, matrices_B23, brightness_BC)


def learning_rate_at(step: int, num_steps: int, settings: TrainingSettings) -> float:
    """Return the learning rate of a step, with linear warm-up and polynomial decay.

    Args:
        step: From 0, below ``num_steps``.
        num_steps: Number of steps in the training.
        settings: Peak, exponent and length of the warm-up.

    >>> settings = TrainingSettings(learning_rate=1.0, decay_exponent=0.5, warmup_steps=2)
    >>> [round(learning_rate_at(step, 4, settings), 3) for step in range(4)]
    [0.5, 0.866, 0.707, 0.5]
    """
    warmup = min(1.0, (step + 1) / settings.warmup_steps) if settings.warmup_steps else 1.0
    decay = (1.0 - step / num_steps) ** settings.decay_exponent
    return float(settings.learning_rate * warmup * decay)
