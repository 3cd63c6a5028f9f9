"""Hold a study's directory for this process, and remove what a study that never began left."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from mbnas.errors import StudyError, WriteError
from mbnas.machine.files import ready_folder, remove_leftovers, writing
from mbnas.prediction.model.find_model import WEIGHTS
from mbnas.study.directory import (
    COMPARISON,
    FIGURES,
    LEDGER,
    LOG,
    SLICES,
    UNFINISHED_LOG,
    is_begun,
    restore_configuration,
)
from mbnas.study.lock import LOCK_NAME, study_lock


@contextmanager
def claimed_directory(
    path: Path,
    command: str,
    *,
    shared_slices: Path | None = None,
    warn: Callable[[str], None] | None = None,
) -> Iterator[None]:
    """Hold a study's directory, made if needed; remove what was made unless it becomes a study.

    A missing ``study.toml`` is restored, also if it is deleted meanwhile.

    Args:
        path: The directory.
        command: What the user started, shown to users who find the study in use.
        shared_slices: The folder that its slices become a link to, unless it has slices.
        warn: Called when a missing ``study.toml`` was restored.

    Raises:
        StudyError: if another process holds it.
        WriteError: if the directory cannot be made.
    """
    made = [each for each in (path, *path.parents) if not each.exists()]
    had_slices = os.path.lexists(path / SLICES)
    try:
        ready_folder(path)
        with study_lock(path, command):
            _tidy(path)
            restore_configuration(path, warn)
            try:
                if shared_slices is not None and not had_slices:
                    _link(path / SLICES, shared_slices)
                yield
            finally:
                if _is_disposable(path, warn):
                    _remove_traces(path, also_slices=not had_slices)
    finally:
        for folder in made:
            with suppress(OSError):  # it is not empty: it has a study, for example
                folder.rmdir()


def _is_disposable(path: Path, warn: Callable[[str], None] | None) -> bool:
    """Whether a directory is not a study, nor one that lost its ``study.toml``."""
    try:
        restore_configuration(path, warn)
        return not is_begun(path)
    except (StudyError, WriteError):
        return False  # what cannot be read may hold trainings


def _link(link: Path, target: Path) -> None:
    """Make a relative link, so that a folder that contains both can be moved."""
    with writing(link):
        link.symlink_to(os.path.relpath(target, link.parent))


def _tidy(path: Path) -> None:
    """Remove what killed processes were writing in a study."""
    for folder in (path / COMPARISON, path / FIGURES, *(path / WEIGHTS).glob("*")):
        remove_leftovers(folder)
    shutil.rmtree(path / LOG / UNFINISHED_LOG, ignore_errors=True)


def _remove_traces(path: Path, *, also_slices: bool) -> None:
    """Remove what a study that never began left, while the lock is held."""
    slices = path / SLICES
    if also_slices and slices.is_symlink():
        slices.unlink()
    elif also_slices:
        shutil.rmtree(slices, ignore_errors=True)
    for name in (LEDGER, LOCK_NAME):
        (path / name).unlink(missing_ok=True)
