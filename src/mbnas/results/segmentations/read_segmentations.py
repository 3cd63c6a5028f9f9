"""From a study's ledger and slices to the segmentations that the page shows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mbnas.data.slices.prepared_slices import PreparedSlices, PreparedVolume
from mbnas.errors import StudyError
from mbnas.results.compared_network import ComparedNetwork
from mbnas.results.comparison import Comparison
from mbnas.results.segmentations.shown_segmentations import (
    Segmentations,
    ShownCase,
    chosen_cases,
    room_for,
    show_case,
    worst_first,
)
from mbnas.scoring.overlap import mean_defined
from mbnas.study.directory import Study
from mbnas.study.ledger.ledger import Ledger
from mbnas.training.packed_predictions import unpack_prediction
from mbnas.training.training_record import VolumeRecord

Predictions = dict[str, VolumeRecord]
"""What a network made of every case, by the case's name."""


def collect_segmentations(study: Study, ledger: Ledger, comparison: Comparison) -> Segmentations:
    """Return the segmentations of the networks of a comparison, the worst case first.

    They are those of the first fresh initialisation, for which the ledger keeps predictions.
    Where they or the prepared slices are gone, the value says so in place of cases.

    Args:
        study: Its directory and configuration.
        ledger: Its ledger, open for reading at least.
        comparison: Whose networks to show.
    """
    found = [(each.name, _predictions(ledger, each)) for each in comparison.networks]
    networks = [(name, predictions) for name, predictions in found if predictions]
    class_names, names = comparison.class_names, tuple(name for name, _ in networks)
    if not networks:
        return Segmentations(
            class_names=class_names,
            network_names=names,
            missing="The ledger holds no segmentations of these networks: it keeps those of the "
            "first fresh initialisation.",
        )
    folder = study.slices / ledger.facts()["data"]
    try:
        prepared = PreparedSlices.open(folder)
    except StudyError:
        return Segmentations(
            class_names=class_names,
            network_names=names,
            missing=f"The prepared slices of this study, {folder.name}, are no longer there; the "
            "next search or comparison in this study prepares them again.",
        )
    return _shown(prepared, class_names, names, [predictions for _, predictions in networks])


def _predictions(ledger: Ledger, network: ComparedNetwork) -> Predictions:
    """Return the volumes of a network's first initialisation whose predictions were kept.

    A held-out case is predicted by the networks of all folds; that of the first stands for them.
    """
    keys = sorted((record.key for record in network.trainings), key=lambda key: key.fold)
    first = min((key.initialisation for key in keys), default=None)
    found: Predictions = {}
    for key in keys:
        record = ledger.training(key) if key.initialisation == first else None
        for volume in record.volumes if record else ():
            if volume.prediction is not None:
                found.setdefault(volume.case, volume)
    return found


def _shown(
    prepared: PreparedSlices,
    class_names: tuple[str, ...],
    network_names: tuple[str, ...],
    predictions: Sequence[Predictions],
) -> Segmentations:
    volumes = [v for v in prepared.volumes if all(v.case in each for each in predictions)]
    dice = [tuple(_dice(each[volume.case]) for each in predictions) for volume in volumes]
    num_cases, num_slices = room_for(len(volumes), prepared.index.settings.slice_size)
    order = worst_first(dice)
    return Segmentations(
        class_names=class_names,
        network_names=network_names,
        slice_axis=prepared.index.slice_axis,
        cases=tuple(
            _case(
                prepared,
                volumes[order[place]],
                [each[volumes[order[place]].case] for each in predictions],
                dice[order[place]],
                most_slices=num_slices,
            )
            for place in chosen_cases(len(volumes), num_cases)
        ),
        num_cases=len(volumes),
    )


def _case(
    prepared: PreparedSlices,
    volume: PreparedVolume,
    records: Sequence[VolumeRecord],
    dice: tuple[float | None, ...],
    *,
    most_slices: int,
) -> ShownCase:
    predicted = [
        unpack_prediction(record.prediction or b"", volume, num_classes=prepared.num_classes)
        for record in records
    ]
    return show_case(
        np.array(prepared.images[volume.slices, 0]),
        np.stack([prepared.labels[volume.slices], *predicted]),
        case=volume.case,
        patient=volume.patient,
        held_out=volume.held_out,
        dice=dice,
        num_classes=len(prepared.classes),
        most_slices=most_slices,
    )


def _dice(record: VolumeRecord) -> float | None:
    return mean_defined(tuple(each.dice for each in record.measures))
