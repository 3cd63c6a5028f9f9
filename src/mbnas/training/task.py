"""One training as a value: everything that a worker needs to run it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from mbnas.network.architecture import Architecture
from mbnas.training.protocol import Protocol
from mbnas.training.training_record import TrainingKey

Measure = Literal["nothing", "volumes", "volumes and predictions"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingTask:
    """Everything that a worker needs for one training; small and picklable.

    Attributes:
        architecture: The network.
        protocol: Every choice that the score depends on, resolved.
        fold: Number of the validation fold, from 0.
        initialisation: Number of the initialisation, from 0.
        slices: Directory of the prepared slices.
        device: Where to train, as torch names it.
        measure: Whether to measure the trained network on the volumes of validation and held-out
            patients, and whether to keep its predictions.
        memory_bytes: Predicted memory on its device
            (:mod:`mbnas.training.device.predicted_memory`); ``None`` if unknown.
        alone: Whether it has its device to itself.
    """

    architecture: Architecture
    protocol: Protocol
    fold: int
    initialisation: int
    slices: Path
    device: str
    measure: Measure = "nothing"
    memory_bytes: int | None = None
    alone: bool = False

    @property
    def key(self) -> TrainingKey:
        """The training's name in the ledger."""
        return TrainingKey(
            network=self.architecture.digest,
            protocol=self.protocol.digest,
            fold=self.fold,
            initialisation=self.initialisation,
        )
