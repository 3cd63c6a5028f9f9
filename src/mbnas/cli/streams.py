"""Standard streams that are closed, end early, or have few letters, made fit for every command.

A stream that was closed before mbnas started is the null device: the command runs, and nobody
reads it. A pipe whose reader has ended ends the command quietly, with the status that a shell
gives to SIGPIPE. Letters that a stream's encoding lacks are written with those that it has.
"""

from __future__ import annotations

import codecs
import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

BROKEN_PIPE = 141
"""Exit status of a program that SIGPIPE ended, as a shell gives it."""

_ERRORS = "mbnas.alike"
_FIRST_BYTE, _LAST_BYTE = 0xDC80, 0xDCFF
_ALIKE = str.maketrans(
    {
        **dict.fromkeys("–−─━╌═", "-"),
        **dict.fromkeys("│┃", "|"),
        **dict.fromkeys("╭╮╰╯┌┐└┘├┤┬┴┼", "+"),
        **dict.fromkeys("‘’", "'"),
        **dict.fromkeys("“”", '"'),
        "×": "x",
        "±": "+/-",
        "…": "...",
        "→": "->",
        "←": "<-",
        "·": "*",
        "•": "*",
        "◌": "o",
        "†": "+",
        "‡": "#",
        "°": "o",
        "≤": "<=",
        "≥": ">=",
        "α": "alpha",
    }
)


@contextmanager
def standard_streams() -> Iterator[None]:
    """Have standard output and error take whatever a command writes, meanwhile and at the end.

    Raises:
        BrokenPipeError: if nobody reads any more what was written; the stream is silent then.
        OSError: if it cannot be written for another reason, such as a full disk.
    """
    _open_closed()
    codecs.register_error(_ERRORS, _alike)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=_ERRORS)
    try:
        yield
    finally:
        for stream in (sys.stdout, sys.stderr):
            _flush(stream)


def _open_closed() -> None:
    """Open the null device for every standard stream that is closed.

    Otherwise the next file that is opened would take its place, and be written to.
    """
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)  # takes the lowest number
    if sys.stdin is None:
        sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115
    if sys.stdout is None:
        sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    if sys.stderr is None:
        sys.stderr = open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115


def _flush(stream: Any) -> None:
    try:
        stream.flush()
    except OSError:
        silence(stream)
        raise


def silence(stream: Any) -> None:
    """Send what a stream still holds to the null device, so that nothing fails at exit."""
    with suppress(OSError, ValueError):
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, stream.fileno())
        os.close(null)


def _alike(error: UnicodeError) -> tuple[str | bytes, int]:
    """Return what stands for the first letter that an encoding lacks, and where to go on.

    A byte of a file's name that is not UTF-8 stays what it is.
    """
    if not isinstance(error, UnicodeEncodeError):
        raise error
    letter, after = error.object[error.start], error.start + 1
    if _FIRST_BYTE <= ord(letter) <= _LAST_BYTE:
        return bytes([ord(letter) - 0xDC00]), after
    alike = letter.translate(_ALIKE)
    return (alike if alike.isascii() else letter.encode("unicode_escape").decode("ascii")), after
