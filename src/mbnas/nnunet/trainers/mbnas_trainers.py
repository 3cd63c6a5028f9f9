"""nnU-Net's trainer with any schedule; ``nnUNet_extTrainer`` names the folder of this file.

Classes are created on access: ``nnUNetTrainer_3epochs_10iterations`` trains for three epochs of ten
iterations and is otherwise nnU-Net's trainer.
"""

from __future__ import annotations

from typing import Any

import torch
from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer

from mbnas.nnunet.schedule import Schedule


def __getattr__(name: str) -> type:
    schedule = Schedule.of_trainer(name)
    if schedule is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return trainer_class(name, schedule)


def trainer_class(name: str, schedule: Schedule) -> type:
    """Return nnU-Net's trainer under another name and with another schedule."""

    # nnU-Net inspects the names of these parameters, so they are the same as in its class.
    def __init__(  # noqa: N807
        self: Any,
        plans: dict[str, Any],
        configuration: str,
        fold: int | str,
        dataset_json: dict[str, Any],
        device: torch.device = torch.device("cuda"),  # noqa: B008
    ) -> None:
        nnUNetTrainer.__init__(self, plans, configuration, fold, dataset_json, device)
        self.num_epochs = schedule.epochs
        self.num_iterations_per_epoch = schedule.iterations
        self.num_val_iterations_per_epoch = schedule.validation_iterations

    return type(name, (nnUNetTrainer,), {"__init__": __init__, "__module__": __name__})
