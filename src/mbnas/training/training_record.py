"""What one training leaves behind: values without torch, which the ledger keeps.

A training is named by its :class:`TrainingKey`. A training that fails has an error
in place of a score, never a score of zero.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from mbnas.scoring.class_metrics import ClassMetrics

FIRST_FRESH = 1000
"""Initialisations from here on are kept from every search: no network is chosen by them."""
MOST_FRESH = 1000
"""How many fresh initialisations there may be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingKey:
    """Which training: two trainings with the same key are the same training.

    Attributes:
        network: Digest of the network.
        protocol: Digest of the protocol.
        fold: Which fold validates, from 0.
        initialisation: Which initialisation of the weights, from 0.
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
        """Whether its initialisation is one that no search sees."""
        return self.initialisation >= FIRST_FRESH

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
        learning_rate: At the epoch's last step.
        loss: Mean over the epoch's steps; may be infinite or not a number.
        class_dice: Validation Dice per foreground class, mean over patients; an element
            is ``None`` where the class is defined for no patient. ``None`` altogether
            where the epoch was not validated.
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
class VolumeRecord:
    """What a trained network made of one volume that it had not learned from.

    Attributes:
        case: Name of the case.
        patient: Whom it belongs to.
        held_out: Whether the patient is in no fold.
        measures: Of each foreground class, on the voxel grid of the case's file.
        prediction: Class indices of its prepared slices, one byte a pixel, compressed by
            zlib; ``None`` where they were not kept or not asked for.
    """

    case: str
    patient: str
    held_out: bool = False
    measures: tuple[ClassMetrics, ...]
    prediction: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingRecord:
    """One training as it ended, well or not.

    Attributes:
        key: Which training.
        score: Validation Dice averaged over the scored epochs; ``None`` if it failed.
        collapsed: Indices of the classes (in prepared labels, where 0 is background) that
            the trained network predicts on none of the training slices that show them; empty
            for a sound training.
        absent: Classes that no training slice shows.
        unpredicted: Classes that validation patients have and that no scored epoch predicted.
        attempts: How often it was started from a fresh initialisation, from 1.
        error: Why there is no score, in one sentence; ``None`` if there is one.
        wall_s: Duration in seconds, all attempts together.
        slices_per_s: Training slices per second of training time, where measured.
        worker: Where it ran, such as ``"host:0 cuda:1"``.
        started_at: ISO 8601, in UTC.
        epochs: Ascending; those of the attempt that counts.
        volumes: What the network made of the volumes of validation and held-out patients,
            where that was asked for.
        borrowed: Whether another study ran it, and this one took it from there.

    Raises:
        ValueError: unless exactly one of score and error is there and epochs ascend.
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
                "one and not both."
            )
        if self.score is not None and not math.isfinite(self.score):
            raise ValueError(f"score (={self.score}) must be finite; say why not as an error.")
        if self.attempts < 1:
            raise ValueError(f"attempts (={self.attempts}) must be 1 or more.")
        numbers = [record.epoch for record in self.epochs]
        if numbers != sorted(set(numbers)):
            raise ValueError(f"epochs must ascend, not run {numbers}.")


LostRunKind = Literal["worker died", "out of memory", "error"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LostRunRecord:
    """One run of a training that came to nothing.

    Attributes:
        key: Which training.
        kind: What happened: its worker died, memory ran out, or the training itself failed.
        reason: In a sentence or two.
        wall_s: How long it had run, in seconds; 0 where nobody knows.
        worker: Where it ran, as far as that is known.
        started_at: ISO 8601, in UTC.
        withdrawn: Whether it no longer counts, because the training was asked for again.
    """

    key: TrainingKey
    kind: LostRunKind
    reason: str
    wall_s: float
    worker: str
    started_at: str
    withdrawn: bool = False
