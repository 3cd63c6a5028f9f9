"""Standard streams that are closed, end early, or have a limited encoding.

A stream that was closed before mbnas started becomes the null device, and the command runs. If
the reader of a pipe has ended, the command ends quietly, with a shell's status for SIGPIPE.
Characters that a stream's encoding lacks are replaced by similar ones.
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
"""A shell's exit status of a program that SIGPIPE ended."""

_ERRORS = "mbnas.similar"
_FIRST_BYTE, _LAST_BYTE = 0xDC80, 0xDCFF
_SIMILAR = str.maketrans(
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
    """Make standard output and error usable by a command, and flush them at its end.

    Raises:
        BrokenPipeError: if the reader of a stream has ended; the stream is then silent.
        OSError: if a stream cannot be written for another reason, such as a full disk.
    """
    _open_closed()
    codecs.register_error(_ERRORS, _similar)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=_ERRORS)
    try:
        yield
    finally:
        for stream in (sys.stdout, sys.stderr):
            _flush(stream)


def _open_closed() -> None:
    """Open the null device for every closed standard stream.

    Otherwise the next file to be opened would take its number, and be written to.
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
    """Redirect a stream to the null device, so that its last flush at exit does not fail."""
    with suppress(OSError, ValueError):
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, stream.fileno())
        os.close(null)


def _similar(error: UnicodeError) -> tuple[str | bytes, int]:
    """Return the replacement of the first character that an encoding lacks, and the next position.

    A byte of a file's name that is not UTF-8 is kept.
    """
    if not isinstance(error, UnicodeEncodeError):
        raise error
    character, after = error.object[error.start], error.start + 1
    if _FIRST_BYTE <= ord(character) <= _LAST_BYTE:
        return bytes([ord(character) - 0xDC00]), after
    similar = character.translate(_SIMILAR)
    escaped = character.encode("unicode_escape").decode("ascii")
    return (similar if similar.isascii() else escaped), after
