"""Files that are either whole or absent, and one sentence for every disk that refuses them.

A file is written aside, beside its place, and renamed. While its writer lives it holds a lock
on the file aside, so a file aside without a lock was left by a process that was killed, on
whatever machine: :func:`ready_folder` removes it.
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

_ASIDE = ".mbnas-"
_RANDOM_DIGITS = 8
_NAME_BYTES = 255  # the most that common file systems allow

_DEVICES = ("/dev", "/dev/fd", "/proc/self/fd")

_OF_THE_FILE = (errno.ENAMETOOLONG, errno.EFBIG, errno.EISDIR, errno.ELOOP, errno.EINVAL)


@contextmanager
def replacing(path: Path, *, needed_bytes: int | None = None) -> Iterator[Path]:
    """Yield a path beside ``path`` to write to; it takes ``path``'s place on success.

    On any error, a full disk included, the file written aside is removed and what stood at
    ``path`` before is untouched. A device or a pipe at ``path`` is yielded itself.

    Args:
        path: The file to create or replace. Its suffixes are kept by the path yielded, so
            that writers which look at them behave the same. Writers must keep the file that
            is there, which is empty and has the mode that the umask gives.
        needed_bytes: How much room the file needs, where that is known.

    Raises:
        WriteError: if the system refuses it.
    """
    with writing(path, needed_bytes=needed_bytes):
        if _is_device(path):
            yield path
            return
        aside, descriptor = _open_aside(path)
        try:
            yield aside
            os.fsync(descriptor)
            aside.replace(path)
        finally:
            aside.unlink(missing_ok=True)
            os.close(descriptor)


def write_bytes(path: Path, content: bytes) -> None:
    """Write ``content`` to ``path``, whole or not at all.

    Raises:
        WriteError: if the system refuses it.
    """
    with replacing(path, needed_bytes=len(content)) as aside:
        aside.write_bytes(content)


def write_text(path: Path, text: str) -> None:
    """Write ``text`` to ``path`` in UTF-8, whole or not at all.

    Raises:
        WriteError: if the system refuses it.
    """
    write_bytes(path, text.encode())


def ready_folder(folder: Path) -> None:
    """Have a folder to write to, without the files aside that killed processes left there.

    Raises:
        WriteError: if it cannot be made.
    """
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    remove_leftovers(folder)


def remove_leftovers(folder: Path) -> None:
    """Remove the files aside in a folder whose writers are gone.

    Those of living processes stay, as do all of them on a file system without locks.
    """
    written: dict[str, list[Path]] = {}
    with suppress(OSError):
        for entry in os.scandir(folder):
            if is_aside(entry.name) and entry.is_file(follow_symlinks=False):
                written.setdefault(entry.name.split(".")[1], []).append(Path(entry.path))
    for paths in written.values():
        first, *beside = sorted(paths)  # SQLite's journal lies beside the file, without a lock
        with suppress(OSError):
            _remove_unless_locked(first)
            for path in beside:
                path.unlink(missing_ok=True)


def real_path(path: Path) -> Path:
    """Return where a path leads; ``Path.resolve`` raises where links lead round in a circle."""
    return Path(os.path.realpath(path))


def is_aside(name: str) -> bool:
    """Whether a name is one that files and folders have while they are written.

    >>> is_aside(".mbnas-0a1b2c3d.study.toml"), is_aside(".study.toml")
    (True, False)
    """
    return name.startswith(_ASIDE)


def name_aside(name: str) -> str:
    """Return a name, used by nothing else, for what takes the name ``name`` once it is whole."""
    start = f"{_ASIDE}{secrets.token_hex(_RANDOM_DIGITS // 2)}."
    kept = name.encode(errors="surrogateescape")[-(_NAME_BYTES - len(start)) :]
    return start + kept.decode(errors="surrogateescape")


@contextmanager
def writing(path: Path, *, needed_bytes: int | None = None) -> Iterator[None]:
    """Turn the system's refusal to write ``path`` into a sentence.

    Args:
        path: The file or folder, for the sentence.
        needed_bytes: How much room it needs, where that is known.

    Raises:
        WriteError: in place of any ``OSError``.
    """
    try:
        yield
    except OSError as error:
        raise refusal(path, error, needed_bytes=needed_bytes) from error


def refusal(path: Path, error: OSError, *, needed_bytes: int | None = None) -> WriteError:
    """Return why ``path`` cannot be written and what to do about it.

    Args:
        path: The file or folder.
        error: What the system said.
        needed_bytes: How much room it needs, where that is known.
    """
    refused = WriteError(_sentence(str(path), error, _room(path, needed_bytes)))
    refused.of_place = error.errno not in _OF_THE_FILE
    return refused


def refusal_to_print(error: OSError) -> WriteError:
    """Return why a command's output cannot be written, wherever standard output leads."""
    return WriteError(_sentence("what this command prints", error, ""))


def size_text(num_bytes: int) -> str:
    """Return a number of bytes as people read it.

    >>> size_text(229_000_000), size_text(812)
    ('229.0 MB', '812 bytes')
    """
    for unit, size in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if num_bytes >= size:
            return f"{num_bytes / size:.1f} {unit}"
    return f"{num_bytes} bytes"


def _sentence(path: str, error: OSError, room: str) -> str:
    again = "and run the same command again"
    match error.errno:
        case errno.ENOSPC:
            return f"The disk is full: {path} cannot be written{room}. Free some space {again}."
        case errno.EDQUOT:
            return (
                f"Your quota of the disk is used up: {path} cannot be written. Remove files of "
                f"yours, or have the quota raised, {again}."
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
            why, remedy = "its links lead to one another", "Remove them"
        case errno.ENOENT:
            why, remedy = "its folder does not exist", "Make it"
        case errno.ENOTDIR | errno.EEXIST:
            why, remedy = "a file stands where a folder is needed", "Remove it"
        case errno.EIO:
            why, remedy = "the disk reports an error", "Check the disk"
        case _:
            why, remedy = error.strerror or str(error), ""
    remedy = f"{remedy}, or choose another place" if remedy else "Choose another place"
    return f"{path} cannot be written: {why}. {remedy}."


def _room(path: Path, needed_bytes: int | None) -> str:
    """Return how much room there is and how much is needed, as far as that is known."""
    place = next((each for each in path.absolute().parents if each.exists()), Path("/"))
    try:
        disk = os.statvfs(place)
    except OSError:
        return ""
    free = disk.f_bavail * disk.f_frsize
    if disk.f_files and not disk.f_favail:
        return ", as the disk has as many files as it can hold"
    if needed_bytes is None:
        return f" ({size_text(free)} are left)"
    return f" (it needs {size_text(needed_bytes)}, and {size_text(free)} are left)"


def _is_device(path: Path) -> bool:
    """Whether a name is taken by something that can be written to and is no file, like a pipe."""
    if str(path.absolute().parent) in _DEVICES:
        return True  # also /dev/stdout, which may lead to a file
    try:
        mode = path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


def _open_aside(path: Path) -> tuple[Path, int]:
    """Make an empty file beside ``path`` and lock it, where the file system has locks."""
    while True:
        aside = path.with_name(name_aside(path.name))
        descriptor = os.open(aside, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
        with suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        if os.fstat(descriptor).st_nlink:
            return aside, descriptor
        os.close(descriptor)  # it was taken for a leftover before it had its lock


def _remove_unless_locked(aside: Path) -> None:
    """Remove a file aside.

    Raises:
        OSError: if it is locked, as its writer lives, or cannot be opened, locked or removed.
    """
    descriptor = os.open(aside, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        aside.unlink(missing_ok=True)
    finally:
        os.close(descriptor)
