"""The history of one training: its epochs, and the attempt that they make up."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from torch import nn

from mbnas.errors import TrainingError
from mbnas.scoring.overlap import OverlapCounts, mean_defined
from mbnas.training.loading.slice_source import SliceSource
from mbnas.training.loop.collapse import Collapse, judge_collapse
from mbnas.training.loop.training_plan import TrainingPlan
from mbnas.training.loop.validation import count_overlap
from mbnas.training.protocol import Protocol
from mbnas.training.training_record import EpochRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One training from one initialisation, at its end.

    Attributes:
        network: The trained network.
        epochs: One record per epoch.
        score: Mean Dice over the scored epochs.
        loss: Mean training loss over the scored epochs.
        collapse: The classes that the network did not learn, judged on the training slices.
        unpredicted: Classes of validation patients that were predicted in no scored epoch.
        slices_per_s: Training slices per second, without validation.
        validation_patients: The patients that it was validated on.
    """

    network: nn.Module
    epochs: tuple[EpochRecord, ...]
    score: float
    loss: float
    collapse: Collapse
    unpredicted: tuple[int, ...]
    slices_per_s: float
    validation_patients: tuple[str, ...] = ()

    @property
    def rank(self) -> tuple[int, float]:
        """Its rank among attempts, lowest is best; it does not depend on validation."""
        return len(self.collapse.collapsed), self.loss


class TrainingHistory:
    """Records the epochs of one training, and validates it where they are scored.

    Args:
        plan: The attempt's plan.
        protocol: How it is trained and scored.
        data: Its slices.
    """

    def __init__(self, plan: TrainingPlan, protocol: Protocol, data: SliceSource) -> None:
        self._plan = plan
        self._protocol = protocol
        self._data = data
        self._epochs: list[EpochRecord] = []
        self._counts: list[OverlapCounts] = []

    @property
    def is_over(self) -> bool:
        """Whether the last epoch has ended."""
        return len(self._epochs) == self._protocol.training.epochs

    @property
    def last(self) -> EpochRecord:
        """The last epoch that has ended."""
        return self._epochs[-1]

    def end_epoch(self, network: nn.Module, mean_loss: float, learning_rate: float) -> None:
        """Record an epoch, and validate the network if the epoch is scored.

        Args:
            network: The network after the epoch.
            mean_loss: Mean over the epoch's steps.
            learning_rate: Of the epoch's last step.

        Raises:
            TrainingError: if the loss stopped being finite.
        """
        protocol, settings = self._protocol, self._protocol.training
        epoch = len(self._epochs) + 1
        check_finite(mean_loss, epoch, settings.epochs)
        class_dice = None
        if epoch >= protocol.first_scored_epoch:
            self._counts.append(
                count_overlap(network, self._data, self._plan.validation_slices, settings.precision)
            )
            class_dice = self._counts[-1].class_dice()
        self._epochs.append(
            EpochRecord(
                epoch=epoch, learning_rate=learning_rate, loss=mean_loss, class_dice=class_dice
            )
        )

    def attempt(self, network: nn.Module, slices_per_s: float) -> Attempt:
        """Return the finished training.

        Raises:
            TrainingError: if no class of the validation patients has a defined Dice.
        """
        precision = self._protocol.training.precision
        return Attempt(
            network=network,
            epochs=tuple(self._epochs),
            score=_score(self._epochs, self._plan.fold),
            loss=float(np.mean([each.loss for each in self._epochs[-len(self._counts) :]])),
            collapse=judge_collapse(network, self._data, self._plan.training_slices, precision),
            unpredicted=unpredicted_classes(self._counts),
            slices_per_s=slices_per_s,
            validation_patients=self._plan.validation_patients,
        )


def check_finite(mean_loss: float, epoch: int, num_epochs: int) -> None:
    """Check that an epoch's mean loss is finite.

    Raises:
        TrainingError: if it is not.
    """
    if not math.isfinite(mean_loss):
        raise TrainingError(
            f"The loss stopped being finite (={mean_loss}) in epoch {epoch} of {num_epochs}: try a "
            "smaller training.learning_rate or float32."
        )


def unpredicted_classes(scored: list[OverlapCounts]) -> tuple[int, ...]:
    """Return the classes (from 1) of the reference that were predicted in no scored epoch.

    Args:
        scored: Counts of each scored epoch, one or more.
    """
    predicted = sum(counts.predicted.sum(axis=0) for counts in scored)
    reference = sum(counts.reference.sum(axis=0) for counts in scored)
    return tuple(int(index) + 1 for index in np.flatnonzero((reference > 0) & (predicted == 0)))


def _score(epochs: list[EpochRecord], fold: int) -> float:
    dice = [mean_defined(epoch.class_dice) for epoch in epochs if epoch.class_dice is not None]
    score = mean_defined(tuple(dice))
    if score is None:
        raise TrainingError(
            f"Fold {fold} has no score: none of its validation patients has a foreground voxel, "
            "and none was predicted. Use fewer folds or leave such patients out."
        )
    return score
