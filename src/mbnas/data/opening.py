"""Opening a file of voxels: its uncompressed bytes, or one sentence that says why not.

Collections travel through tools that leave stand-ins behind: pointers of Git LFS and
git-annex, empty files, downloads cut short, files compressed or not against their name.
"""

from __future__ import annotations

import gzip
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedIOBase
from pathlib import Path

from mbnas.errors import DatasetError

SUFFIXES = (".nii.gz", ".nii")

_GZIP_MAGIC = b"\x1f\x8b"
_POINTERS = {
    b"version https://git-lfs": ("Git LFS", "git lfs pull"),
    b"/annex/objects/": ("git-annex", "git annex get"),
}
_AGAIN = "Copy or download it again."
_SLACK_BYTES = 2**20
_MOST_UNPACKED = 1040
"""No byte of gzip unpacks to more: DEFLATE stops at 1032."""


def without_suffix(name: str) -> str:
    """Return a file's name without ``.nii`` or ``.nii.gz``.

    >>> without_suffix("case_01.nii.gz")
    'case_01'
    """
    for suffix in SUFFIXES:
        name = name.removesuffix(suffix)
    return name


@contextmanager
def readable(path: Path) -> Iterator[BufferedIOBase]:
    """Yield the file's uncompressed bytes; whatever goes wrong is one clear sentence."""
    if not path.name.endswith(SUFFIXES):
        raise DatasetError(f"{path} is not named .nii or .nii.gz. Convert it to NIfTI.")
    try:
        with path.open("rb") as file:
            start = file.read(200)
            _refuse_stand_ins(path, start)
            file.seek(0)
            if path.name.endswith(".gz"):
                with gzip.open(file) as stream:
                    yield stream
            else:
                yield file
    except FileNotFoundError:
        raise DatasetError(
            f"{path} does not exist. Restore it, or take its case out of the dataset."
        ) from None
    except (EOFError, zlib.error, gzip.BadGzipFile, struct.error) as error:
        raise DatasetError(f"{path} is truncated or damaged ({error}). {_AGAIN}") from error
    except OSError as error:
        if error.errno is None:  # nibabel's own way to say so
            raise DatasetError(
                f"{path} is truncated or damaged: it holds fewer voxels than its header "
                f"promises. {_AGAIN}"
            ) from error
        raise DatasetError(f"{path} could not be read: {error.strerror}.") from error


def read_promised(path: Path, stream: BufferedIOBase, num_bytes: int) -> bytes:
    """Return the first bytes of an opened file, as many as its header promises.

    What follows them is read as far as a mebibyte, which checks the file to its end, and no
    further: a small file that unpacks to a huge one is refused before it does.

    Args:
        path: The file.
        stream: Its bytes from the beginning, as :func:`readable` yields them.
        num_bytes: How many there are to be.

    Raises:
        DatasetError: if there are more bytes, or fewer.
    """
    largest = path.stat().st_size * (_MOST_UNPACKED if path.name.endswith(".gz") else 1)
    content = stream.read(num_bytes) if num_bytes <= largest else b""
    if len(content) < num_bytes:
        raise DatasetError(
            f"{path} is truncated or damaged: it holds fewer voxels than its header promises. "
            f"{_AGAIN}"
        )
    if len(stream.read(_SLACK_BYTES + 1)) > _SLACK_BYTES:
        raise DatasetError(
            f"{path} goes on after the {num_bytes} bytes that its header promises, and what "
            "follows is not read. Write it anew with another program."
        )
    return content


def _refuse_stand_ins(path: Path, start: bytes) -> None:
    """Raise if a file's first bytes show that it is not what its name says."""
    if not start:
        raise DatasetError(f"{path} is empty. {_AGAIN}")
    for mark, (tool, command) in _POINTERS.items():
        if mark in start:
            raise DatasetError(
                f"{path} is a {tool} pointer, not the image itself. Run `{command}` where it "
                "came from."
            )
    is_gzip = start.startswith(_GZIP_MAGIC)
    if path.name.endswith(".gz") and not is_gzip:
        raise DatasetError(
            f"{path} is not gzip, though its name ends in .gz. Rename it to .nii if it is not "
            "compressed; otherwise download it again."
        )
    if not path.name.endswith(".gz") and is_gzip:
        raise DatasetError(f"{path} is gzip, though its name says otherwise. Add .gz to its name.")
