"""Downloads a file completely: resumes it where it was interrupted, and retries.

The version of the file that the server offered is stored next to it. A server that now offers
another version, or cannot send a part, sends the whole file again: two versions are never mixed.

Source: RFC 9110, HTTP Semantics, sections 8.8 (validators), 13.1.5 (If-Range), 14 (ranges).
"""

from __future__ import annotations

import json
import re
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, astuple, dataclass
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from mbnas.data.fetch.server_errors import TIMEOUT_S, TemporaryError, download_error
from mbnas.errors import DownloadError
from mbnas.machine.files import size_text, write_text
from mbnas.version import __version__

PAUSES_S = (1.0, 2.0, 4.0, 8.0)
"""Waits between attempts; they restart when an attempt got further than all before."""

_CHUNK_BYTES = 1 << 18
_PART = re.compile(r"bytes (?P<start>\d+)-\d+/(?P<length>\d+|\*)")

ByteCallback = Callable[[int, int | None], None]
"""Called with the number of bytes so far, and the total if it is known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """The version of a file that a server offers; ``None`` where the server does not say.

    Attributes:
        etag: Its entity tag.
        modified: When it was last modified, as the server writes it.
        length: Its length in bytes.
    """

    etag: str | None = None
    modified: str | None = None
    length: int | None = None

    @property
    def validator(self) -> str | None:
        """What a request for a part may name: a strong tag, or a date if there is no tag."""
        if self.etag is None:
            return self.modified
        return None if self.etag.startswith("W/") else self.etag

    def agrees_with(self, other: Version) -> bool:
        """Return whether all values that both have are equal.

        >>> Version(etag='"a"', length=5).agrees_with(Version(length=5))
        True
        """
        pairs = zip(astuple(self), astuple(other), strict=True)
        return all(mine == its for mine, its in pairs if None not in (mine, its))


def fetch(
    url: str,
    path: Path,
    *,
    copies: int = 1,
    progress: ByteCallback | None = None,
    pauses_s: tuple[float, ...] = PAUSES_S,
) -> None:
    """Download a file to ``path``, which may already have a part of it.

    Args:
        url: Its address, http or https.
        path: The file to write. On an error, the part downloaded so far is kept.
        copies: How many times the length of the file must fit on the disk, with its contents
            unpacked.
        progress: Called as bytes arrive.
        pauses_s: How long to wait before each further attempt.

    Raises:
        DownloadError: if the server cannot be reached, has no such file, keeps closing the
            connection, or if the file does not fit on the disk.
        OSError: if the file cannot be written.
    """
    furthest, pauses = _size(path), iter(pauses_s)
    while True:
        try:
            return _fetch_rest(url, path, copies, progress)
        except TemporaryError as error:
            if _size(path) > furthest:
                furthest, pauses = _size(path), iter(pauses_s)
            pause_s = next(pauses, None)
            if pause_s is None:
                raise DownloadError(f"{error} {_kept_message(path)}") from error
            time.sleep(pause_s)


def discard(path: Path) -> None:
    """Remove what was downloaded to ``path``, so that the next download starts again."""
    path.unlink(missing_ok=True)
    _version_file(path).unlink(missing_ok=True)


def _fetch_rest(url: str, path: Path, copies: int, progress: ByteCallback | None) -> None:
    """Download the missing bytes in one request, or in two if the existing part is unusable."""
    version = _read_version(path)
    have = _size(path) if version != Version() else 0
    if have and have == version.length:
        return
    with _answer(url, have, version) as response:
        start, offered = _sent_part(response)
        if start is not None and start in (0, have) and (not start or offered.agrees_with(version)):
            _check_fits(path, offered.length, copies)
            if not start:
                path.write_bytes(b"")
                write_text(_version_file(path), json.dumps(asdict(offered)))
            _write(response, url, path, start, offered.length, progress)
            return
    if not have:
        raise DownloadError(
            f"{url} cannot be fetched: the server sent a part that was not requested."
        )
    discard(path)
    _fetch_rest(url, path, copies, progress)


def _write(
    response: HTTPResponse,
    url: str,
    path: Path,
    start: int,
    length: int | None,
    progress: ByteCallback | None,
) -> None:
    done = start
    if progress is not None:
        progress(done, length)
    with path.open("r+b") as file:
        file.truncate(start)
        file.seek(start)
        for chunk in _chunks(response, url, None if length is None else length - start):
            file.write(chunk)
            done += len(chunk)
            if progress is not None:
                progress(done, length)


def _chunks(response: HTTPResponse, url: str, missing: int | None) -> Iterator[bytes]:
    """Yield bytes as they arrive, at most those missing: some servers keep the connection open."""
    while missing != 0:
        try:
            chunk = response.read1(min(missing or _CHUNK_BYTES, _CHUNK_BYTES))
        except (OSError, HTTPException) as error:
            raise download_error(url, error) from error
        if not chunk:
            break
        if missing is not None:
            missing -= len(chunk)
        yield chunk
    if missing:
        raise TemporaryError(
            f"The connection to {url} was cut with {size_text(missing)} to go. Check the network."
        )


def _answer(url: str, have: int, version: Version) -> HTTPResponse:
    """Request the bytes from ``have`` on, or all bytes if the server has none there."""
    headers = {"User-Agent": f"mbnas/{__version__}", "Accept-Encoding": "identity"}
    if have:
        headers["Range"] = f"bytes={have}-"
        if version.validator is not None:
            headers["If-Range"] = version.validator
    try:
        response: HTTPResponse = urlopen(Request(url, headers=headers), timeout=TIMEOUT_S)
    except HTTPError as error:
        error.close()
        if error.code == 416 and have:
            return _answer(url, 0, version)
        raise download_error(url, error) from error
    except (OSError, HTTPException, ValueError) as error:
        raise download_error(url, error) from error
    return response


def _sent_part(response: HTTPResponse) -> tuple[int | None, Version]:
    """Return the position of the first sent byte, if known, and the version of the file."""
    start, length = 0, response.headers.get("Content-Length", "")
    if response.status == 206:
        part = _PART.fullmatch(response.headers.get("Content-Range", ""))
        if part is None:
            return None, Version()
        start, length = int(part["start"]), part["length"]
    return start, Version(
        etag=response.headers.get("ETag"),
        modified=response.headers.get("Last-Modified"),
        length=int(length) if length.isdecimal() else None,
    )


def _check_fits(path: Path, length: int | None, copies: int) -> None:
    free = shutil.disk_usage(path.parent).free
    needed = 0 if length is None else copies * length - _size(path)
    if needed > free:
        raise DownloadError(
            f"The disk of {path.parent} has {size_text(free)} free, and {size_text(needed)} are "
            f"needed for {path.name}. Free some space or choose another place."
        )


def _kept_message(path: Path) -> str:
    size = _size(path)
    if not size:
        return "Nothing was fetched."
    return f"{size_text(size)} are kept: the same command continues from there."


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _version_file(path: Path) -> Path:
    return path.with_name(f"{path.name}.json")


def _read_version(path: Path) -> Version:
    """Return the version of which ``path`` is a part; without values if it is unknown."""
    try:
        return Version(**json.loads(_version_file(path).read_bytes()))
    except (FileNotFoundError, ValueError, TypeError):
        return Version()
