"""Writes files completely or not at all, and explains why the system refuses to write.

A file is written under a temporary name in the same folder, and then renamed. Its writer holds a
lock on the temporary file. A temporary file without a lock was therefore left by a process that
was killed, on any machine, and :func:`ready_folder` removes it.
"""

from __future__ import annotations

import errno
import fcntl
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from mbnas.errors import WriteError

_TEMPORARY_PREFIX = ".mbnas-"
_RANDOM_DIGITS = 8
_NAME_BYTES = 255  # the limit of common file systems

_DEVICES = ("/dev", "/dev/fd", "/proc/self/fd")

_OF_THE_FILE = (errno.ENAMETOOLONG, errno.EFBIG, errno.EISDIR, errno.ELOOP, errno.EINVAL)


@contextmanager
def replacing(path: Path, *, needed_bytes: int | None = None) -> Iterator[Path]:
    """Yield a temporary path in the folder of ``path``, which replaces ``path`` on success.

    On any error, such as a full disk, the temporary file is removed and ``path`` is unchanged. A
    device or a pipe at ``path`` is yielded itself.

    Args:
        path: The file to create or replace. The temporary path has the same suffixes, for
            writers that depend on them. Writers must not replace the temporary file, which is
            empty and has the mode of the umask.
        needed_bytes: Size of the file, if known.

    Raises:
        WriteError: if the system refuses to write it.
    """
    with writing(path, needed_bytes=needed_bytes):
        if _is_device(path):
            yield path
            return
        temporary, descriptor = _open_temporary(path)
        try:
            yield temporary
            os.fsync(descriptor)
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
            os.close(descriptor)


def write_bytes(path: Path, content: bytes) -> None:
    """Write ``content`` to ``path``, completely or not at all.

    Raises:
        WriteError: if the system refuses to write it.
    """
    with replacing(path, needed_bytes=len(content)) as temporary:
        temporary.write_bytes(content)


def write_text(path: Path, text: str) -> None:
    """Write ``text`` to ``path`` in UTF-8, completely or not at all.

    Raises:
        WriteError: if the system refuses to write it.
    """
    write_bytes(path, text.encode())


def check_writable(path: Path) -> None:
    """Raise if a file cannot be written, before the work whose result it will have.

    Raises:
        WriteError: if the system refuses to write it now.
    """
    with writing(path):
        if _is_device(path):
            return
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        temporary, descriptor = _open_temporary(path)
        temporary.unlink(missing_ok=True)
        os.close(descriptor)


def ready_folder(folder: Path) -> None:
    """Create a folder if missing, and remove temporary files of killed processes from it.

    Raises:
        WriteError: if it cannot be created.
    """
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    remove_leftovers(folder)


def remove_leftovers(folder: Path) -> None:
    """Remove the temporary files of a folder whose writers have ended.

    Those of running processes are kept, as are all of them on a file system without locks.
    """
    written: dict[str, list[Path]] = {}
    with suppress(OSError):
        for entry in os.scandir(folder):
            if is_temporary(entry.name) and entry.is_file(follow_symlinks=False):
                written.setdefault(entry.name.split(".")[1], []).append(Path(entry.path))
    for paths in written.values():
        first, *others = sorted(paths)  # SQLite's journal is next to its file and has no lock
        with suppress(OSError):
            _remove_unless_locked(first)
            for path in others:
                path.unlink(missing_ok=True)


def real_path(path: Path) -> Path:
    """Return the target of a path; ``Path.resolve`` would raise if links form a circle."""
    return Path(os.path.realpath(path))


def is_temporary(name: str) -> bool:
    """Return whether a name is temporary, of a file or folder that is being written.

    >>> is_temporary(".mbnas-0a1b2c3d.study.toml"), is_temporary(".study.toml")
    (True, False)
    """
    return name.startswith(_TEMPORARY_PREFIX)


def temporary_name(name: str) -> str:
    """Return a unique temporary name for a file or folder that will be renamed to ``name``."""
    start = f"{_TEMPORARY_PREFIX}{secrets.token_hex(_RANDOM_DIGITS // 2)}."
    kept = name.encode(errors="surrogateescape")[-(_NAME_BYTES - len(start)) :]
    return start + kept.decode(errors="surrogateescape")


@contextmanager
def writing(path: Path, *, needed_bytes: int | None = None) -> Iterator[None]:
    """Turn any ``OSError`` into a :class:`WriteError` that explains it.

    Args:
        path: The file or folder, for the message.
        needed_bytes: Its size, if known.

    Raises:
        WriteError: in place of any ``OSError``.
    """
    try:
        yield
    except OSError as error:
        raise refusal(path, error, needed_bytes=needed_bytes) from error


def refusal(path: Path, error: OSError, *, needed_bytes: int | None = None) -> WriteError:
    """Return the error that says why ``path`` cannot be written, and what to do.

    Args:
        path: The file or folder.
        error: The error of the system.
        needed_bytes: Size of the file or folder, if known.
    """
    refused = WriteError(_message(str(path), error, _space_text(path, needed_bytes)))
    refused.of_place = error.errno not in _OF_THE_FILE
    return refused


def refusal_to_print(error: OSError) -> WriteError:
    """Return the error that says why standard output cannot be written."""
    return WriteError(_message("what this command prints", error, ""))


def size_text(num_bytes: int) -> str:
    """Return a number of bytes as text, with a unit.

    >>> size_text(229_000_000), size_text(812)
    ('229.0 MB', '812 bytes')
    """
    for unit, size in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if num_bytes >= size:
            return f"{num_bytes / size:.1f} {unit}"
    return f"{num_bytes} bytes"


def _message(path: str, error: OSError, space: str) -> str:
    again = "and run the same command again"
    match error.errno:
        case errno.ENOSPC:
            return f"The disk is full: {path} cannot be written{space}. Free some space {again}."
        case errno.EDQUOT:
            return (
                f"Your disk quota is used up: {path} cannot be written. Remove some of your files, "
                f"or have the quota raised, {again}."
            )
        case errno.EFBIG:
            why, remedy = "it is larger than a file may be here", "Raise the limit (ulimit -f)"
        case errno.EROFS:
            why, remedy = "its file system is read-only", ""
        case errno.EACCES | errno.EPERM:
            why, remedy = "you have no permission", "Change the permissions of its folder"
        case errno.ENAMETOOLONG:
            why, remedy = "its name is too long", ""
        case errno.EISDIR:
            why, remedy = "it is a folder", ""
        case errno.ELOOP:
            why, remedy = "its links form a circle", "Remove them"
        case errno.ENOENT:
            why, remedy = "its folder does not exist", "Make it"
        case errno.ENOTDIR | errno.EEXIST:
            why, remedy = "there is a file in place of a folder", "Remove it"
        case errno.EIO:
            why, remedy = "the disk reports an error", "Check the disk"
        case _:
            why, remedy = error.strerror or str(error), ""
    remedy = f"{remedy}, or choose another place" if remedy else "Choose another place"
    return f"{path} cannot be written: {why}. {remedy}."


def _space_text(path: Path, needed_bytes: int | None) -> str:
    """Return the free space and the needed space as text, as far as they are known."""
    folder = next((each for each in path.absolute().parents if each.exists()), Path("/"))
    try:
        disk = os.statvfs(folder)
    except OSError:
        return ""
    free = disk.f_bavail * disk.f_frsize
    if disk.f_files and not disk.f_favail:
        return ", as the disk has as many files as it can hold"
    if needed_bytes is None:
        return f" ({size_text(free)} are left)"
    return f" (it needs {size_text(needed_bytes)}, and {size_text(free)} are left)"


def _is_device(path: Path) -> bool:
    """Return whether a path exists and is neither a file nor a folder, such as a pipe."""
    if str(path.absolute().parent) in _DEVICES:
        return True  # also /dev/stdout, which may be a file
    try:
        mode = path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


def _open_temporary(path: Path) -> tuple[Path, int]:
    """Create an empty temporary file for ``path``, and lock it if the file system has locks."""
    while True:
        temporary = path.with_name(temporary_name(path.name))
        descriptor = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
        with suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        if os.fstat(descriptor).st_nlink:
            return temporary, descriptor
        os.close(descriptor)  # another process removed it before it was locked


def _remove_unless_locked(temporary: Path) -> None:
    """Remove a temporary file.

    Raises:
        OSError: if its writer still has it locked, or it cannot be opened, locked or removed.
    """
    descriptor = os.open(temporary, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        temporary.unlink(missing_ok=True)
    finally:
        os.close(descriptor)
