"""Tasks of the Medical Segmentation Decathlon, from their addresses to a dataset's folder.

Addresses and MD5 sums are MONAI's, read from the MONAI that is installed. A folder beside the
dataset's place holds what is fetched until the dataset is whole; a kernel lock on that folder,
which ends with its holder, keeps two processes from fetching the same.

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

from mbnas.data.fetch.transfer import discard, fetch
from mbnas.data.fetch.unpack import unpack
from mbnas.errors import DownloadError, UsageError
from mbnas.machine.files import writing

_ARCHIVE = "archive.tar"

Watch = Callable[[str, int, int | None], None]
"""Told what is done, and how many bytes of it are done, of how many if that is known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A dataset of the Decathlon, as it is offered.

    Attributes:
        name: Such as ``"Task05_Prostate"``, also the name of its folder.
        url: Where its archive is.
        md5: Sum of the archive's bytes, in hexadecimal digits.
    """

    name: str
    url: str
    md5: str

    def at(self, mirror: str) -> Task:
        """Return the task at a mirror, whose archives have their usual names.

        >>> Task(name="A", url="https://far.example/a/A.tar", md5="").at("http://near/b/").url
        'http://near/b/A.tar'

        Raises:
            UsageError: if the mirror is no address.
        """
        if urlsplit(mirror).scheme not in ("http", "https") or not urlsplit(mirror).netloc:
            raise UsageError(
                f"The mirror {mirror} must be an address that begins with http:// or https://, to "
                "which names such as Task05_Prostate.tar are added."
            )
        archive = PurePosixPath(urlsplit(self.url).path).name
        return Task(name=self.name, url=f"{mirror.rstrip('/')}/{archive}", md5=self.md5)


def tasks() -> dict[str, Task]:
    """Return all tasks by name; loads MONAI, which takes seconds."""
    from monai.apps import DecathlonDataset

    sums = DecathlonDataset.md5
    return {
        name: Task(name=name, url=url, md5=sums[name])
        for name, url in DecathlonDataset.resource.items()
    }


def find_task(name: str) -> Task:
    """Return the task of a name.

    Raises:
        UsageError: if there is none; names the nearest.
    """
    known = tasks()
    if name not in known:
        by_lower = {each.lower(): each for each in known}
        near = difflib.get_close_matches(name.lower(), by_lower, n=1, cutoff=0.5)
        others = (
            f"the nearest that it has is {by_lower[near[0]]}"
            if near
            else f"it has {', '.join(known)}"
        )
        raise UsageError(f"The Decathlon has no task {name}: {others}.")
    return known[name]


def download_task(
    task: Task, directory: Path, *, watch: Watch = lambda stage, done, total: None
) -> bool:
    """Have a task's dataset whole in ``directory``, in a folder of its name, or not at all.

    What was fetched when an error comes is kept, and the next call goes on from there.

    Args:
        task: Which dataset.
        directory: Where its folder goes; made if it is not there.
        watch: Told of progress.

    Returns:
        Whether it was fetched now; ``False`` if it was there already.

    Raises:
        DownloadError: if it cannot be fetched, does not have the sum it must have or is not to
            be trusted.
        WriteError: if it cannot be written; what was fetched is kept.
    """
    with writing(directory):
        if _is_there(directory / task.name):
            return False
        with _workplace(directory, task.name) as work:
            if _is_there(directory / task.name):  # by a process that was at it until now
                return False
            archive = work / _ARCHIVE
            fetch(task.url, archive, copies=2, progress=partial(watch, "Fetching"))
            watch("Verifying", 0, archive.stat().st_size)
            _verify(archive, task)
            progress = partial(watch, "Unpacking")
            unpacked = unpack(archive, work / "unpacked", top=task.name, progress=progress)
            unpacked.rename(directory / task.name)
            shutil.rmtree(work)
    return True


def _is_there(folder: Path) -> bool:
    """Whether a dataset stands at its place.

    Raises:
        DownloadError: if something else does.
    """
    if not folder.exists():
        return False
    if not (folder / "dataset.json").is_file():
        raise DownloadError(
            f"{folder} is there and is no dataset: it has no dataset.json. Move it away, or choose "
            "another place."
        )
    return True


def _verify(archive: Path, task: Task) -> None:
    with archive.open("rb") as file:
        found = hashlib.file_digest(file, partial(hashlib.md5, usedforsecurity=False)).hexdigest()
    if found != task.md5:
        discard(archive)
        raise DownloadError(
            f"What {task.url} sent has the MD5 sum {found}, not {task.md5}: it is damaged or "
            "another file, and was removed. Run the same command again, or take it from a mirror."
        )


@contextmanager
def _workplace(directory: Path, name: str) -> Iterator[Path]:
    """Yield a folder held by this process, kept afterwards if something was fetched to it."""
    made = [each for each in (directory, *directory.parents) if not each.exists()]
    work = directory / f".{name}.download"
    try:
        work.mkdir(parents=True, exist_ok=True)
        with _held(work):
            shutil.rmtree(work / "unpacked", ignore_errors=True)  # by one that was killed
            try:
                yield work
            finally:
                if (work / _ARCHIVE).exists() and not (work / _ARCHIVE).stat().st_size:
                    discard(work / _ARCHIVE)
                with suppress(OSError):  # it holds something to go on from, or is gone
                    work.rmdir()
    finally:
        for folder in made:
            with suppress(OSError):
                folder.rmdir()


@contextmanager
def _held(folder: Path) -> Iterator[None]:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise DownloadError(
                f"Another process is fetching to {folder}: one at a time may. Wait until it ends."
            ) from error
        yield
    finally:
        os.close(descriptor)
