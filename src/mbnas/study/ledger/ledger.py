"""The ledger: every network, evaluation, training, epoch and final prediction of a study.

It is the only truth about a study's progress. What must never happen is ruled out by the
file itself: constraints keep a training from being recorded twice, and a transaction keeps
half a training from being recorded at all. Its schema is described in ``docs/ledger.md``.

One process writes, held to that by :mod:`mbnas.study.lock`; any number may read meanwhile.
How the file is kept safe is told in :mod:`mbnas.study.ledger.sqlite_file`.
"""

from __future__ import annotations

import math
import sqlite3
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import TypeVar

from mbnas.errors import StudyError
from mbnas.network.architecture import Architecture
from mbnas.search.racing.outcome import Outcome
from mbnas.space.genotype import Genotype
from mbnas.study.ledger.columns import UnsoundRow, share, sound
from mbnas.study.ledger.facts import ASKED_AGAIN, RETRYING, Facts
from mbnas.study.ledger.rows import (
    architecture_of,
    epoch_record,
    epoch_row,
    failure_record,
    failure_values,
    key_of,
    training_record,
    training_values,
    volume_record,
    volume_row,
)
from mbnas.study.ledger.snapshot import (
    BestNetwork,
    EvaluationRecord,
    NetworkRecord,
    Snapshot,
    TrainingCounts,
)
from mbnas.study.ledger.sqlite_file import TIMEOUT_S, create_file, damaged, errors_spoken, open_file
from mbnas.training.training_record import (
    EpochRecord,
    LostRunRecord,
    TrainingKey,
    TrainingRecord,
    VolumeRecord,
)

Value = TypeVar("Value")


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
        self.set_facts({key: value})

    def set_facts(self, facts: Mapping[str, str]) -> None:
        """Remember several facts, all or none, each in place of what was there before."""
        with self._transaction() as connection:
            _set_facts(connection, facts)

    def facts(self) -> Facts:
        """Return all facts about the study by key."""
        with self._reading() as connection:
            rows = connection.execute("SELECT key, value FROM study ORDER BY key")
            found = dict(self._values("study", rows, lambda row: (row["key"], row["value"])))
        return Facts(found, lambda finding: damaged(self.path, finding))

    def is_used(self) -> bool:
        """Whether a search or a comparison has recorded anything in it."""
        tables = ("evaluations", "trainings", "failures")
        query = " OR ".join(f"EXISTS (SELECT 1 FROM {table})" for table in tables)
        with self._reading() as connection:
            (used,) = connection.execute(f"SELECT {query}").fetchone()
        return bool(used)

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
            rows = connection.execute("SELECT * FROM networks ORDER BY rowid")
            return dict(self._values("networks", rows, _network))

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
                    "INSERT INTO evaluations VALUES (?, ?, ?, ?, ?, ?)",
                    (
                        record.number,
                        record.network,
                        record.why,
                        None if incumbent is None else incumbent.digest,
                        datetime.now(UTC).isoformat(timespec="milliseconds"),
                        record.batch,
                    ),
                )
            except sqlite3.IntegrityError as error:
                raise StudyError(
                    f"Evaluation {record.number} (network {record.network}) cannot be entered in "
                    f"{self.path}: numbers start at 1, and number and network occur once."
                ) from error

    def evaluations(self) -> tuple[EvaluationRecord, ...]:
        """Return all evaluations in the order asked for."""
        with self._reading():
            return self._evaluations(self.networks())

    def _evaluations(self, networks: Mapping[str, NetworkRecord]) -> tuple[EvaluationRecord, ...]:
        numbers = count(1)

        def genotype(digest: str) -> Genotype:
            if digest not in networks:
                raise ValueError(f"network {digest} is not among the networks.")
            architecture = networks[digest].architecture
            if not isinstance(architecture, Genotype):
                raise TypeError(f"network {architecture} is not a genotype.")
            return architecture

        def record(row: sqlite3.Row) -> EvaluationRecord:
            if row["number"] != (number := next(numbers)):
                raise ValueError(f"evaluation {number} is missing before it.")
            return EvaluationRecord(
                number=row["number"],
                genotype=genotype(row["network"]),
                why=row["why"],
                incumbent=None if row["incumbent"] is None else genotype(row["incumbent"]),
                batch=row["batch"],
            )

        with self._reading() as connection:
            rows = connection.execute("SELECT * FROM evaluations ORDER BY number")
            return tuple(self._values("evaluations", rows, record))

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
                training = _insert(connection, "trainings", training_values(record))
            except sqlite3.IntegrityError as error:
                raise StudyError(
                    f"{self.path} holds {key} already: nothing is trained twice."
                ) from error
            connection.executemany(
                "INSERT INTO epochs VALUES (?, ?, ?, ?, ?)",
                [epoch_row(training, epoch) for epoch in record.epochs],
            )
            connection.executemany(
                "INSERT INTO volumes VALUES (?, ?, ?, ?, ?, ?)",
                [volume_row(training, volume) for volume in record.volumes],
            )

    def outcomes(self) -> dict[TrainingKey, Outcome]:
        """Return what became of every training that ended, without its epochs: it is quick."""
        query = "SELECT id, network, protocol, fold, initialisation, score, wall_s FROM trainings"
        with self._reading() as connection:
            return dict(
                self._values("trainings", connection.execute(f"{query} ORDER BY id"), _outcome)
            )

    def training(self, key: TrainingKey) -> TrainingRecord | None:
        """Return one training, predictions included, or ``None`` if it is not recorded."""
        found = self._trainings(_OF_KEY, _key_values(key), prediction="prediction")
        return found[0] if found else None

    def trainings(
        self, network: str | None = None, protocol: str | None = None, *, course: bool = True
    ) -> tuple[TrainingRecord, ...]:
        """Return trainings in the order recorded: all, or one network's or protocol's.

        Their volumes come without predictions, which are large: :meth:`training` has them.

        Args:
            network: Digest of the network, or ``None`` for all networks.
            protocol: Digest of the protocol, or ``None`` for all protocols.
            course: Whether with their epochs and volumes; without, it is quick.
        """
        where = "(?1 IS NULL OR network = ?1) AND (?2 IS NULL OR protocol = ?2)"
        return self._trainings(where, (network, protocol), course=course)

    def _trainings(
        self,
        where: str,
        values: tuple[object, ...],
        *,
        prediction: str = "NULL AS prediction",
        course: bool = True,
    ) -> tuple[TrainingRecord, ...]:
        epochs: dict[int, list[EpochRecord]] = defaultdict(list)
        volumes: dict[int, list[VolumeRecord]] = defaultdict(list)
        of_these = f"training IN (SELECT id FROM trainings WHERE {where})"
        with self._reading() as connection:
            facts = self.facts()
            if course:
                rows = connection.execute(
                    f"SELECT * FROM epochs WHERE {of_these} ORDER BY training, epoch", values
                )
                for training, epoch in self._values("epochs", rows, _epoch_in(facts)):
                    epochs[training].append(epoch)
                rows = connection.execute(
                    f"SELECT training, case_name, patient, held_out, measures, {prediction} "
                    f"FROM volumes WHERE {of_these} ORDER BY training, rowid",
                    values,
                )
                for training, volume in self._values("volumes", rows, _volume_in(facts)):
                    volumes[training].append(volume)

            check = _training_check(facts)

            def record(row: sqlite3.Row) -> TrainingRecord:
                number = row["id"]
                made = training_record(
                    row, tuple(epochs.get(number, ())), tuple(volumes.get(number, ()))
                )
                check(made)
                return made

            rows = connection.execute(f"SELECT * FROM trainings WHERE {where} ORDER BY id", values)
            return tuple(self._values("trainings", rows, record))

    # Failures

    def record_failure(self, record: LostRunRecord) -> None:
        """Enter a run of a training that came to nothing; the training may be run again."""
        with self._transaction() as connection:
            _insert(connection, "failures", failure_values(record))

    def failures(self) -> tuple[LostRunRecord, ...]:
        """Return all runs that came to nothing, in the order recorded."""
        with self._reading() as connection:
            rows = connection.execute("SELECT * FROM failures ORDER BY id")
            return tuple(self._values("failures", rows, failure_record))

    def withdraw_failed(self) -> None:
        """Begin a retry: make every training that failed one that was never run.

        How each failed stays, as a failure that no longer counts. The retry is under way, also
        for later processes, until :meth:`end_retry`.
        """
        with self._transaction() as connection:
            failed = connection.execute(
                "SELECT * FROM trainings WHERE error IS NOT NULL ORDER BY id"
            ).fetchall()
            records: list[TrainingRecord] = list(self._values("trainings", failed, training_record))
            for row, record in zip(failed, records, strict=True):
                connection.execute(
                    f"UPDATE failures SET withdrawn = 1 WHERE {_OF_KEY}", _key_values(record.key)
                )
                _insert(connection, "failures", failure_values(_as_withdrawn(record)))
                for table in ("epochs", "volumes"):
                    connection.execute(f"DELETE FROM {table} WHERE training = ?", (row["id"],))
                connection.execute("DELETE FROM trainings WHERE id = ?", (row["id"],))
            if failed:
                _set_facts(connection, {RETRYING: "failed trainings"})

    def is_retrying(self) -> bool:
        """Whether a retry of failed trainings was begun and has not ended."""
        return RETRYING in self.facts()

    def withdrawn(self) -> tuple[TrainingKey, ...]:
        """Return the trainings that were withdrawn and have not ended since."""
        query = (
            "SELECT network, protocol, fold, initialisation FROM failures WHERE withdrawn "
            "EXCEPT SELECT network, protocol, fold, initialisation FROM trainings"
        )
        with self._reading() as connection:
            return tuple(map(key_of, connection.execute(query)))

    def end_retry(self, *, forget_from: int | None) -> None:
        """End a retry, and take back that the search asked for some of its networks.

        Args:
            forget_from: Number of the first evaluation to take back, with all later ones; their
                trainings stay, and the search is no longer finished. ``None`` takes back none.
        """
        with self._transaction() as connection:
            if forget_from is not None:
                connection.execute("DELETE FROM evaluations WHERE number >= ?", (forget_from,))
                connection.execute("DELETE FROM study WHERE key = ?", (ASKED_AGAIN,))
                _set_facts(connection, {"state": "stopped"})
            connection.execute("DELETE FROM study WHERE key = ?", (RETRYING,))

    # Readers

    def read(self, *, fresh: bool = False) -> Snapshot:
        """Return what the ledger holds, all of it from one state.

        Args:
            fresh: Whether with the epochs and volumes of trainings on fresh initialisations.
        """
        with self._reading():
            networks = self.networks()
            snapshot = Snapshot(
                facts=self.facts(),
                networks=networks,
                evaluations=self._evaluations(networks),
                trainings=self.trainings(course=False),
                failures=self.failures(),
                fresh=self._trainings(_FRESH, ()) if fresh else (),
            )
        known = {each.key.network for each in snapshot.trainings}
        known |= {each.key.network for each in snapshot.failures}
        if unknown := known - networks.keys():
            raise self._damaged(
                f"network {min(unknown)} has trainings or failures and is not among the networks."
            )
        return snapshot

    @contextmanager
    def one_state(self) -> Iterator[None]:
        """Have all that is read inside come from one state of the ledger."""
        with self._reading():
            yield

    def has_unsound_rows(self) -> bool:
        """Whether a row that :meth:`tally` counts breaks a rule, so that reading it names it."""
        facts = self.facts()
        with self._reading() as connection:
            (found,) = connection.execute(
                _UNSOUND, (facts.num_folds, facts.get("protocol"))
            ).fetchone()
        return bool(found)

    def tally(
        self, *, folds: int, initialisations: int
    ) -> tuple[TrainingCounts, BestNetwork | None]:
        """Return a search's counts and its best network, the first of equals, if none is dropped.

        The file counts, so it is quick.

        Args:
            folds: Of the study's protocol.
            initialisations: That make a network's score.
        """
        values = (self.facts()["protocol"], initialisations, folds * initialisations)
        with self._reading() as connection:
            counts = connection.execute(_COUNTS, values).fetchone()
            rows = connection.execute(_BEST, values).fetchall()
            best = None
            for row in rows:  # whose means, as the file computes them, are equal but for rounding
                scores = connection.execute(
                    "SELECT score FROM search_scores WHERE network = ? AND protocol = ? "
                    "AND initialisation < ?",
                    (row["network"], *values[:2]),
                ).fetchall()
                score = math.fsum(each["score"] for each in scores) / len(scores)
                if best is None or score > best[0]:
                    best = score, row
            if best is None:
                return TrainingCounts(**dict(counts)), None
            network = connection.execute(
                "SELECT * FROM networks WHERE digest = ?", (best[1]["network"],)
            )
            ((_, record),) = self._values("networks", network, _network)
        assert isinstance(record.architecture, Genotype)
        return TrainingCounts(**dict(counts)), BestNetwork(
            number=best[1]["number"],
            genotype=record.architecture,
            score=best[0],
            parameters=record.parameters,
            macs=record.macs,
        )

    def data_version(self) -> int:
        """Return a number that changes whenever another process has recorded something."""
        with errors_spoken(self.path, read_only=True):
            (version,) = self._connection.execute("PRAGMA data_version").fetchone()
        return int(version)

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
        if self._connection.in_transaction:
            yield self._connection
            return
        with self._transaction("BEGIN") as connection:
            yield connection

    def _values(
        self, table: str, rows: Iterable[sqlite3.Row], convert: Callable[[sqlite3.Row], Value]
    ) -> Iterator[Value]:
        """Yield the values of rows of a table.

        Raises:
            StudyError: at the first row that makes none.
        """
        try:
            yield from sound(table, rows, convert)
        except UnsoundRow as error:
            raise self._damaged(str(error)) from error

    def _damaged(self, finding: str) -> StudyError:
        return damaged(self.path, finding, readable=self._num_readable())

    def _num_readable(self) -> str:
        """Return how much of every table can be read, in words."""
        parts = []
        for table, convert in _CONVERSIONS.items():
            with suppress(StudyError), self._reading() as connection:
                rows = connection.execute(f"SELECT * FROM {table}").fetchall()
                num_sound = sum(_is_sound(table, row, convert) for row in rows)
                parts.append(f"{num_sound} of {len(rows)} rows of {table}")
        return ", ".join(parts)


def _is_sound(table: str, row: sqlite3.Row, convert: Callable[[sqlite3.Row], object]) -> bool:
    try:
        return any(True for _ in sound(table, [row], convert))
    except UnsoundRow:
        return False


def _network(row: sqlite3.Row) -> tuple[str, NetworkRecord]:
    record = NetworkRecord(
        architecture=architecture_of(row),
        parameters=row["parameters"],
        macs=row["macs"],
        macs_32=row["macs_32"],
        latency_ms=row["latency_ms"],
    )
    return row["digest"], record


def _outcome(row: sqlite3.Row) -> tuple[TrainingKey, Outcome]:
    return key_of(row), Outcome(score=share("score", row["score"]), wall_s=row["wall_s"])


def _epoch_in(facts: Facts) -> Callable[[sqlite3.Row], tuple[int, EpochRecord]]:
    num_classes = facts.num_classes

    def epoch(row: sqlite3.Row) -> tuple[int, EpochRecord]:
        record = epoch_record(row)
        if record.class_dice is not None:
            _check_classes("class_dice", len(record.class_dice), num_classes)
        return row["training"], record

    return epoch


def _volume_in(facts: Facts) -> Callable[[sqlite3.Row], tuple[int, VolumeRecord]]:
    num_classes = facts.num_classes

    def volume(row: sqlite3.Row) -> tuple[int, VolumeRecord]:
        record = volume_record(row)
        _check_classes("measures", len(record.measures), num_classes)
        return row["training"], record

    return volume


def _training_check(facts: Facts) -> Callable[[TrainingRecord], None]:
    """Return what holds a training against the classes and folds of its study."""
    num_classes, num_folds = facts.num_classes, facts.num_folds
    protocol = facts.get("protocol")

    def check(record: TrainingRecord) -> None:
        key = record.key
        if num_folds is not None and key.protocol == protocol and key.fold >= num_folds:
            raise ValueError(f"fold (={key.fold}) must be below {num_folds}.")
        for name in ("collapsed", "absent", "unpredicted"):
            named = getattr(record, name)
            if num_classes is not None and named and max(named) > num_classes:
                raise ValueError(f"{name} (={named}) names one of {num_classes} classes.")

    return check


def _check_classes(name: str, found: int, num_classes: int | None) -> None:
    if num_classes is not None and found != num_classes:
        raise ValueError(f"{name} has {found} values for {num_classes} classes.")


_CONVERSIONS: dict[str, Callable[[sqlite3.Row], object]] = {
    "study": lambda row: row["key"],
    "networks": _network,
    "evaluations": lambda row: row["number"],
    "trainings": training_record,
    "failures": failure_record,
}


def _set_facts(connection: sqlite3.Connection, facts: Mapping[str, str]) -> None:
    connection.executemany("INSERT OR REPLACE INTO study VALUES (?, ?)", facts.items())


def _enter_network(connection: sqlite3.Connection, architecture: Architecture) -> None:
    connection.execute(
        "INSERT INTO networks (digest, architecture) VALUES (?, ?) ON CONFLICT (digest) DO NOTHING",
        (architecture.digest, str(architecture)),
    )


_UNSOUND = """
SELECT EXISTS (
    SELECT 1 FROM trainings WHERE typeof(score) NOT IN ('real', 'null')
        OR score NOT BETWEEN 0 AND 1
        OR typeof(fold) <> 'integer' OR fold < 0 OR (protocol = ?2 AND fold >= ?1)
        OR typeof(initialisation) <> 'integer' OR initialisation < 0
        OR typeof(attempts) <> 'integer' OR attempts < 1
        OR typeof(wall_s) <> 'real' OR wall_s NOT BETWEEN 0 AND 1e308
        OR (score IS NULL) = (error IS NULL)
        OR NOT json_valid(collapsed) OR NOT json_valid(absent) OR NOT json_valid(unpredicted)
        OR network NOT IN (SELECT digest FROM networks)
) OR EXISTS (
    SELECT 1 FROM evaluations WHERE network NOT IN (SELECT digest FROM networks)
) OR (SELECT count(*) <> coalesce(max(number), 0) FROM evaluations)
"""

_OF_SEARCH = """
WITH searched AS (
    SELECT trainings.*, number FROM trainings JOIN evaluations USING (network)
    WHERE protocol = ?1 AND initialisation < ?2
), ended AS (
    SELECT number, network, count(score) AS scored, avg(score) AS score FROM searched
    GROUP BY network HAVING count(*) = ?3
)
"""

_COUNTS = f"""{_OF_SEARCH}
SELECT (SELECT count(*) FROM evaluations) AS asked, (SELECT count(*) FROM ended) AS complete,
    count(*) AS trainings, count(error) AS failed,
    coalesce(sum(collapsed <> '[]'), 0) AS collapsed, coalesce(sum(attempts > 1), 0) AS repeated,
    coalesce(sum(unpredicted <> '[]'), 0) AS unpredicted,
    coalesce(sum(absent <> '[]'), 0) AS absent
FROM searched
"""

_BEST = f"""{_OF_SEARCH}
SELECT number, network FROM ended
WHERE scored = ?3 AND score >= (SELECT max(score) FROM ended WHERE scored = ?3) - 1e-9
ORDER BY number
"""

_FRESH = "id IN (SELECT training FROM fresh_scores)"
_OF_KEY = "network = ? AND protocol = ? AND fold = ? AND initialisation = ?"


def _key_values(key: TrainingKey) -> tuple[object, ...]:
    return key.network, key.protocol, key.fold, key.initialisation


def _insert(connection: sqlite3.Connection, table: str, values: dict[str, object]) -> int:
    cursor = connection.execute(
        f"INSERT INTO {table} ({', '.join(values)}) VALUES ({', '.join('?' * len(values))})",
        tuple(values.values()),
    )
    assert cursor.lastrowid is not None
    return cursor.lastrowid


def _as_withdrawn(record: TrainingRecord) -> LostRunRecord:
    assert record.error is not None
    return LostRunRecord(
        key=record.key,
        kind="error",
        reason=record.error,
        wall_s=record.wall_s,
        worker=record.worker,
        started_at=record.started_at,
        withdrawn=True,
    )
