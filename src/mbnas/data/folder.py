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
from contextlib import contextmanager
from pathlib import Path

_PARTIAL = ".partial"


@contextmanager
def making_folder(final: Path) -> Iterator[Path | None]:
    """Yield a folder to fill, which becomes ``final`` on success, or ``None`` if that exists.

    Waits while another process makes a folder beside it. On any error nothing is left
    behind, the parent folder included if it was made here.

    Raises:
        OSError: if the folder cannot be made.
    """
    parent = final.parent
    is_new = not parent.exists()
    parent.mkdir(parents=True, exist_ok=True)
    try:
        with _locked(parent):
            for leftover in parent.glob(f".*{_PARTIAL}"):
                shutil.rmtree(leftover)
            if final.exists():
                yield None
                return
            aside = parent / f".{final.name}{_PARTIAL}"
            aside.mkdir()
            try:
                yield aside
                _sync(aside)
                aside.rename(final)
            finally:
                shutil.rmtree(aside, ignore_errors=True)
    finally:
        if is_new and not any(parent.iterdir()):
            parent.rmdir()


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
