"""A folder that is whole or absent, made by one process at a time.

It is made under a hidden name beside its place and takes its final name when complete.
A kernel lock on the parent folder, which ends with its holder, lets one process make
folders at a time; what a killed one left behind is therefore known to be nobody's.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from mbnas.errors import UsageError, WriteError
from mbnas.machine.files import is_aside, name_aside, real_path, writing


@contextmanager
def making_folder(final: Path) -> Iterator[Path | None]:
    """Yield a folder to fill, which becomes ``final`` on success, or ``None`` if that exists.

    Waits while another process makes a folder beside it. On any error nothing is left
    behind, the parent folders included if they were made here.

    Raises:
        WriteError: if the folder cannot be made.
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
                aside = parent / name_aside(final.name)
                aside.mkdir()
                try:
                    yield aside
                    _sync(aside)
                    aside.rename(final)
                except WriteError as error:
                    error.args = (str(error).replace(str(aside), str(final)),)
                    raise
                finally:
                    shutil.rmtree(aside, ignore_errors=True)
        finally:
            for folder in made:
                with suppress(OSError):  # it holds something
                    folder.rmdir()


def _remove_leftovers(parent: Path) -> None:
    """Remove the folders that killed processes were making; the lock on ``parent`` is held."""
    for entry in os.scandir(parent):
        if is_aside(entry.name) and entry.is_dir(follow_symlinks=False):
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
    """Have all files of a folder on the disk before its name says that they are whole."""
    for path in directory.rglob("*"):
        if path.is_file():
            with path.open("rb") as file:
                os.fsync(file.fileno())


@contextmanager
def exporting(out: Path) -> Iterator[Path]:
    """Yield a folder to fill, which becomes ``out`` on success; on any error nothing is left.

    Args:
        out: Absent, or an empty folder.

    Raises:
        UsageError: if there is something already.
    """
    out = real_path(out)
    with writing(out):
        if out.is_dir() and not any(out.iterdir()):
            out.rmdir()
    with making_folder(out) as aside:
        if aside is None:
            raise UsageError(
                f"{out} is there already and not empty: name another folder, or remove it."
            )
        yield aside
