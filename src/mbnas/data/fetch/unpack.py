"""Unpacks a tar archive that is not trusted: only regular files and folders, in one folder.

All entries are checked before anything is written. Only the bytes of files are then written, not
by ``tarfile``'s own extraction, whose filters some supported versions of Python lack: owners,
modes, links and devices are never restored.
"""

from __future__ import annotations

import os
import shutil
import tarfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from mbnas.data.fetch.transfer import ByteCallback
from mbnas.errors import DownloadError
from mbnas.machine.files import size_text

_MACOS_PREFIX = "._"
"""Prefix of files with metadata that macOS adds next to others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entry:
    """An entry to unpack: its path, and its file unless it is a folder."""

    place: PurePosixPath
    file: tarfile.TarInfo | None


def unpack(archive: Path, folder: Path, *, top: str, progress: ByteCallback | None = None) -> Path:
    """Unpack an archive with the single folder ``top``; return that folder, inside ``folder``.

    Args:
        archive: A tar file, compressed or not.
        folder: Folder to create; it is removed on any error.
        top: The folder that contains everything in the archive.
        progress: Called as bytes are written.

    Raises:
        DownloadError: if the archive is damaged, has entries other than files and folders, has
            a name that leads out of ``top``, or does not fit on the disk.
        OSError: if ``folder`` cannot be written.
    """
    folder.mkdir(parents=True)
    try:
        with tarfile.open(archive) as opened:
            entries = tuple(_entries(opened, archive, top))
            _check_fits(entries, folder, archive)
            _write(opened, entries, folder, progress)
    except (tarfile.TarError, EOFError, zlib.error, ValueError) as error:
        shutil.rmtree(folder)
        raise DownloadError(
            f"{archive} is not a tar archive, or is damaged ({error}). Remove it and fetch it "
            "again."
        ) from error
    except BaseException:
        shutil.rmtree(folder)
        raise
    return folder / top


def _entries(opened: tarfile.TarFile, archive: Path, top: str) -> Iterator[_Entry]:
    """Yield the entries to unpack.

    Raises:
        DownloadError: at the first entry that cannot be trusted.
    """
    is_empty = True
    for member in opened:
        place = PurePosixPath(member.name)
        if place.is_absolute() or ".." in place.parts:
            raise _refused(archive, member, "leads out of the folder it is unpacked to")
        if not member.isfile() and not member.isdir():
            raise _refused(archive, member, "is neither a file nor a folder")
        if place == PurePosixPath() or any(part.startswith(_MACOS_PREFIX) for part in place.parts):
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


def _check_fits(entries: tuple[_Entry, ...], folder: Path, archive: Path) -> None:
    """Check that the announced contents of an archive fit on the disk."""
    needed = sum(entry.file.size for entry in entries if entry.file is not None)
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise DownloadError(
            f"The disk of {folder} has {size_text(free)} free, and {size_text(needed)} are needed "
            f"to unpack {archive.name}. Free some space and run the same command again."
        )


def _write(
    opened: tarfile.TarFile,
    entries: tuple[_Entry, ...],
    folder: Path,
    progress: ByteCallback | None,
) -> None:
    """Write files, and sync each before the folder gets its final name."""
    done, total = 0, sum(entry.file.size for entry in entries if entry.file is not None)
    if progress is not None:
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
        if progress is not None:
            progress(done, total)
