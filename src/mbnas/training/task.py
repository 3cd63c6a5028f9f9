"""One training as a value: all that a worker needs to know of it."""

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
    """All that a worker needs for one training; small, and picklable.

    Attributes:
        architecture: The network.
        protocol: Every choice the score depends on, precision resolved.
        fold: Which fold validates, from 0.
        initialisation: Which initialisation, from 0.
        slices: Directory of the prepared slices.
        device: Where to train, as torch names it.
        measure: Whether the trained network is to be measured on the volumes of its
            validation and of held-out patients, and whether to keep its predictions of them.
        memory_bytes: How much memory of its device it is predicted to need
            (:mod:`mbnas.training.device.predicted_memory`); ``None`` where that is not known.
        alone: Whether no other training may run on its device meanwhile.
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
