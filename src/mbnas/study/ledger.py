"""The ledger: every network, evaluation, training, epoch and final prediction of a study.

It is the only truth about a study's progress. What must never happen is ruled out by the
file itself: constraints keep a training from being recorded twice, and a transaction keeps
half a training from being recorded at all. Its schema is described in ``docs/ledger.md``.

One process writes, held to that by :mod:`mbnas.study.lock`; any number may read meanwhile.
How the file is kept safe is told in :mod:`mbnas.study.sqlite_file`.
"""

from __future__ import annotations

import json
import math
import sqlite3
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType

from mbnas.errors import StudyError
from mbnas.genotype.genotype import Genotype
from mbnas.network.architecture import Architecture, parse_architecture
from mbnas.scoring.measures import ClassMeasures
from mbnas.study.sqlite_file import TIMEOUT_S, create_file, errors_spoken, open_file
from mbnas.training.record import EpochRecord, TrainingKey, TrainingRecord, VolumeRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationRecord:
    """One network that the searcher asked for.

    Attributes:
        number: Place in the order asked for, from 1.
        genotype: The network.
        why: What the searcher was doing, such as ``"node 3 level"``.
        incumbent: The network that this one is to be better than, if any.
    """

    number: int
    genotype: Genotype
    why: str
    incumbent: Genotype | None = None

    @property
    def network(self) -> str:
        """Digest of the network."""
        return self.genotype.digest


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkRecord:
    """A network and what it costs.

    Attributes:
        architecture: The network.
        parameters: Number of weights; ``None`` while unknown.
        macs: Multiply-accumulates for one slice; ``None`` while unknown.
        macs_32: Multiply-accumulates for an input of 32 by 32 pixels; ``None`` while unknown.
        latency_ms: Of one slice, where it was measured.
    """

    architecture: Architecture
    parameters: int | None = None
    macs: int | None = None
    macs_32: int | None = None
    latency_ms: float | None = None


class Ledger:
    """A study's ledger, open until :meth:`close` or the end of a ``with``.

    Every ``record_…`` method returns once the record is safe on disk. Every method raises
    :class:`StudyError` where the file cannot be read or written.

    Attributes:
        path: The file.
    """

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self.path = path
        self._connection = connection

    @classmethod
    def create(cls, path: Path) -> Ledger:
        """Create an empty ledger at ``path`` and return it, open for writing.

        Raises:
            StudyError: if something is there already, or the file cannot be written.
        """
        create_file(path)
        return cls.open(path)

    @classmethod
    def open(cls, path: Path, read_only: bool = False, *, timeout_s: float = TIMEOUT_S) -> Ledger:
        """Return the ledger at ``path``.

        Args:
            path: The file; it must exist.
            read_only: Whether to read only, as is possible while a search writes.
            timeout_s: How long any method waits for another process that has it locked.

        Raises:
            StudyError: if the file is missing, no ledger, damaged, from a newer mbnas,
                locked, or cannot be written though it should.
        """
        return cls(path, open_file(path, read_only=read_only, timeout_s=timeout_s))

    def close(self) -> None:
        """Release the file; closing twice is no error."""
        self._connection.close()

    def __enter__(self) -> Ledger:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    # Facts about the study

    def set_fact(self, key: str, value: str) -> None:
        """Remember ``value`` under ``key``, in place of what was there before."""
        with self._transaction() as connection:
            connection.execute("INSERT OR REPLACE INTO study VALUES (?, ?)", (key, value))

    def facts(self) -> dict[str, str]:
        """Return all facts about the study by key."""
        with self._reading() as connection:
            return dict(map(tuple, connection.execute("SELECT key, value FROM study ORDER BY key")))

    # Networks and evaluations

    def record_network(
        self,
        architecture: Architecture,
        *,
        parameters: int | None = None,
        macs: int | None = None,
        macs_32: int | None = None,
        latency_ms: float | None = None,
    ) -> None:
        """Enter a network, or add its cost to one that is there already."""
        with self._transaction() as connection:
            _enter_network(connection, architecture)
            connection.execute(
                "UPDATE networks SET parameters = coalesce(?, parameters), "
                "macs = coalesce(?, macs), macs_32 = coalesce(?, macs_32), "
                "latency_ms = coalesce(?, latency_ms) WHERE digest = ?",
                (parameters, macs, macs_32, latency_ms, architecture.digest),
            )

    def networks(self) -> dict[str, NetworkRecord]:
        """Return all networks by digest, evaluated or not."""
        with self._reading() as connection:
            return {
                row["digest"]: NetworkRecord(
                    architecture=parse_architecture(row["architecture"]),
                    parameters=row["parameters"],
                    macs=row["macs"],
                    macs_32=row["macs_32"],
                    latency_ms=row["latency_ms"],
                )
                for row in connection.execute("SELECT * FROM networks ORDER BY rowid")
            }

    def record_evaluation(self, record: EvaluationRecord) -> None:
        """Enter what the searcher asked for, with its network and incumbent.

        Raises:
            StudyError: if the number is taken or the network was asked for before.
        """
        incumbent = record.incumbent
        with self._transaction() as connection:
            for genotype in (record.genotype, incumbent):
                if genotype is not None:
                    _enter_network(connection, genotype)
            try:
                connection.execute(
                    "INSERT INTO evaluations VALUES (?, ?, ?, ?, ?)",
                    (
                        record.number,
                        record.network,
                        record.why,
                        None if incumbent is None else incumbent.digest,
                        datetime.now(UTC).isoformat(timespec="milliseconds"),
                    ),
                )
            except sqlite3.IntegrityError as error:
                raise StudyError(
                    f"Evaluation {record.number} (network {record.network}) cannot be entered in "
                    f"{self.path}: numbers start at 1, and number and network occur once."
                ) from error

    def evaluations(self) -> tuple[EvaluationRecord, ...]:
        """Return all evaluations in the order asked for."""
        query = (
            "SELECT number, this.architecture, why, other.architecture AS incumbent "
            "FROM evaluations JOIN networks AS this ON this.digest = network "
            "LEFT JOIN networks AS other ON other.digest = incumbent ORDER BY number"
        )
        with self._reading() as connection:
            return tuple(
                EvaluationRecord(
                    number=row["number"],
                    genotype=Genotype.parse(row["architecture"]),
                    why=row["why"],
                    incumbent=row["incumbent"] and Genotype.parse(row["incumbent"]),
                )
                for row in connection.execute(query)
            )

    # Trainings

    def record_training(self, record: TrainingRecord) -> None:
        """Enter a training with all its epochs and volumes, or nothing of it.

        Raises:
            StudyError: if this training is recorded already, or its network is unknown.
        """
        key = record.key
        with self._transaction() as connection:
            if (
                connection.execute(
                    "SELECT 1 FROM networks WHERE digest = ?", (key.network,)
                ).fetchone()
                is None
            ):
                raise StudyError(
                    f"{self.path} does not know network {key.network}: record the network "
                    "before its trainings."
                )
            try:
                training = _enter_training(connection, record)
            except sqlite3.IntegrityError as error:
                raise StudyError(
                    f"{self.path} holds {key} already: nothing is trained twice."
                ) from error
            connection.executemany(
                "INSERT INTO epochs VALUES (?, ?, ?, ?, ?)",
                [_epoch_row(training, epoch) for epoch in record.epochs],
            )
            connection.executemany(
                "INSERT INTO volumes VALUES (?, ?, ?, ?, ?, ?)",
                [_volume_row(training, volume) for volume in record.volumes],
            )

    def training(self, key: TrainingKey) -> TrainingRecord | None:
        """Return one training, predictions included, or ``None`` if it is not recorded."""
        where = "network = ? AND protocol = ? AND fold = ? AND initialisation = ?"
        values = (key.network, key.protocol, key.fold, key.initialisation)
        found = self._trainings(where, values, prediction="prediction")
        return found[0] if found else None

    def trainings(
        self, network: str | None = None, protocol: str | None = None
    ) -> tuple[TrainingRecord, ...]:
        """Return trainings in the order recorded: all, or one network's or protocol's.

        Their volumes come without predictions, which are large: :meth:`training` has them.

        Args:
            network: Digest of the network, or ``None`` for all networks.
            protocol: Digest of the protocol, or ``None`` for all protocols.
        """
        where = "(?1 IS NULL OR network = ?1) AND (?2 IS NULL OR protocol = ?2)"
        return self._trainings(where, (network, protocol))

    def _trainings(
        self, where: str, values: tuple[object, ...], *, prediction: str = "NULL AS prediction"
    ) -> tuple[TrainingRecord, ...]:
        epochs: dict[int, list[EpochRecord]] = defaultdict(list)
        volumes: dict[int, list[VolumeRecord]] = defaultdict(list)
        of_these = f"training IN (SELECT id FROM trainings WHERE {where})"
        with self._reading() as connection:
            rows = connection.execute(
                f"SELECT * FROM trainings WHERE {where} ORDER BY id", values
            ).fetchall()
            for row in connection.execute(
                f"SELECT * FROM epochs WHERE {of_these} ORDER BY training, epoch", values
            ):
                epochs[row["training"]].append(_epoch_record(row))
            for row in connection.execute(
                f"SELECT training, case_name, patient, held_out, measures, {prediction} "
                f"FROM volumes WHERE {of_these} ORDER BY training, rowid",
                values,
            ):
                volumes[row["training"]].append(_volume_record(row))
        return tuple(
            _training_record(row, tuple(epochs[row["id"]]), tuple(volumes[row["id"]]))
            for row in rows
        )

    # Transactions

    @contextmanager
    def _transaction(self, begin: str = "BEGIN IMMEDIATE") -> Iterator[sqlite3.Connection]:
        connection = self._connection
        with errors_spoken(self.path, read_only=begin == "BEGIN"):
            connection.execute(begin)
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        """Let several queries see one state, whatever the writer does meanwhile."""
        with self._transaction("BEGIN") as connection:
            yield connection


def _enter_network(connection: sqlite3.Connection, architecture: Architecture) -> None:
    connection.execute(
        "INSERT INTO networks (digest, architecture) VALUES (?, ?) ON CONFLICT (digest) DO NOTHING",
        (architecture.digest, str(architecture)),
    )


def _enter_training(connection: sqlite3.Connection, record: TrainingRecord) -> int:
    key = record.key
    # An error may quote a file name that is no valid text; SQLite stores only text that is.
    error = record.error and record.error.encode("utf-8", "backslashreplace").decode()
    values = (
        *(key.network, key.protocol, key.fold, key.initialisation),
        *(record.score, json.dumps(record.collapsed), record.attempts, error),
        *(record.wall_s, record.slices_per_s, record.worker, record.started_at),
    )
    cursor = connection.execute(
        "INSERT INTO trainings (network, protocol, fold, initialisation, score, collapsed, "
        "attempts, error, wall_s, slices_per_s, worker, started_at) "
        f"VALUES ({', '.join('?' * len(values))})",
        values,
    )
    assert cursor.lastrowid is not None
    return cursor.lastrowid


def _training_record(
    row: sqlite3.Row, epochs: tuple[EpochRecord, ...], volumes: tuple[VolumeRecord, ...]
) -> TrainingRecord:
    return TrainingRecord(
        key=TrainingKey(
            network=row["network"],
            protocol=row["protocol"],
            fold=row["fold"],
            initialisation=row["initialisation"],
        ),
        score=row["score"],
        collapsed=tuple(json.loads(row["collapsed"])),
        attempts=row["attempts"],
        error=row["error"],
        wall_s=row["wall_s"],
        slices_per_s=row["slices_per_s"],
        worker=row["worker"],
        started_at=row["started_at"],
        epochs=epochs,
        volumes=volumes,
    )


def _volume_row(training: int, volume: VolumeRecord) -> tuple[object, ...]:
    measures = json.dumps([asdict(each) for each in volume.measures])
    place = (training, volume.case, volume.patient, volume.held_out)
    return (*place, measures, volume.prediction)


def _volume_record(row: sqlite3.Row) -> VolumeRecord:
    return VolumeRecord(
        case=row["case_name"],
        patient=row["patient"],
        held_out=bool(row["held_out"]),
        measures=tuple(ClassMeasures(**each) for each in json.loads(row["measures"])),
        prediction=row["prediction"],
    )


def _epoch_row(training: int, epoch: EpochRecord) -> tuple[object, ...]:
    class_dice = None if epoch.class_dice is None else json.dumps(epoch.class_dice)
    return training, epoch.epoch, epoch.learning_rate, epoch.loss, class_dice


def _epoch_record(row: sqlite3.Row) -> EpochRecord:
    return EpochRecord(
        epoch=row["epoch"],
        learning_rate=row["learning_rate"],
        loss=math.nan if row["loss"] is None else row["loss"],  # SQLite has no other word for it
        class_dice=None if row["class_dice"] is None else tuple(json.loads(row["class_dice"])),
    )
