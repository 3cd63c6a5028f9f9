"""Two networks compared by their trainings on fresh initialisations, patient by patient.

A patient's Dice is the mean over their volumes and the classes that are defined there.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mbnas.scoring.overlap import mean_defined
from mbnas.scoring.superiority import Superiority, superiority
from mbnas.training.training_record import TrainingRecord, VolumeRecord


def fresh_comparison(
    first: Sequence[TrainingRecord], second: Sequence[TrainingRecord]
) -> Superiority | None:
    """Return how two networks compare in Dice on the grid of the files, patient by patient.

    Held-out patients decide where there are any; otherwise the patients of the folds.

    Args:
        first: Trainings of one network, with volumes; failed ones do not count.
        second: Of the other, which count where both have the same fold and initialisation.
    """
    held_out = any(volume.held_out for each in first for volume in each.volumes)
    ours, theirs = (_dice_of_patients(each, held_out=held_out) for each in (first, second))
    common = ours.keys() & theirs.keys()
    if not common:
        return None
    rows = sorted({row for row, _, _ in common})
    patients = sorted({(fold, patient) for _, fold, patient in common})
    values = np.full((2, len(rows), len(patients)), np.nan)
    for row, fold, patient in common:
        place = rows.index(row), patients.index((fold, patient))
        values[0][place] = ours[row, fold, patient]
        values[1][place] = theirs[row, fold, patient]
    folds_P = None if held_out else np.array([fold for fold, _ in patients])
    return superiority(values[0], values[1], folds_P)


_Place = tuple[tuple[int, int], int, str]
"""A row, a fold and a patient. A row is an initialisation, or a training for held-out patients."""


def _dice_of_patients(
    trainings: Sequence[TrainingRecord], *, held_out: bool
) -> dict[_Place, float]:
    values: dict[_Place, list[float]] = {}
    for training in trainings:
        key = training.key
        row, fold = (
            ((key.initialisation, key.fold), 0) if held_out else ((key.initialisation, 0), key.fold)
        )
        for volume in training.volumes:
            dice = _dice(volume)
            if volume.held_out == held_out and dice is not None:
                values.setdefault((row, fold, volume.patient), []).append(dice)
    return {place: float(np.mean(found)) for place, found in values.items()}


def _dice(volume: VolumeRecord) -> float | None:
    return mean_defined(tuple(each.dice for each in volume.measures))
