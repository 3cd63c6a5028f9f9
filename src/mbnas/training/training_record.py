"""The record of one training, as values that the ledger keeps.

A training is named by its :class:`TrainingKey`. A failed training has an error instead of a score,
never a score of zero.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from mbnas.scoring.class_metrics import ClassMetrics

FIRST_FRESH = 1000
"""No search uses initialisations from here on: they are for comparisons."""
MOST_FRESH = 1000
"""The largest number of fresh initialisations of a comparison."""
FIRST_CONFIRMING = FIRST_FRESH + MOST_FRESH
"""Fresh initialisations from here on are for the confirmation at the end of a search."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingKey:
    """The key of a training: trainings with the same key are the same training.

    Attributes:
        network: Digest of the network.
        protocol: Digest of the protocol.
        fold: Number of the validation fold, from 0.
        initialisation: Number of the initialisation of the weights, from 0.
    """

    network: str
    protocol: str
    fold: int
    initialisation: int

    def __post_init__(self) -> None:
        if self.fold < 0 or self.initialisation < 0:
            raise ValueError(f"fold and initialisation count from 0, not as in {self}.")

    @property
    def is_fresh(self) -> bool:
        """Whether no search uses its initialisation: it is of a comparison or confirmation."""
        return self.initialisation >= FIRST_FRESH

    @property
    def is_confirming(self) -> bool:
        """Whether it is of the confirmation at the end of a search."""
        return self.initialisation >= FIRST_CONFIRMING

    def __str__(self) -> str:
        return (
            f"fold {self.fold}, initialisation {self.initialisation} of network {self.network} "
            f"under protocol {self.protocol}"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochRecord:
    """One epoch of a training.

    Attributes:
        epoch: Number of the epoch, from 1.
        learning_rate: Of the epoch's last step.
        loss: Mean over the epoch's steps; it may be infinite or nan.
        class_dice: Validation Dice per foreground class, mean over patients. An element is
            ``None`` if the Dice of the class is undefined for all patients. ``None`` for an epoch
            that was not validated.
    """

    epoch: int
    learning_rate: float
    loss: float
    class_dice: tuple[float | None, ...] | None = None

    def __post_init__(self) -> None:
        if self.epoch < 1:
            raise ValueError(f"epochs count from 1, not {self.epoch}.")
        if not all(dice is None or math.isfinite(dice) for dice in self.class_dice or ()):
            raise ValueError(f"class_dice (={self.class_dice}) must be finite, or None.")


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochNews:
    """What a running training tells after each of its epochs (:mod:`mbnas.machine.news`).

    Attributes:
        key: Of the training.
        epoch: The epoch that has ended.
        num_epochs: Of the training.
    """

    key: TrainingKey
    epoch: EpochRecord
    num_epochs: int


@dataclass(frozen=True, slots=True, kw_only=True)
class VolumeRecord:
    """The metrics of a trained network on one volume that it was not trained on.

    Attributes:
        case: Name of the case.
        patient: The patient of the case.
        held_out: Whether the patient is in no fold.
        measures: Metrics of each foreground class, on the voxel grid of the case's file.
        prediction: Class indices of its prepared slices, one byte per pixel, compressed by
            zlib; ``None`` if they were not kept or not read.
    """

    case: str
    patient: str
    held_out: bool = False
    measures: tuple[ClassMetrics, ...]
    prediction: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingRecord:
    """One training that has ended, with a score or an error.

    Attributes:
        key: The training's key.
        score: Validation Dice averaged over the scored epochs; ``None`` if it failed.
        collapsed: Indices of the classes (in prepared labels, where 0 is background) of
            whose pixels in training slices the trained network finds less than a hundredth; empty
            if the training did not collapse.
        absent: Classes that no training slice shows.
        unpredicted: Classes of validation patients that were predicted in no scored epoch.
        attempts: Number of attempts, from 1.
        error: Why there is no score, in one sentence; ``None`` if there is a score.
        wall_s: Duration of all attempts in seconds.
        slices_per_s: Training slices per second of training time, if measured.
        worker: Where it ran, such as ``"host:0 cuda:1"``.
        started_at: ISO 8601, in UTC.
        epochs: Epochs of the attempt that counts, ascending.
        volumes: Metrics on the volumes of validation and held-out patients, if measured.
        borrowed: Whether it was taken over from another study, which ran it.

    Raises:
        ValueError: unless it has either a score or an error, and epochs ascend.
    """

    key: TrainingKey
    score: float | None
    collapsed: tuple[int, ...] = ()
    absent: tuple[int, ...] = ()
    unpredicted: tuple[int, ...] = ()
    attempts: int = 1
    error: str | None = None
    wall_s: float
    slices_per_s: float | None = None
    worker: str
    started_at: str
    epochs: tuple[EpochRecord, ...] = ()
    volumes: tuple[VolumeRecord, ...] = ()
    borrowed: bool = False

    def __post_init__(self) -> None:
        if (self.score is None) == (self.error is None):
            raise ValueError(
                f"A training has a score (={self.score}) or an error (={self.error!r}), "
                "and not both."
            )
        if self.score is not None and not math.isfinite(self.score):
            raise ValueError(f"score (={self.score}) must be finite; give an error otherwise.")
        if self.attempts < 1:
            raise ValueError(f"attempts (={self.attempts}) must be 1 or more.")
        numbers = [record.epoch for record in self.epochs]
        if numbers != sorted(set(numbers)):
            raise ValueError(f"epochs must ascend, not run {numbers}.")


LostRunKind = Literal["worker died", "out of memory", "error"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LostRunRecord:
    """One lost run of a training.

    Attributes:
        key: The training's key.
        kind: Why: its worker died, memory ran out, or the training failed.
        reason: In one or two sentences.
        wall_s: How long it had run, in seconds; 0 if unknown.
        worker: Where it ran, if known.
        started_at: ISO 8601, in UTC.
        withdrawn: Whether it no longer counts, because a user had the training rerun.
    """

    key: TrainingKey
    kind: LostRunKind
    reason: str
    wall_s: float
    worker: str
    started_at: str
    withdrawn: bool = False
