"""A ledger's SQLite file: how it is created and opened, and its errors as sentences.

**Why a rollback journal and not a write-ahead log.** A write-ahead log needs memory shared by
all processes that have the file open: it fails between machines on a network file system, and
in a read-only directory even reading fails. Its last commits are in a second file, which a copy
of the ledger lacks. Its one gain, readers that never wait for the writer, is small here: a search
writes for a few milliseconds every few seconds, and both sides wait for each other up to
``timeout_s``.

**Why** ``synchronous = EXTRA``: a commit ends with the removal of the journal. FULL makes the
file's contents durable, EXTRA also that removal, so that not even a power cut undoes a training
that was recorded.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from mbnas.errors import StudyError
from mbnas.machine.files import replacing
from mbnas.study.ledger.schema import APPLICATION_ID, SCHEMA, SCHEMA_VERSION

TIMEOUT_S = 30.0


def create_file(path: Path) -> None:
    """Create an empty ledger at ``path``, whole or not at all.

    Raises:
        StudyError: if the file exists, or cannot be written.
    """
    if path.exists():
        raise StudyError(f"{path} exists already: open it, or choose another study directory.")
    with (
        readable_errors(path),
        replacing(path) as aside,
        closing(sqlite3.connect(aside, isolation_level=None)) as connection,
    ):
        connection.executescript(SCHEMA)
        # The journal of a ledger that was deleted would be played back into this one.
        path.with_name(f"{path.name}-journal").unlink(missing_ok=True)


def open_file(path: Path, *, read_only: bool, timeout_s: float = TIMEOUT_S) -> sqlite3.Connection:
    """Return a connection to the ledger at ``path``, after checks that it is one.

    Args:
        path: The file; it must exist.
        read_only: Whether the connection may only read. (It still rolls back an unfinished
            transaction of a killed writer, if the file is writable.) A connection that may
            write is checked by writing.
        timeout_s: How long to wait while another process has the file locked.

    Raises:
        StudyError: if the file is missing, not a ledger, damaged, from another mbnas,
            locked, or not writable though it should be.
    """
    address = f"{path.absolute().as_uri()}?mode=rw"  # falls back to reading; mode=ro never repairs
    with readable_errors(path, read_only=read_only):
        if not path.is_file():
            raise StudyError(
                f"There is no ledger at {path}. Start a study with `mbnas search DATASET STUDY`."
            )
        connection = sqlite3.connect(address, uri=True, timeout=timeout_s, isolation_level=None)
        try:
            connection.row_factory = sqlite3.Row
            connection.execute("PRAGMA foreign_keys = ON")
            connection.execute("PRAGMA synchronous = EXTRA")
            _check_version(connection, path)
            connection.execute(f"PRAGMA query_only = {read_only:d}")
            if not read_only:
                _check_writable(connection, path)
        except BaseException:
            connection.close()
            raise
    return connection


def _check_version(connection: sqlite3.Connection, path: Path) -> None:
    """Raise unless a file is a ledger of this schema."""
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if application != APPLICATION_ID or version < 1:
        raise _not_a_ledger(path)
    if version < SCHEMA_VERSION:
        raise StudyError(
            f"{path} was written by an older mbnas (schema {version}; this one reads "
            f"{SCHEMA_VERSION}). Read it with that mbnas, or search into a new directory."
        )
    if version > SCHEMA_VERSION:
        raise StudyError(
            f"{path} was written by a newer mbnas (schema {version}; this one reads "
            f"{SCHEMA_VERSION}). Update mbnas to open it."
        )


def _check_writable(connection: sqlite3.Connection, path: Path) -> None:
    """Check that the file can be written, and check all its pages."""
    connection.execute("BEGIN IMMEDIATE")
    connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
    connection.execute("COMMIT")
    (finding,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    if finding != "ok":
        raise damaged(path, finding)


@contextmanager
def readable_errors(path: Path, *, read_only: bool = False) -> Iterator[None]:
    """Turn errors of SQLite and of the system about the file ``path`` into sentences.

    Raises:
        StudyError: instead of any ``sqlite3.Error``, ``OSError`` or error of decoding.
    """
    try:
        yield
    except sqlite3.Error as error:
        raise _readable(path, error, read_only=read_only) from error
    except UnicodeDecodeError as error:  # SQLite quoted a damaged page in a message
        raise damaged(path, f"a name or a text in it is not UTF-8: {error}") from error
    except OSError as error:
        reason = error.strerror or error
        raise StudyError(f"{path} cannot be used: {reason}.") from error


def _readable(path: Path, error: sqlite3.Error, *, read_only: bool) -> StudyError:
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)
    if code == sqlite3.SQLITE_READONLY_ROLLBACK:
        return StudyError(
            f"{path} was being written when its search was killed, and cannot be repaired here: "
            "the file is read-only. Copy it together with its -journal file to a place where you "
            "may write, and read it there."
        )
    match code & 0xFF:  # the other bits are details of the cause
        case sqlite3.SQLITE_FULL:
            return StudyError(
                f"The disk is full: {path} could not be written. All that was recorded before "
                "is safe; free some space and run the same command again."
            )
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return StudyError(
                f"{path} is locked by another process. Close what has it open, such as a "
                "sqlite3 shell inside a transaction, and run the same command again."
            )
        case sqlite3.SQLITE_READONLY | sqlite3.SQLITE_CANTOPEN | sqlite3.SQLITE_PERM:
            if read_only:
                return StudyError(f"{path} cannot be read: you need permission to read the file.")
            return StudyError(
                f"{path} cannot be written: the file or its directory is read-only. Change its "
                "permissions, or copy the study to a place where you may write."
            )
        case sqlite3.SQLITE_NOTADB:
            return _not_a_ledger(path)
        case sqlite3.SQLITE_CORRUPT:
            return damaged(path, str(error))
        case sqlite3.SQLITE_IOERR:
            return StudyError(
                f"{path} could not be read or written ({error}). Check the disk, its quota and "
                "its network mount, then run the same command again."
            )
        case sqlite3.SQLITE_ERROR | sqlite3.SQLITE_MISMATCH | sqlite3.SQLITE_FORMAT:
            return damaged(path, str(error))  # a table, column or text was changed
        case _:
            return StudyError(f"{path} cannot be used: {error}.")


def _not_a_ledger(path: Path) -> StudyError:
    return StudyError(
        f"{path} is not a ledger of mbnas. Name a study directory that `mbnas search` made."
    )


def damaged(path: Path, finding: str, *, readable: str | None = None) -> StudyError:
    """Return the error of a damaged ledger: what is wrong and what to do.

    Args:
        path: The file.
        finding: What is wrong.
        readable: How many rows can be read; ``None`` if the file as a whole is damaged.
    """
    if readable is None:
        return StudyError(
            f"{path} is damaged ({finding}). Restore it from a copy, or salvage what is readable "
            f"with `sqlite3 {path} .recover`."
        )
    return StudyError(
        f"{path} is damaged ({finding.rstrip('.')}). {readable} can be read. Restore the file from "
        f"a copy, or correct the row with `sqlite3 {path}`; a training that is deleted there is "
        "run again by the next search."
    )
