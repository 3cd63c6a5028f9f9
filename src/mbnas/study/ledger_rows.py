"""Rows of the ledger's tables from values, and values from rows."""

from __future__ import annotations

import json
import math
import sqlite3
from dataclasses import asdict

from mbnas.scoring.measures import ClassMeasures
from mbnas.training.record import (
    EpochRecord,
    FailureRecord,
    TrainingKey,
    TrainingRecord,
    VolumeRecord,
)


def training_values(record: TrainingRecord) -> dict[str, object]:
    """Return a training's row, epochs and volumes apart, by column."""
    return {
        **asdict(record.key),
        "score": record.score,
        "collapsed": json.dumps(record.collapsed),
        "attempts": record.attempts,
        "error": record.error and storable(record.error),
        "wall_s": record.wall_s,
        "slices_per_s": record.slices_per_s,
        "worker": record.worker,
        "started_at": record.started_at,
        "borrowed": record.borrowed,
    }


def failure_values(record: FailureRecord) -> dict[str, object]:
    """Return a failure's row by column."""
    row = asdict(record) | asdict(record.key)
    del row["key"]
    return row | {"reason": storable(record.reason)}


def storable(text: str) -> str:
    """Return a text that may quote a file's name as one that SQLite stores: valid UTF-8."""
    return text.encode("utf-8", "backslashreplace").decode()


def key_of(row: sqlite3.Row) -> TrainingKey:
    """Return which training a row is about."""
    return TrainingKey(
        network=row["network"],
        protocol=row["protocol"],
        fold=row["fold"],
        initialisation=row["initialisation"],
    )


def failure_record(row: sqlite3.Row) -> FailureRecord:
    """Return the failure that a row tells of."""
    return FailureRecord(
        key=key_of(row),
        kind=row["kind"],
        reason=row["reason"],
        wall_s=row["wall_s"],
        worker=row["worker"],
        started_at=row["started_at"],
        withdrawn=bool(row["withdrawn"]),
    )


def training_record(
    row: sqlite3.Row, epochs: tuple[EpochRecord, ...], volumes: tuple[VolumeRecord, ...]
) -> TrainingRecord:
    """Return the training that a row tells of, with its epochs and volumes."""
    return TrainingRecord(
        key=key_of(row),
        score=row["score"],
        collapsed=tuple(json.loads(row["collapsed"])),
        attempts=row["attempts"],
        error=row["error"],
        wall_s=row["wall_s"],
        slices_per_s=row["slices_per_s"],
        worker=row["worker"],
        started_at=row["started_at"],
        borrowed=bool(row["borrowed"]),
        epochs=epochs,
        volumes=volumes,
    )


def volume_row(training: int, volume: VolumeRecord) -> tuple[object, ...]:
    """Return the row of a volume that the network of training number ``training`` predicted."""
    measures = json.dumps([asdict(each) for each in volume.measures])
    place = (training, volume.case, volume.patient, volume.held_out)
    return (*place, measures, volume.prediction)


def volume_record(row: sqlite3.Row) -> VolumeRecord:
    """Return the volume that a row tells of."""
    return VolumeRecord(
        case=row["case_name"],
        patient=row["patient"],
        held_out=bool(row["held_out"]),
        measures=tuple(ClassMeasures(**each) for each in json.loads(row["measures"])),
        prediction=row["prediction"],
    )


def epoch_row(training: int, epoch: EpochRecord) -> tuple[object, ...]:
    """Return the row of an epoch of training number ``training``."""
    class_dice = None if epoch.class_dice is None else json.dumps(epoch.class_dice)
    return training, epoch.epoch, epoch.learning_rate, epoch.loss, class_dice


def epoch_record(row: sqlite3.Row) -> EpochRecord:
    """Return the epoch that a row tells of."""
    return EpochRecord(
        epoch=row["epoch"],
        learning_rate=row["learning_rate"],
        loss=math.nan if row["loss"] is None else row["loss"],  # SQLite has no other word for it
        class_dice=None if row["class_dice"] is None else tuple(json.loads(row["class_dice"])),
    )
