"""Opens an image file and gives its uncompressed bytes, or an error that says why it cannot.

Datasets pass through tools that leave unusable files: pointers of Git LFS and git-annex, empty
files, incomplete downloads, files whose name does not match their compression.
"""

from __future__ import annotations

import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedIOBase
from pathlib import Path

from mbnas.data.images.file_names import IMAGE_NAMES, is_image
from mbnas.errors import DatasetError

_GZIP_MAGIC = b"\x1f\x8b"
_GZIP_FORMAT = 16 + zlib.MAX_WBITS  # for zlib: a gzip header, and a checksum at the end
_ANY_FORMAT = 32 + zlib.MAX_WBITS  # for zlib: the header of gzip or of zlib
_POINTERS = {
    b"version https://git-lfs": ("Git LFS", "git lfs pull"),
    b"/annex/objects/": ("git-annex", "git annex get"),
}
_AGAIN = "Copy or download it again."
_CHUNK_BYTES = 2**16
_SLACK_BYTES = 2**20
_MAX_COMPRESSION = 1040
"""No byte of gzip decompresses to more bytes; the limit of DEFLATE is 1032."""


@contextmanager
def readable(path: Path) -> Iterator[BufferedIOBase]:
    """Yield the uncompressed bytes of a file; every failure becomes a :class:`DatasetError`."""
    if not is_image(path.name):
        raise DatasetError(f"{path} is not named {IMAGE_NAMES}. Convert it, or rename it.")
    with _explained(path), path.open("rb") as file:
        start = file.read(200)
        _refuse_unusable(path, start)
        file.seek(0)
        yield io.BufferedReader(_GzipReader(file), _CHUNK_BYTES) if _is_gzip(path) else file


@contextmanager
def plain(path: Path, offset: int) -> Iterator[BufferedIOBase]:
    """Yield the bytes of a file from a position, as they are; from its end if negative."""
    with _explained(path), path.open("rb") as file:
        if path.stat().st_size < abs(offset):
            raise _too_short(path)
        file.seek(offset, io.SEEK_SET if offset >= 0 else io.SEEK_END)
        yield file


@contextmanager
def decompressed(path: Path, offset: int) -> Iterator[BufferedIOBase]:
    """Yield the bytes of a file that zlib or gzip compressed, from a position in the file."""
    with _explained(path), path.open("rb") as file:
        file.seek(offset)
        yield io.BufferedReader(_GzipReader(file, _ANY_FORMAT), _CHUNK_BYTES)


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Turn a failure to read a file into a :class:`DatasetError`."""
    try:
        yield
    except FileNotFoundError:
        raise DatasetError(
            f"{path} does not exist. Restore it, or take its case out of the dataset."
        ) from None
    except (EOFError, zlib.error) as error:
        raise DatasetError(f"{path} is truncated or damaged ({error}). {_AGAIN}") from error
    except OSError as error:
        if error.errno is None:  # an error of nibabel's own
            raise _too_short(path) from error
        raise DatasetError(f"{path} could not be read: {error.strerror}.") from error


class _GzipReader(io.RawIOBase):
    """The decompressed bytes of a gzip file, checked member by member.

    Anything after the last member is ignored, as gzip(1) and nibabel do: tapes and some transfers
    pad files. Python's :mod:`gzip` ignores only zeros.

    Args:
        file: The compressed file, at the start of its compressed bytes.
        header: The header that the first member has, as zlib numbers them.
    """

    def __init__(self, file: BufferedIOBase, header: int = _GZIP_FORMAT) -> None:
        self._file = file
        self._member = zlib.decompressobj(header)
        self._packed = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """Fill a part of ``buffer`` and return the number of bytes; 0 at the end."""
        while not self._member.eof or self._start_next():
            packed = self._packed or self._file.read(_CHUNK_BYTES)
            unpacked = self._member.decompress(packed, len(buffer))
            self._packed = self._member.unconsumed_tail
            if unpacked:
                buffer[: len(unpacked)] = unpacked
                return len(unpacked)
            if not packed and not self._member.eof:
                raise EOFError("it ends before the end of its compressed data")
        return 0

    def _start_next(self) -> bool:
        """Advance to the next member, and return whether there is one."""
        rest = self._member.unused_data.lstrip(b"\0")
        while len(rest) < len(_GZIP_MAGIC) and (more := self._file.read(_CHUNK_BYTES)):
            rest = (rest + more).lstrip(b"\0")
        if not rest.startswith(_GZIP_MAGIC):
            return False
        self._member, self._packed = zlib.decompressobj(_GZIP_FORMAT), rest
        return True


def read_announced(path: Path, stream: BufferedIOBase, num_bytes: int) -> bytes:
    """Return the bytes of an opened file, as many as its header announces.

    At most one mebibyte after them is read, which checks the file to its end: a small file that
    decompresses to a huge one is refused before it does.

    Args:
        path: The file.
        stream: Its bytes, as yielded by :func:`readable`, :func:`plain` or :func:`decompressed`.
        num_bytes: The expected number of bytes.

    Raises:
        DatasetError: if there are fewer bytes, or more.
    """
    is_packed = isinstance(stream, io.BufferedReader) and isinstance(stream.raw, _GzipReader)
    largest = path.stat().st_size * (_MAX_COMPRESSION if is_packed else 1)
    content = stream.read(num_bytes) if num_bytes <= largest else b""
    if len(content) < num_bytes:
        raise _too_short(path)
    _check_end(path, stream, num_bytes)
    return content


def check_size(path: Path, num_bytes: int) -> None:
    """Check that a file has at least as many bytes as its header announces.

    Raises:
        DatasetError: if it has fewer, or cannot be read.
    """
    with _explained(path):
        if path.stat().st_size < num_bytes:
            raise _too_short(path)


def check_announced(path: Path, stream: BufferedIOBase, num_bytes: int) -> None:
    """Check the bytes of an opened file as :func:`read_announced` does, without keeping them.

    Args:
        path: The file.
        stream: Its uncompressed bytes.
        num_bytes: The expected number of bytes.

    Raises:
        DatasetError: if there are fewer bytes, or more.
    """
    if num_bytes > path.stat().st_size * _MAX_COMPRESSION:
        raise _too_short(path)
    left = num_bytes
    while left:
        if not (chunk := stream.read(min(left, _SLACK_BYTES))):
            raise _too_short(path)
        left -= len(chunk)
    _check_end(path, stream, num_bytes)


def _too_short(path: Path) -> DatasetError:
    return DatasetError(
        f"{path} is truncated or damaged: it holds fewer voxels than its header promises. {_AGAIN}"
    )


def _check_end(path: Path, stream: BufferedIOBase, num_bytes: int) -> None:
    if len(stream.read(_SLACK_BYTES + 1)) > _SLACK_BYTES:
        raise DatasetError(
            f"{path} has more than the {num_bytes} bytes that its header promises, and the rest is "
            "not read. Write the file again with another program."
        )


def _is_gzip(path: Path) -> bool:
    return path.name.lower().endswith(".gz")


def _refuse_unusable(path: Path, start: bytes) -> None:
    """Raise if the first bytes of a file show that it is not an image of the type of its name."""
    if not start:
        raise DatasetError(f"{path} is empty. {_AGAIN}")
    for mark, (tool, command) in _POINTERS.items():
        if mark in start:
            raise DatasetError(
                f"{path} is a {tool} pointer, not the image itself. Run `{command}` where it "
                "came from."
            )
    is_gzip = start.startswith(_GZIP_MAGIC)
    if _is_gzip(path) and not is_gzip:
        raise DatasetError(
            f"{path} is not gzip, though its name ends in .gz. Rename it to .nii if it is not "
            "compressed; otherwise download it again."
        )
    if not _is_gzip(path) and is_gzip:
        remedy = "Add .gz to its name." if path.name.lower().endswith(".nii") else "Decompress it."
        raise DatasetError(f"{path} is gzip, though its name says otherwise. {remedy}")
