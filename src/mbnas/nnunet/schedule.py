"""The length of nnU-Net's trainings, and the class of its trainer.

In nnU-Net, the length of a training is in the name of the trainer's class, and results of different
trainers are kept apart. For lengths without a class in nnU-Net, mbnas has classes with similar
names, which nnU-Net finds through ``nnUNet_extTrainer``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from mbnas.errors import UsageError

TRAINERS = Path(__file__).parent / "trainers"
"""The folder for ``nnUNet_extTrainer``."""

ITERATIONS = 250
_OWN = {1000: "nnUNetTrainer", 1: "nnUNetTrainer_1epoch"} | {
    epochs: f"nnUNetTrainer_{epochs}epochs" for epochs in (5, 10, 20, 50, 100, 250, 500, 750, 2000)
}
_NAME = re.compile(r"nnUNetTrainer_(?P<epochs>[1-9]\d*)epochs_(?P<iterations>[1-9]\d*)iterations")


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """The length of a training.

    Attributes:
        epochs: Number of epochs; nnU-Net's default is 1000.
        iterations: Iterations of an epoch; nnU-Net's default is 250.

    Raises:
        UsageError: if a number is below 1.
    """

    epochs: int = 1000
    iterations: int = ITERATIONS

    def __post_init__(self) -> None:
        for option, value in (
            ("--epochs", self.epochs),
            ("--iterations-per-epoch", self.iterations),
        ):
            if value < 1:
                raise UsageError(f"{option} (={value}) must be 1 or more.")

    @property
    def trainer(self) -> str:
        """Name of the trainer's class.

        >>> Schedule(epochs=50).trainer, Schedule(epochs=3, iterations=10).trainer
        ('nnUNetTrainer_50epochs', 'nnUNetTrainer_3epochs_10iterations')
        """
        if self.iterations == ITERATIONS and self.epochs in _OWN:
            return _OWN[self.epochs]
        return f"nnUNetTrainer_{self.epochs}epochs_{self.iterations}iterations"

    @property
    def validation_iterations(self) -> int:
        """Validation batches of an epoch: a fifth of the training batches, as in nnU-Net."""
        return max(1, self.iterations // 5)

    @classmethod
    def of_trainer(cls, name: str) -> Schedule | None:
        """Return the schedule in the name of an mbnas class, or ``None`` for other names.

        >>> Schedule.of_trainer("nnUNetTrainer_3epochs_10iterations")
        Schedule(epochs=3, iterations=10)
        """
        match = _NAME.fullmatch(name)
        if match is None:
            return None
        return cls(epochs=int(match["epochs"]), iterations=int(match["iterations"]))
