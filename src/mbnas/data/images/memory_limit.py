"""How large an image may be: as large as memory allows, or as someone says.

A few bytes of a header, or of a compressed file, can ask for more memory than there is.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mbnas.errors import DatasetError, UsageError
from mbnas.machine.host_memory import available_bytes

MEMORY_SHARE = 0.75
"""How much of the memory that is available reading one case may take, unless told otherwise."""

VARIABLE = "MBNAS_MAX_VOLUME_GIB"
"""Environment variable that says how many GiB reading one case may take, in place of that share."""

_GIB = 2**30


def check_memory(path: Path, shape: tuple[int, ...], num_bytes: int) -> None:
    """Return if a file may be read.

    Args:
        path: The file.
        shape: Number of voxels along its axes, as its header says.
        num_bytes: That reading it takes at most.

    Raises:
        DatasetError: if that is more than the limit.
        UsageError: if the environment variable is no number above 0.
    """
    told = os.environ.get(VARIABLE)
    available = available_bytes()
    limit = _gib_of(told, VARIABLE) * _GIB if told else MEMORY_SHARE * available
    if num_bytes > limit:
        rule = (
            f"as --max-volume-gib or {VARIABLE} says"
            if told
            else f"{MEMORY_SHARE:.0%} of the {available / _GIB:,.1f} GiB available"
        )
        raise DatasetError(
            f"{path} has shape {shape}. Reading it takes {num_bytes / _GIB:,.1f} GiB of memory, "
            f"and at most {limit / _GIB:,.1f} GiB may be used, {rule}. Free memory, set another "
            f"limit with --max-volume-gib or {VARIABLE}, or correct the header if it is wrong."
        )


@contextmanager
def limited_to(gib: str | None) -> Iterator[None]:
    """Set the limit of this process and those that it starts; ``None`` leaves it as it is.

    Args:
        gib: A number of GiB above 0.

    Raises:
        UsageError: if it is not.
    """
    if gib is None:
        yield
        return
    _gib_of(gib, "--max-volume-gib")
    before = os.environ.get(VARIABLE)
    os.environ[VARIABLE] = gib
    try:
        yield
    finally:
        if before is None:
            del os.environ[VARIABLE]
        else:
            os.environ[VARIABLE] = before


def _gib_of(text: str, name: str) -> float:
    """Return a limit in GiB; ``name`` is what it is called in an error."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value < math.inf:
        raise UsageError(f"{name} (={text[:20]}) must be a number of GiB above 0.")
    return value
