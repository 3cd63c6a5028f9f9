"""The recorded landscape: a CSV file with a row for each training."""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from math import ceil
from pathlib import Path

import numpy as np
from jaxtyping import Float

from mbnas.machine.files import write_text
from mbnas.space.genotype import Genotype

FIXED = ("network", "drawn", "fold", "initialisation", "attempts", "seconds")
FOLDS = 3
_DECIMALS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One training of the landscape.

    Attributes:
        network: The network.
        drawn: How it was drawn: ``unet``, ``uniform``, ``near`` or ``leader``.
        fold: Number of the fold, from 0.
        initialisation: Number of the initialisation, from 0.
        attempts: How often it was started, because it collapsed.
        seconds: Its duration.
        dice: Validation Dice of every epoch, mean over patients, then classes.
    """

    network: Genotype
    drawn: str
    fold: int
    initialisation: int
    attempts: int
    seconds: float
    dice: tuple[float, ...]

    def score(self, *, epochs: int | None = None, fraction: float = 0.2) -> float:
        """Return the mean Dice over the last epochs, as the search scores a training.

        Args:
            epochs: Of the first epochs only; ``None`` is all of them.
            fraction: Of the epochs, which count.
        """
        seen = self.dice[:epochs]
        last = seen[-ceil(fraction * len(seen)) :]
        return sum(last) / len(last)


Score = Callable[[Row], float]
Scores = dict[Genotype, Float[np.ndarray, "initialisation fold"]]


def scores_of(rows: Sequence[Row], score: Score = Row.score) -> Scores:
    """Return the scores of every network, its complete initialisations in order."""
    found: dict[Genotype, dict[int, dict[int, float]]] = defaultdict(lambda: defaultdict(dict))
    for row in rows:
        found[row.network][row.initialisation][row.fold] = score(row)
    complete = {
        network: [[each[fold] for fold in range(FOLDS)] for _, each in sorted(of_network.items())
                  if len(each) == FOLDS]
        for network, of_network in found.items()
    }  # fmt: skip
    return {network: np.array(each) for network, each in complete.items() if each}


def read_rows(path: Path) -> list[Row]:
    """Return the rows of a file, none if it does not exist."""
    if not path.exists():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        return [_row(each) for each in csv.DictReader(file)]


def write_rows(path: Path, rows: Iterable[Row]) -> None:
    """Write a file of rows, sorted; it is complete or as before at any time."""
    ordered = sorted(rows, key=lambda each: (str(each.network), each.initialisation, each.fold))
    num_epochs = max(len(each.dice) for each in ordered)
    lines = [",".join([*FIXED, *(f"epoch_{number}" for number in range(1, num_epochs + 1))])]
    lines += [",".join(_cells(each)) for each in ordered]
    write_text(path, "\n".join(lines) + "\n")


def _cells(row: Row) -> Sequence[str]:
    return [
        *(str(row.network), row.drawn, str(row.fold), str(row.initialisation)),
        *(str(row.attempts), f"{row.seconds:.1f}"),
        *(f"{each:.{_DECIMALS}f}" for each in row.dice),
    ]


def _row(cells: dict[str, str]) -> Row:
    return Row(
        network=Genotype.parse(cells["network"]),
        drawn=cells["drawn"],
        fold=int(cells["fold"]),
        initialisation=int(cells["initialisation"]),
        attempts=int(cells["attempts"]),
        seconds=float(cells["seconds"]),
        dice=tuple(float(cells[name]) for name in cells if name not in FIXED and cells[name]),
    )
