"""An open ledger file: its transactions, and rows that become values."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

from mbnas.errors import StudyError
from mbnas.study.ledger.columns import InvalidRow, valid_values
from mbnas.study.ledger.rows import lost_run_record, network_record, training_record
from mbnas.study.ledger.sqlite_file import damaged, readable_errors

Value = TypeVar("Value")


class LedgerFile:
    """A ledger's open SQLite file.

    Every method raises :class:`StudyError` where the file cannot be read or written.

    Attributes:
        path: The file.
        connection: The connection to it.
    """

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self.path = path
        self.connection = connection

    @contextmanager
    def transaction(self, begin: str = "BEGIN IMMEDIATE") -> Iterator[sqlite3.Connection]:
        """Commit what is written inside, all or nothing."""
        connection = self.connection
        with readable_errors(self.path, read_only=begin == "BEGIN"):
            connection.execute(begin)
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Let all queries inside read one state, whatever another process writes meanwhile."""
        if self.connection.in_transaction:
            yield self.connection
            return
        with self.transaction("BEGIN") as connection:
            yield connection

    def values(
        self, table: str, rows: Iterable[sqlite3.Row], convert: Callable[[sqlite3.Row], Value]
    ) -> Iterator[Value]:
        """Yield the values of a table's rows.

        Raises:
            StudyError: at the first invalid row.
        """
        try:
            yield from valid_values(table, rows, convert)
        except InvalidRow as error:
            raise self.damaged(str(error)) from error

    def damaged(self, finding: str) -> StudyError:
        """Return the error that says what is wrong and how much of the file can be read."""
        return damaged(self.path, finding, readable=self._num_readable())

    def _num_readable(self) -> str:
        """Return how many rows of every table can be read, as text."""
        parts = []
        for table, convert in _CONVERSIONS.items():
            with suppress(StudyError), self.reading() as connection:
                rows = connection.execute(f"SELECT * FROM {table}").fetchall()
                num_valid = sum(_is_valid(table, row, convert) for row in rows)
                parts.append(f"{num_valid} of {len(rows)} rows of {table}")
        return ", ".join(parts)


_CONVERSIONS: dict[str, Callable[[sqlite3.Row], object]] = {
    "study": lambda row: row["key"],
    "networks": network_record,
    "evaluations": lambda row: row["number"],
    "trainings": training_record,
    "failures": lost_run_record,
}


def _is_valid(table: str, row: sqlite3.Row, convert: Callable[[sqlite3.Row], object]) -> bool:
    try:
        return any(True for _ in valid_values(table, [row], convert))
    except InvalidRow:
        return False
