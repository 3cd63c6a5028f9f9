"""The ledger: every network, evaluation, training, epoch and final prediction of a study.

It is the only record of a study's progress. Constraints of the file keep a training from being
recorded twice, and transactions keep it from being recorded in part.
``docs/internals/ledger.md`` describes its schema.

One process writes, which :mod:`mbnas.study.lock` ensures; any number may read meanwhile.
:mod:`mbnas.study.ledger.sqlite_file` says how the file survives crashes.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType

from mbnas.errors import StudyError
from mbnas.network.architecture import Architecture
from mbnas.search.searcher import Proposal
from mbnas.study.ledger.facts import RETRYING
from mbnas.study.ledger.ledger_file import LedgerFile
from mbnas.study.ledger.ledger_reader import OF_KEY, LedgerReader, key_values
from mbnas.study.ledger.rows import (
    epoch_row,
    lost_run_values,
    training_record,
    training_values,
    volume_row,
)
from mbnas.study.ledger.snapshot import EvaluationRecord
from mbnas.study.ledger.sqlite_file import TIMEOUT_S, create_file, open_file
from mbnas.training.training_record import LostRunRecord, TrainingRecord


class Ledger(LedgerReader):
    """A study's ledger, open until :meth:`close` or the end of a ``with``.

    Every ``record_…`` method returns once the record is safe on disk. Every method raises
    :class:`StudyError` where the file cannot be read or written.
    """

    @classmethod
    def create(cls, path: Path) -> Ledger:
        """Create an empty ledger at ``path`` and return it, open for writing.

        Raises:
            StudyError: if the file exists, or cannot be written.
        """
        create_file(path)
        return cls.open(path)

    @classmethod
    def open(cls, path: Path, read_only: bool = False, *, timeout_s: float = TIMEOUT_S) -> Ledger:
        """Return the ledger at ``path``.

        Args:
            path: The file; it must exist.
            read_only: Whether to read only, which is possible while a search writes.
            timeout_s: How long any method waits while another process has the file locked.

        Raises:
            StudyError: if the file is missing, not a ledger, damaged, from another mbnas,
                locked, or not writable though it should be.
        """
        return cls(LedgerFile(path, open_file(path, read_only=read_only, timeout_s=timeout_s)))

    def close(self) -> None:
        """Close the file; closing twice is allowed."""
        self.file.connection.close()

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
        """Set one fact, replacing its value."""
        self.set_facts({key: value})

    def set_facts(self, facts: Mapping[str, str]) -> None:
        """Set several facts, all or none, replacing their values."""
        with self.file.transaction() as connection:
            _set_facts(connection, facts)

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
        """Record a network, or add costs to a recorded one."""
        with self.file.transaction() as connection:
            _enter_network(connection, architecture)
            connection.execute(
                "UPDATE networks SET parameters = coalesce(?, parameters), "
                "macs = coalesce(?, macs), macs_32 = coalesce(?, macs_32), "
                "latency_ms = coalesce(?, latency_ms) WHERE digest = ?",
                (parameters, macs, macs_32, latency_ms, architecture.digest),
            )

    def record_evaluation(self, record: EvaluationRecord) -> None:
        """Record an evaluation, with its network and incumbent.

        Raises:
            StudyError: if the number or the network has an evaluation already.
        """
        incumbent = record.incumbent
        with self.file.transaction() as connection:
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
                        record.proposal,
                    ),
                )
            except sqlite3.IntegrityError as error:
                raise StudyError(
                    f"Evaluation {record.number} (network {record.network}) cannot be recorded in "
                    f"{self.path}: numbers start at 1, and number and network occur once."
                ) from error

    def record_proposal(self, number: int, proposal: Proposal) -> None:
        """Record a search's proposal with its networks, replacing that of the same number.

        Args:
            number: Place in the order of the search, from 1.
            proposal: What was asked for.
        """
        incumbent = proposal.incumbent
        with self.file.transaction() as connection:
            for genotype in (*proposal.genotypes, incumbent):
                if genotype is not None:
                    _enter_network(connection, genotype)
            connection.execute("DELETE FROM proposed WHERE proposal = ?", (number,))
            connection.execute(
                "INSERT OR REPLACE INTO proposals VALUES (?, ?, ?, ?)",
                (
                    number,
                    proposal.why,
                    None if incumbent is None else incumbent.digest,
                    proposal.initialisations,
                ),
            )
            connection.executemany(
                "INSERT INTO proposed VALUES (?, ?, ?)",
                [(number, place, each.digest) for place, each in enumerate(proposal.genotypes, 1)],
            )

    # Trainings

    def record_training(self, record: TrainingRecord) -> None:
        """Record a training with all its epochs and volumes, in one transaction.

        Raises:
            StudyError: if this training is recorded already, or its network is unknown.
        """
        key = record.key
        with self.file.transaction() as connection:
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
                    f"{self.path} has {key} already: no training is recorded twice."
                ) from error
            connection.executemany(
                "INSERT INTO epochs VALUES (?, ?, ?, ?, ?)",
                [epoch_row(training, epoch) for epoch in record.epochs],
            )
            connection.executemany(
                "INSERT INTO volumes VALUES (?, ?, ?, ?, ?, ?)",
                [volume_row(training, volume) for volume in record.volumes],
            )

    def record_lost_run(self, record: LostRunRecord) -> None:
        """Record a lost run; its training may be run again."""
        with self.file.transaction() as connection:
            _insert(connection, "failures", lost_run_values(record))

    # Retries

    def withdraw_failed(self) -> None:
        """Begin a retry: remove every failed training, so that it is run again.

        The failures stay recorded, as lost runs that no longer count. The retry is under way,
        also for later processes, until :meth:`end_retry`.
        """
        with self.file.transaction() as connection:
            failed = connection.execute(
                "SELECT * FROM trainings WHERE error IS NOT NULL ORDER BY id"
            ).fetchall()
            records: list[TrainingRecord] = list(
                self.file.values("trainings", failed, training_record)
            )
            for row, record in zip(failed, records, strict=True):
                connection.execute(
                    f"UPDATE failures SET withdrawn = 1 WHERE {OF_KEY}", key_values(record.key)
                )
                _insert(connection, "failures", lost_run_values(_as_withdrawn(record)))
                for table in ("epochs", "volumes"):
                    connection.execute(f"DELETE FROM {table} WHERE training = ?", (row["id"],))
                connection.execute("DELETE FROM trainings WHERE id = ?", (row["id"],))
            if failed:
                _set_facts(connection, {RETRYING: "failed trainings"})

    def end_retry(self, *, forget_from: int | None) -> None:
        """End a retry, and remove the search's evaluations from some number on.

        Args:
            forget_from: Number of the first evaluation to remove, with all later ones and their
                proposals; their trainings stay, and the search is no longer finished. ``None``
                removes none.
        """
        with self.file.transaction() as connection:
            if forget_from is not None:
                (first,) = connection.execute(
                    "SELECT min(batch) FROM evaluations WHERE number >= ?", (forget_from,)
                ).fetchone()
                connection.execute("DELETE FROM evaluations WHERE number >= ?", (forget_from,))
                connection.execute("DELETE FROM proposed WHERE proposal >= ?", (first,))
                connection.execute("DELETE FROM proposals WHERE number >= ?", (first,))
                _set_facts(connection, {"state": "stopped"})
            connection.execute("DELETE FROM study WHERE key = ?", (RETRYING,))


def _set_facts(connection: sqlite3.Connection, facts: Mapping[str, str]) -> None:
    connection.executemany("INSERT OR REPLACE INTO study VALUES (?, ?)", facts.items())


def _enter_network(connection: sqlite3.Connection, architecture: Architecture) -> None:
    connection.execute(
        "INSERT INTO networks (digest, architecture) VALUES (?, ?) ON CONFLICT (digest) DO NOTHING",
        (architecture.digest, str(architecture)),
    )


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
