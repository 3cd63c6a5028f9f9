"""One writer per study: a lock that exists as long as the process that holds it.

The lock is the kernel's (``flock`` on ``STUDY/.lock``). It ends with its process, also if that is
killed, and a lock file that is left behind blocks nothing. The file's text names the process.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from mbnas.errors import StudyError

LOCK_NAME = ".lock"
_PATIENCE_S = 0.5  # longer than `holder_of` holds the lock


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """The process that holds a study.

    Attributes:
        pid: Process number.
        host: Name of the machine.
        command: What the user started.
        started_at: ISO 8601, in UTC.
    """

    pid: int
    host: str
    command: str
    started_at: str

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host} (`{self.command}`, since {self.started_at})"


@contextmanager
def study_lock(study: Path, command: str) -> Iterator[Holder]:
    """Hold a study for this process only.

    Args:
        study: The study's directory; it must exist.
        command: What the user started, shown to users who find the study in use.

    Raises:
        StudyError: if another process holds the study, or the directory is missing,
            read-only, full, or on a file system without locks.
    """
    holder = Holder(
        pid=os.getpid(),
        host=socket.gethostname(),
        command=command,
        started_at=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    descriptor = _locked(study)
    try:
        try:
            _write(descriptor, json.dumps(asdict(holder)), study)
            yield holder
        finally:
            with suppress(OSError):
                os.ftruncate(descriptor, 0)
    finally:
        os.close(descriptor)  # which releases the lock


def holder_of(study: Path) -> Holder | None:
    """Return the process that holds a study now, ``None`` if none does.

    Its ``pid`` is 0 if it has the lock and has not written its name yet.

    Raises:
        StudyError: if the lock cannot be read.
    """
    try:
        descriptor = os.open(study / LOCK_NAME, os.O_RDONLY)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _unusable(study, error) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _read(descriptor)
    except OSError as error:
        raise _unusable(study, error) from error
    else:
        return None
    finally:
        os.close(descriptor)


def _locked(study: Path) -> int:
    """Return the descriptor of the lock file, locked, and not removed meanwhile."""
    while True:
        descriptor = _open(study)
        try:
            _acquire(descriptor, study)
            if os.fstat(descriptor).st_nlink:
                return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)  # its holder removed it, as its study never began


def _open(study: Path) -> int:
    try:
        return os.open(study / LOCK_NAME, os.O_RDWR | os.O_CREAT, 0o666)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise StudyError(
            f"There is no study directory {study}. Start a study with `mbnas search DATASET STUDY`."
        ) from error
    except OSError as error:
        raise _unusable(study, error) from error


def _acquire(descriptor: int, study: Path) -> None:
    deadline = time.monotonic() + _PATIENCE_S
    while True:
        try:
            return fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            if time.monotonic() > deadline:
                raise StudyError(
                    f"{study} is in use by {_read(descriptor)}: one process at a time may write "
                    "a study. Wait until it ends, or end it; `mbnas status` works meanwhile."
                ) from error
            time.sleep(_PATIENCE_S / 10)
        except OSError as error:
            raise _unusable(study, error) from error


def _read(descriptor: int) -> Holder:
    try:
        return Holder(**json.loads(os.pread(descriptor, 65536, 0)))
    except (ValueError, TypeError):  # locked, and its name not written yet
        return Holder(pid=0, host="unknown", command="unknown", started_at="just now")


def _write(descriptor: int, text: str, study: Path) -> None:
    """Write the holder's name, or remove the lock file, which may be new."""
    try:
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, text.encode(), 0)
    except OSError as error:
        with suppress(OSError):
            (study / LOCK_NAME).unlink()  # a waiting process makes another
        raise _unusable(study, error) from error


def _unusable(study: Path, error: OSError) -> StudyError:
    match error.errno:
        case errno.EACCES | errno.EPERM | errno.EROFS:
            return StudyError(
                f"{study} is read-only and a study must be written. Change its permissions, or "
                "copy the study to a place where you may write."
            )
        case errno.ENOSPC | errno.EDQUOT:
            return StudyError(
                f"The disk is full: nothing can be written to {study}. Free some space and run "
                "the same command again."
            )
        case errno.ENOLCK | errno.EOPNOTSUPP | errno.ENOSYS:
            return StudyError(
                f"{study} is on a file system without locks ({error.strerror}). Put the study on "
                "another disk, or mount this one with locks."
            )
        case _:
            return StudyError(f"{study} cannot be locked: {error.strerror}.")
