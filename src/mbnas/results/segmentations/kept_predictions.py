"""Predictions that a ledger keeps, those of the first fresh initialisation, and their scores.

Shape suffixes: C a network's prediction or the reference, N slices, S side of a prepared slice.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from jaxtyping import UInt8

from mbnas.data.slices.prepared_slices import PreparedSlices, PreparedVolume
from mbnas.results.compared_network import ComparedNetwork
from mbnas.scoring.overlap import mean_defined
from mbnas.study.ledger.ledger import Ledger
from mbnas.training.packed_predictions import unpack_prediction
from mbnas.training.training_record import FIRST_FRESH, TrainingKey, TrainingRecord, VolumeRecord

KeptPredictions = Mapping[TrainingKey, TrainingRecord]
"""Trainings whose volumes hold predictions, by key."""


def read_predictions(ledger: Ledger, trainings: Iterable[TrainingRecord]) -> KeptPredictions:
    """Return the trainings from the first fresh initialisation with the predictions kept of them.

    Args:
        ledger: Open, for reading at least.
        trainings: Those of the networks to show, from any initialisation.
    """
    keys = [each.key for each in trainings if each.key.initialisation == FIRST_FRESH]
    records = {key: ledger.training(key) for key in keys}
    return {key: record for key, record in records.items() if record is not None}


def predicted_volumes(
    network: ComparedNetwork, predictions: KeptPredictions
) -> dict[str, VolumeRecord]:
    """Return the volumes that a network predicted from its first initialisation, by case.

    A held-out case is predicted by the networks of all folds; that of the first fold is taken.
    """
    keys = sorted((record.key for record in network.trainings), key=lambda key: key.fold)
    first = min((key.initialisation for key in keys), default=None)
    found: dict[str, VolumeRecord] = {}
    for key in keys:
        record = predictions.get(key) if key.initialisation == first else None
        for volume in record.volumes if record else ():
            if volume.prediction is not None:
                found.setdefault(volume.case, volume)
    return found


def mean_dice(volume: VolumeRecord) -> float | None:
    """Return the mean Dice over the classes of a volume; ``None`` if no class has one."""
    return mean_defined(tuple(each.dice for each in volume.measures))


def reference_and_predictions(
    prepared: PreparedSlices, volume: PreparedVolume, records: Sequence[VolumeRecord]
) -> UInt8[np.ndarray, "C N S S"]:
    """Return the labels of the reference, then of every network's prediction.

    Args:
        prepared: The study's slices.
        volume: One of its volumes.
        records: Of this volume, one of every network.

    Raises:
        StudyError: if a prediction cannot be unpacked.
    """
    predicted = [
        unpack_prediction(each.prediction or b"", volume, num_labels=prepared.targets.num_labels)
        for each in records
    ]
    return np.stack([prepared.labels_of(volume), *predicted])
