"""Downloads tasks of the Medical Segmentation Decathlon.

Addresses and MD5 sums are read from the installed MONAI. A folder next to that of the dataset
contains the download until the dataset is complete. A kernel lock on it, which ends with its
holder, keeps two processes from downloading the same dataset.

Source: Antonelli et al. 2022, The Medical Segmentation Decathlon, Nature Communications 13, 4128.
"""

from __future__ import annotations

import difflib
import fcntl
import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

from mbnas.data.fetch.transfer import ByteCallback, discard, fetch
from mbnas.data.fetch.unpack import unpack
from mbnas.errors import DownloadError, UsageError
from mbnas.machine.files import writing

_ARCHIVE = "archive.tar"

StageCallback = Callable[[str, int, int | None], None]
"""Called with the current stage, its number of bytes so far, and the total if it is known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A dataset of the Decathlon, as it is published.

    Attributes:
        name: Such as ``"Task05_Prostate"``, also the name of its folder.
        url: Address of its archive.
        md5: MD5 sum of the archive, in hexadecimal digits.
    """

    name: str
    url: str
    md5: str

    def at(self, mirror: str) -> Task:
        """Return the task on a mirror, which keeps the names of the archives.

        >>> Task(name="A", url="https://far.example/a/A.tar", md5="").at("http://near/b/").url
        'http://near/b/A.tar'

        Raises:
            UsageError: if the mirror is not an address.
        """
        if urlsplit(mirror).scheme not in ("http", "https") or not urlsplit(mirror).netloc:
            raise UsageError(
                f"The mirror {mirror} must be an address that begins with http:// or https://, to "
                "which names such as Task05_Prostate.tar are added."
            )
        archive = PurePosixPath(urlsplit(self.url).path).name
        return Task(name=self.name, url=f"{mirror.rstrip('/')}/{archive}", md5=self.md5)


def tasks() -> dict[str, Task]:
    """Return all tasks by name; this imports MONAI, which takes seconds."""
    from monai.apps import DecathlonDataset

    sums = DecathlonDataset.md5
    return {
        name: Task(name=name, url=url, md5=sums[name])
        for name, url in DecathlonDataset.resource.items()
    }


def find_task(name: str) -> Task:
    """Return the task with a name.

    Raises:
        UsageError: if there is none; the message has the nearest name.
    """
    known = tasks()
    if name not in known:
        by_lower = {each.lower(): each for each in known}
        near = difflib.get_close_matches(name.lower(), by_lower, n=1, cutoff=0.5)
        others = f"the nearest is {by_lower[near[0]]}" if near else f"it has {', '.join(known)}"
        raise UsageError(f"The Decathlon has no task {name}: {others}.")
    return known[name]


def download_task(task: Task, directory: Path, *, watch: StageCallback | None = None) -> bool:
    """Download the dataset of a task to a folder of its name in ``directory``, or nothing.

    On an error, the part downloaded so far is kept, and the next call continues from there.

    Args:
        task: The dataset.
        directory: Parent of its folder; created if missing.
        watch: Called as stages and bytes advance.

    Returns:
        Whether it was downloaded; ``False`` if it existed already.

    Raises:
        DownloadError: if it cannot be downloaded, has the wrong MD5 sum or cannot be trusted.
        WriteError: if it cannot be written; the part downloaded so far is kept.
    """
    with writing(directory):
        if _exists(directory / task.name):
            return False
        with _download_folder(directory, task.name) as work:
            if _exists(directory / task.name):  # by another process, meanwhile
                return False
            archive = work / _ARCHIVE
            fetch(task.url, archive, copies=2, progress=_stage(watch, "Fetching"))
            if watch is not None:
                watch("Verifying", 0, archive.stat().st_size)
            _verify(archive, task)
            progress = _stage(watch, "Unpacking")
            unpacked = unpack(archive, work / "unpacked", top=task.name, progress=progress)
            unpacked.rename(directory / task.name)
            shutil.rmtree(work)
    return True


def _stage(watch: StageCallback | None, stage: str) -> ByteCallback | None:
    return None if watch is None else partial(watch, stage)


def _exists(folder: Path) -> bool:
    """Return whether a dataset exists.

    Raises:
        DownloadError: if the folder has something else.
    """
    if not folder.exists():
        return False
    if not (folder / "dataset.json").is_file():
        raise DownloadError(
            f"{folder} exists and is not a dataset: it has no dataset.json. Move it, or choose "
            "another folder."
        )
    return True


def _verify(archive: Path, task: Task) -> None:
    with archive.open("rb") as file:
        found = hashlib.file_digest(file, partial(hashlib.md5, usedforsecurity=False)).hexdigest()
    if found != task.md5:
        discard(archive)
        raise DownloadError(
            f"The download of {task.url} has the MD5 sum {found}, not {task.md5}: it is damaged or "
            "another file, and was removed. Run the same command again, or take it from a mirror."
        )


@contextmanager
def _download_folder(directory: Path, name: str) -> Iterator[Path]:
    """Yield a folder locked by this process, which is kept if it has a partial download."""
    made = [each for each in (directory, *directory.parents) if not each.exists()]
    work = directory / f".{name}.download"
    try:
        work.mkdir(parents=True, exist_ok=True)
        with _locked(work):
            shutil.rmtree(work / "unpacked", ignore_errors=True)  # of a killed process
            try:
                yield work
            finally:
                if (work / _ARCHIVE).exists() and not (work / _ARCHIVE).stat().st_size:
                    discard(work / _ARCHIVE)
                with suppress(OSError):  # it has a partial download, or was removed
                    work.rmdir()
    finally:
        for folder in made:
            with suppress(OSError):
                folder.rmdir()


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise DownloadError(
                f"Another process is downloading to {folder}: only one may. Wait until it ends."
            ) from error
        yield
    finally:
        os.close(descriptor)
