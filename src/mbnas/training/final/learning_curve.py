"""The learning curve of a final training, as a CSV file that grows with every epoch."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from mbnas.escaping import csv_text
from mbnas.machine.files import write_text
from mbnas.training.training_record import EpochRecord

_FIXED = ("epoch", "learning_rate", "loss")


def write_curve(path: Path, epochs: Sequence[EpochRecord], class_names: Sequence[str]) -> None:
    """Write the epochs so far as CSV, one row each; a Dice that was not measured is empty."""
    columns = [*_FIXED, *(f"dice {name}" for name in class_names)]
    rows = [
        [
            *(epoch.epoch, epoch.learning_rate, epoch.loss),
            *(epoch.class_dice or (None,) * len(class_names)),
        ]
        for epoch in epochs
    ]
    write_text(path, csv_text(columns, rows))


def read_curve(path: Path) -> tuple[EpochRecord, ...]:
    """Return the epochs of a curve; empty if there is no file."""
    try:
        rows = list(csv.reader(io.StringIO(path.read_text(encoding="utf-8"))))[1:]
    except FileNotFoundError:
        return ()
    return tuple(
        EpochRecord(
            epoch=int(epoch),
            learning_rate=float(rate),
            loss=float(loss),
            class_dice=tuple(float(each) if each else None for each in dice) if any(dice) else None,
        )
        for epoch, rate, loss, *dice in rows
    )
