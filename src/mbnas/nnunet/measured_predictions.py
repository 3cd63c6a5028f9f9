"""What nnU-Net's predictions are worth, in the form of a study's own trainings.

Predictions are read from the label files that nnU-Net wrote and measured against the study's
references, on the grid of each case's file, as a study measures its own networks.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

import numpy as np

from mbnas.data.images.geometry import aligned
from mbnas.data.images.nifti_reader import read_label
from mbnas.data.slices.prepared_slices import PreparedSlices, PreparedVolume
from mbnas.data.slices.reference_labels import read_reference
from mbnas.errors import NNUNetError
from mbnas.machine.processes import ProgressCallback, map_in_processes
from mbnas.nnunet.head_to_head import HeadToHead, Trained
from mbnas.nnunet.raw_dataset import ENDING
from mbnas.scoring.overlap import mean_defined
from mbnas.scoring.surface_distance import measure
from mbnas.training.training_record import FIRST_FRESH, TrainingKey, TrainingRecord, VolumeRecord

_EPOCH_TIME = re.compile(r"Epoch time: ([0-9.]+) s")


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """One label file, and what it is measured against.

    Attributes:
        path: Of the file.
        slices: Folder of the study's prepared slices.
        number: Which of their volumes it shows.
        volume: That volume.
        num_classes: Background included.
    """

    path: Path
    slices: Path
    number: int
    volume: PreparedVolume
    num_classes: int


def measured_trainings(
    run: HeadToHead, trainings: Mapping[Trained, str], progress: ProgressCallback | None = None
) -> tuple[TrainingRecord, ...]:
    """Return what nnU-Net made of networks on folds, as records of trainings, in order.

    Args:
        run: Where they were trained, and on what.
        trainings: Finished ones, with the digest of each one's network.
        progress: Told of every file measured.

    Raises:
        NNUNetError: if a prediction is on another grid than its case.
        DatasetError: if one cannot be read.
    """
    predictions = {training: _predictions(run, training) for training in trainings}
    measured = iter(
        map_in_processes(
            measure_file,
            [each for of_training in predictions.values() for each in of_training],
            workers=run.place.processes,
            progress=progress,
        )
    )
    return tuple(
        _record(run, training, network, tuple(islice(measured, len(predictions[training]))))
        for training, network in trainings.items()
    )


def _record(
    run: HeadToHead, training: Trained, network: str, volumes: tuple[VolumeRecord, ...]
) -> TrainingRecord:
    dice = _mean_dice([each for each in volumes if not each.held_out])
    logs = sorted(training.folder.glob("training_log_*.txt"), key=lambda path: path.stat().st_mtime)
    return TrainingRecord(
        key=TrainingKey(
            network=network,
            protocol=run.schedule.trainer,
            fold=training.fold,
            initialisation=FIRST_FRESH,
        ),
        score=dice,
        error="No validation patient has any class." if dice is None else None,
        wall_s=sum(map(_epochs_s, logs)),
        worker=run.place.device,
        started_at=_begun(logs),
        volumes=volumes,
    )


def measure_file(prediction: Prediction) -> VolumeRecord:
    """Return how good a predicted label file is.

    Raises:
        NNUNetError: if it is on another grid than its case.
        DatasetError: if it cannot be read.
    """
    volume = prediction.volume
    labels_XYZ, geometry = read_label(prediction.path)
    if difference := geometry.difference_from(volume.geometry):
        raise NNUNetError(
            f"{prediction.path} is on another grid than its case: {difference}. Remove its folder "
            "and run the same command again."
        )
    return VolumeRecord(
        case=volume.case,
        patient=volume.patient,
        held_out=volume.held_out,
        measures=measure(
            aligned(labels_XYZ, geometry, volume.geometry).astype(np.uint8),
            read_reference(prediction.slices, prediction.number, volume.plane.shape_xyz),
            num_classes=prediction.num_classes,
            spacing_mm=volume.spacing_mm,
        ),
    )


def _predictions(run: HeadToHead, training: Trained) -> list[Prediction]:
    """Return the files of a fold's validation patients and of those in no fold."""
    prepared: PreparedSlices = run.prepared
    validation = run.folds[training.fold].validation
    return [
        Prediction(
            path=(training.held_out if volume.held_out else training.validation)
            / f"{volume.case}{ENDING}",
            slices=prepared.directory,
            number=number,
            volume=volume,
            num_classes=prepared.num_classes,
        )
        for number, volume in enumerate(prepared.volumes)
        if volume.held_out or volume.patient in validation
    ]


def _mean_dice(volumes: list[VolumeRecord]) -> float | None:
    """Return the mean over patients, then over classes, of what is defined."""
    by_class: dict[int, dict[str, list[float | None]]] = defaultdict(lambda: defaultdict(list))
    for volume in volumes:
        for k, of_class in enumerate(volume.measures):
            by_class[k][volume.patient].append(of_class.dice)
    classes = [
        mean_defined(tuple(mean_defined(tuple(values)) for values in patients.values()))
        for patients in by_class.values()
    ]
    return mean_defined(tuple(classes))


def _epochs_s(log: Path) -> float:
    """Return how long the epochs took that one of nnU-Net's logs tells of, in seconds."""
    return sum(map(float, _EPOCH_TIME.findall(log.read_text(encoding="utf-8", errors="replace"))))


def _begun(logs: list[Path]) -> str:
    moment = datetime.fromtimestamp(logs[0].stat().st_mtime, UTC) if logs else datetime.now(UTC)
    return moment.isoformat(timespec="seconds")
