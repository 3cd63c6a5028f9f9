"""Values to rows of the ledger's tables, and rows to values."""

from __future__ import annotations

import json
import math
import sqlite3
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, get_args

from mbnas.network.architecture import Architecture, parse_architecture
from mbnas.scoring.class_metrics import ClassMetrics
from mbnas.search.racing.outcome import Outcome
from mbnas.study.ledger.columns import at_least, json_list, share
from mbnas.study.ledger.snapshot import NetworkRecord
from mbnas.training.training_record import (
    EpochRecord,
    LostRunKind,
    LostRunRecord,
    TrainingKey,
    TrainingRecord,
    VolumeRecord,
)

_KINDS = get_args(LostRunKind)
_MEASURES = set(ClassMetrics.__dataclass_fields__)


def training_values(record: TrainingRecord) -> dict[str, object]:
    """Return a training's row by column, without its epochs and volumes."""
    return {
        **asdict(record.key),
        "score": record.score,
        "collapsed": json.dumps(record.collapsed),
        "absent": json.dumps(record.absent),
        "unpredicted": json.dumps(record.unpredicted),
        "attempts": record.attempts,
        "error": record.error and storable(record.error),
        "wall_s": record.wall_s,
        "slices_per_s": record.slices_per_s,
        "worker": record.worker,
        "started_at": record.started_at,
        "borrowed": record.borrowed,
    }


def lost_run_values(record: LostRunRecord) -> dict[str, object]:
    """Return a lost run's row by column."""
    row = asdict(record) | asdict(record.key)
    del row["key"]
    return row | {"reason": storable(record.reason)}


def storable(text: str) -> str:
    """Return a text, which may quote any file name, as valid UTF-8, as SQLite needs."""
    return text.encode("utf-8", "backslashreplace").decode()


def network_record(row: sqlite3.Row) -> tuple[str, NetworkRecord]:
    """Return the digest and the network of a row of ``networks``.

    Raises:
        ValueError: if the digest is not the network's.
        UsageError: if the text is not a network.
    """
    record = NetworkRecord(
        architecture=_architecture(row),
        parameters=row["parameters"],
        macs=row["macs"],
        macs_32=row["macs_32"],
        latency_ms=row["latency_ms"],
    )
    return row["digest"], record


def _architecture(row: sqlite3.Row) -> Architecture:
    architecture = parse_architecture(row["architecture"])
    if architecture.digest != row["digest"]:
        raise ValueError(
            f"the digest of {row['architecture']} is {architecture.digest}, not {row['digest']}."
        )
    for name in ("parameters", "macs", "macs_32", "latency_ms"):
        if row[name] is not None:
            at_least(name, row[name], 0)
    return architecture


def key_of(row: sqlite3.Row) -> TrainingKey:
    """Return the key of a row's training."""
    return TrainingKey(
        network=row["network"],
        protocol=row["protocol"],
        fold=row["fold"],
        initialisation=row["initialisation"],
    )


def lost_run_record(row: sqlite3.Row) -> LostRunRecord:
    """Return the lost run of a row.

    Raises:
        ValueError: if a column breaks its rule, as in all of these functions.
    """
    if row["kind"] not in _KINDS:
        raise ValueError(f"kind (={row['kind']!r}) must be one of {', '.join(_KINDS)}.")
    at_least("wall_s", row["wall_s"], 0)
    return LostRunRecord(
        key=key_of(row),
        kind=row["kind"],
        reason=row["reason"],
        wall_s=row["wall_s"],
        worker=row["worker"],
        started_at=row["started_at"],
        withdrawn=bool(row["withdrawn"]),
    )


def outcome(row: sqlite3.Row) -> tuple[TrainingKey, Outcome]:
    """Return a training and its outcome from a row of ``trainings``."""
    return key_of(row), Outcome(score=share("score", row["score"]), wall_s=row["wall_s"])


def training_record(
    row: sqlite3.Row,
    epochs: tuple[EpochRecord, ...] = (),
    volumes: tuple[VolumeRecord, ...] = (),
) -> TrainingRecord:
    """Return the training of a row, with its epochs and volumes."""
    at_least("wall_s", row["wall_s"], 0)
    if row["slices_per_s"] is not None:
        at_least("slices_per_s", row["slices_per_s"], 0)
    return TrainingRecord(
        key=key_of(row),
        score=share("score", row["score"]),
        collapsed=_classes("collapsed", row["collapsed"]),
        absent=_classes("absent", row["absent"]),
        unpredicted=_classes("unpredicted", row["unpredicted"]),
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


def _classes(name: str, text: str) -> tuple[int, ...]:
    if text == "[]":
        return ()
    indices = json_list(name, text)
    if not all(type(index) is int and index >= 1 for index in indices):
        raise ValueError(f"{name} (={text}) must list indices of classes, from 1.")
    return tuple(indices)


def volume_row(training: int, volume: VolumeRecord) -> tuple[object, ...]:
    """Return the row of a volume predicted by the network of a training, by its number."""
    measures = json.dumps([asdict(each) for each in volume.measures])
    first = (training, volume.case, volume.patient, volume.held_out)
    return (*first, measures, volume.prediction)


def volume_record(row: sqlite3.Row) -> VolumeRecord:
    """Return the volume of a row."""
    return VolumeRecord(
        case=row["case_name"],
        patient=row["patient"],
        held_out=bool(row["held_out"]),
        measures=tuple(map(_measures, json_list("measures", row["measures"]))),
        prediction=row["prediction"],
    )


def _measures(found: Any) -> ClassMetrics:
    if not isinstance(found, Mapping) or found.keys() != _MEASURES:
        raise ValueError(f"measures must list objects of {', '.join(sorted(_MEASURES))}.")
    for name in ("predicted_voxels", "reference_voxels"):
        if type(found[name]) is not int:
            raise ValueError(f"{name} (={found[name]!r}) must be a whole number.")
        at_least(name, found[name], 0)
    distance_mm = _number("hd95_mm", found["hd95_mm"])
    if distance_mm is not None:
        at_least("hd95_mm", distance_mm, 0)
    return ClassMetrics(
        dice=share("dice", _number("dice", found["dice"])),
        hd95_mm=distance_mm,
        surface_dice=share("surface_dice", _number("surface_dice", found["surface_dice"])),
        predicted_voxels=found["predicted_voxels"],
        reference_voxels=found["reference_voxels"],
    )


def _number(name: str, value: object) -> float | None:
    if value is None or type(value) is float:
        return value
    if type(value) is int:
        return float(value)
    raise ValueError(f"{name} (={value!r}) must be a number or null.")


def epoch_row(training: int, epoch: EpochRecord) -> tuple[object, ...]:
    """Return the row of an epoch of a training, by its number."""
    class_dice = None if epoch.class_dice is None else json.dumps(epoch.class_dice)
    return training, epoch.epoch, epoch.learning_rate, epoch.loss, class_dice


def epoch_record(row: sqlite3.Row) -> EpochRecord:
    """Return the epoch of a row."""
    at_least("learning_rate", row["learning_rate"], 0)
    class_dice = row["class_dice"]
    return EpochRecord(
        epoch=row["epoch"],
        learning_rate=row["learning_rate"],
        loss=math.nan if row["loss"] is None else row["loss"],  # SQLite stores it as null
        class_dice=None if class_dice is None else _dice(class_dice),
    )


def _dice(text: str) -> tuple[float | None, ...]:
    values = json_list("class_dice", text)
    return tuple(share("class_dice", _number("class_dice", value)) for value in values)
