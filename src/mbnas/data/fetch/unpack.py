"""A tar archive unpacked without trusting it: regular files and folders, in one folder.

All that the archive lists is looked at before anything is written. Files are then written from
their bytes alone, and not by ``tarfile``'s own extraction, whose filters some Pythons that mbnas
runs on lack: owners, modes, links and devices have no way onto the disk.
"""

from __future__ import annotations

import os
import shutil
import tarfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from mbnas.data.fetch.transfer import Progress
from mbnas.errors import DownloadError
from mbnas.machine.files import size_text

_RESOURCES = "._"
"""How the files begin that macOS puts beside others, with what is of use there alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entry:
    """What of an archive is unpacked: its place, and its file unless it is a folder."""

    place: PurePosixPath
    file: tarfile.TarInfo | None


def unpack(archive: Path, folder: Path, *, top: str, progress: Progress | None = None) -> Path:
    """Unpack an archive whose one folder is ``top``; return that folder, inside ``folder``.

    Args:
        archive: A tar file, compressed or not.
        folder: Where to unpack; it is made, and removed again on any error.
        top: The folder that holds everything in the archive.
        progress: Told of bytes written.

    Raises:
        DownloadError: if the archive is damaged, holds anything but files and folders, a name
            that leads out of ``top``, or more than the disk has room for.
        OSError: if ``folder`` cannot be written.
    """
    folder.mkdir(parents=True)
    try:
        with tarfile.open(archive) as opened:
            entries = tuple(_entries(opened, archive, top))
            _check_room(entries, folder, archive)
            _write(opened, entries, folder, progress or (lambda done, total: None))
    except (tarfile.TarError, EOFError, zlib.error, ValueError) as error:
        shutil.rmtree(folder)
        raise DownloadError(
            f"{archive} is no tar archive, or a damaged one ({error}). Remove it and fetch it "
            "again."
        ) from error
    except BaseException:
        shutil.rmtree(folder)
        raise
    return folder / top


def _entries(opened: tarfile.TarFile, archive: Path, top: str) -> Iterator[_Entry]:
    """Yield what is to be unpacked.

    Raises:
        DownloadError: at the first entry that is not to be trusted.
    """
    is_empty = True
    for member in opened:
        place = PurePosixPath(member.name)
        if place.is_absolute() or ".." in place.parts:
            raise _refused(archive, member, "leads out of the folder it is unpacked to")
        if not member.isfile() and not member.isdir():
            raise _refused(archive, member, "is neither a file nor a folder")
        if place == PurePosixPath() or any(part.startswith(_RESOURCES) for part in place.parts):
            continue
        if place.parts[0] != top or (place.parts == (top,) and not member.isdir()):
            raise _refused(archive, member, f"does not lie in the folder {top}")
        is_empty = False
        yield _Entry(place=place, file=None if member.isdir() else member)
    if is_empty:
        raise DownloadError(f"{archive} holds no folder {top}. Take it from somewhere else.")


def _refused(archive: Path, member: tarfile.TarInfo, why: str) -> DownloadError:
    return DownloadError(
        f"{archive} holds {member.name!r}, which {why}: nothing was unpacked. Take the dataset "
        "from somewhere else."
    )


def _check_room(entries: tuple[_Entry, ...], folder: Path, archive: Path) -> None:
    """Refuse an archive that promises more than there is room for, be it by a trick or not."""
    needed = sum(entry.file.size for entry in entries if entry.file is not None)
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise DownloadError(
            f"The disk of {folder} has {size_text(free)} free, and {size_text(needed)} are needed "
            f"to unpack {archive.name}. Free some space and run the same command again."
        )


def _write(
    opened: tarfile.TarFile, entries: tuple[_Entry, ...], folder: Path, progress: Progress
) -> None:
    """Write files, each on the disk before the folder's name can say that it is whole."""
    done, total = 0, sum(entry.file.size for entry in entries if entry.file is not None)
    progress(done, total)
    for entry in entries:
        path = folder / entry.place
        if entry.file is None:
            path.mkdir(parents=True, exist_ok=True)
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        source = opened.extractfile(entry.file)
        assert source is not None
        with source, path.open("wb") as file:
            shutil.copyfileobj(source, file)
            file.flush()
            os.fsync(file.fileno())
        done += entry.file.size
        progress(done, total)
