"""The metrics of nnU-Net's predictions, as records of trainings.

Predictions are read from the label files that nnU-Net wrote and measured against the study's
references, on the grid of each case's file, like those of a study's own networks.
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

from mbnas.data.datasets.label_scheme import IGNORED, Targets
from mbnas.data.images.geometry import aligned
from mbnas.data.images.read import read_label
from mbnas.data.slices.prepared_slices import PreparedSlices, PreparedVolume
from mbnas.data.slices.reference_labels import read_reference
from mbnas.errors import NNUNetError
from mbnas.machine.processes import ProgressCallback, map_in_processes
from mbnas.nnunet.head_to_head import HeadToHead, Trained
from mbnas.nnunet.raw_dataset import ending_in
from mbnas.scoring.overlap import mean_defined
from mbnas.scoring.surface_distance import measure
from mbnas.training.training_record import FIRST_FRESH, TrainingKey, TrainingRecord, VolumeRecord

_EPOCH_TIME = re.compile(r"Epoch time: ([0-9.]+) s")


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """One predicted label file, and its reference.

    Attributes:
        path: Path of the file.
        slices: Folder of the study's prepared slices.
        number: Number of the volume that it shows.
        volume: That volume.
        targets: What the networks predict.
    """

    path: Path
    slices: Path
    number: int
    volume: PreparedVolume
    targets: Targets


def measured_trainings(
    run: HeadToHead, trainings: Mapping[Trained, str], progress: ProgressCallback | None = None
) -> tuple[TrainingRecord, ...]:
    """Return nnU-Net's trainings as records, in order.

    Args:
        run: The head-to-head comparison that they belong to.
        trainings: Finished trainings, with the digests of their networks.
        progress: Called after each measured file.

    Raises:
        NNUNetError: if the grids of a prediction and its case differ.
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
        started_at=_started_at(logs),
        volumes=volumes,
    )


def measure_file(prediction: Prediction) -> VolumeRecord:
    """Return the metrics of a predicted label file.

    Raises:
        NNUNetError: if its grid differs from that of its case.
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
            num_classes=1 + prediction.targets.num_labels,
            spacing_mm=volume.spacing_mm,
            regions=prediction.targets.regions,
            ignored=IGNORED if prediction.targets.ignores else None,
        ),
    )


def _predictions(run: HeadToHead, training: Trained) -> list[Prediction]:
    """Return the files of a fold's validation patients and of held-out patients."""
    prepared: PreparedSlices = run.prepared
    validation = run.folds[training.fold].validation
    ending = ending_in(run.place.preprocessed)
    return [
        Prediction(
            path=(training.held_out if volume.held_out else training.validation)
            / f"{volume.case}{ending}",
            slices=prepared.directory,
            number=number,
            volume=volume,
            targets=prepared.targets,
        )
        for number, volume in enumerate(prepared.volumes)
        if volume.held_out or volume.patient in validation
    ]


def _mean_dice(volumes: list[VolumeRecord]) -> float | None:
    """Return the mean of the defined values over patients, then over classes."""
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
    """Return the total duration of the epochs in one of nnU-Net's logs, in seconds."""
    return sum(map(float, _EPOCH_TIME.findall(log.read_text(encoding="utf-8", errors="replace"))))


def _started_at(logs: list[Path]) -> str:
    moment = datetime.fromtimestamp(logs[0].stat().st_mtime, UTC) if logs else datetime.now(UTC)
    return moment.isoformat(timespec="seconds")
