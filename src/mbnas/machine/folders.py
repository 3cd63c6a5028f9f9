"""Creates folders completely or not at all, one process at a time.

A folder is filled under a temporary name in the same parent folder, and renamed when complete. A
kernel lock on the parent folder, which ends with its holder, lets only one process create folders
there; a temporary folder found under the lock was therefore left by a killed process.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from mbnas.errors import UsageError, WriteError
from mbnas.machine.files import is_temporary, real_path, temporary_name, writing


@contextmanager
def making_folder(final: Path) -> Iterator[Path | None]:
    """Yield a folder to fill, which becomes ``final`` on success, or ``None`` if that exists.

    Wait while another process creates a folder in the same parent. On any error nothing is left
    behind, not even parent folders that were created here.

    Raises:
        WriteError: if the folder cannot be created.
    """
    parent = final.parent
    made = [each for each in (parent, *parent.parents) if not each.exists()]
    with writing(final):
        try:
            parent.mkdir(parents=True, exist_ok=True)
            with _locked(parent):
                _remove_leftovers(parent)
                if final.exists():
                    yield None
                    return
                temporary = parent / temporary_name(final.name)
                temporary.mkdir()
                try:
                    yield temporary
                    _sync(temporary)
                    temporary.rename(final)
                except WriteError as error:
                    error.args = (str(error).replace(str(temporary), str(final)),)
                    raise
                finally:
                    shutil.rmtree(temporary, ignore_errors=True)
        finally:
            for folder in made:
                with suppress(OSError):  # it is not empty
                    folder.rmdir()


@contextmanager
def making_new_folder(final: Path) -> Iterator[Path | None]:
    """Yield a folder as :func:`making_folder` does; ``final`` may also exist if it is empty.

    Raises:
        WriteError: if the folder cannot be created.
    """
    with writing(final):
        if final.is_dir() and not any(final.iterdir()):
            final.rmdir()
    with making_folder(final) as temporary:
        yield temporary


def _remove_leftovers(parent: Path) -> None:
    """Remove the temporary folders of killed processes; the lock on ``parent`` is held."""
    for entry in os.scandir(parent):
        if is_temporary(entry.name) and entry.is_dir(follow_symlinks=False):
            shutil.rmtree(entry.path, ignore_errors=True)


@contextmanager
def _locked(directory: Path) -> Iterator[None]:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _sync(directory: Path) -> None:
    """Sync all files of a folder to the disk before it gets its final name."""
    for path in directory.rglob("*"):
        if path.is_file():
            with path.open("rb") as file:
                os.fsync(file.fileno())


@contextmanager
def exporting(out: Path) -> Iterator[Path]:
    """Yield a folder to fill, which becomes ``out`` on success; on any error nothing is left.

    Args:
        out: A folder that does not exist or is empty.

    Raises:
        UsageError: if it exists and is not empty.
    """
    out = real_path(out)
    with making_new_folder(out) as temporary:
        if temporary is None:
            raise UsageError(f"{out} exists and is not empty: choose another folder, or remove it.")
        yield temporary
