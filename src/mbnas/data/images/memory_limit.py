"""The largest image that is read: what memory allows, or a limit set by the user.

A few bytes of a header, or of a compressed file, can request more memory than the machine has.
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
"""Default share of the available memory that reading one case may take."""

VARIABLE = "MBNAS_MAX_VOLUME_GIB"
"""Environment variable with the GiB that reading one case may take, in place of that share."""

_GIB = 2**30


def check_memory(path: Path, shape: tuple[int, ...], num_bytes: int) -> None:
    """Check that reading a file takes no more memory than allowed.

    Args:
        path: The file.
        shape: Number of voxels along its axes, from its header.
        num_bytes: Memory that reading it takes at most.

    Raises:
        DatasetError: if it takes more.
        UsageError: if the environment variable is not a number above 0.
    """
    text = os.environ.get(VARIABLE)
    available = available_bytes()
    limit = _gib_of(text, VARIABLE) * _GIB if text else MEMORY_SHARE * available
    if num_bytes > limit:
        rule = (
            f"the limit of --max-volume-gib or {VARIABLE}"
            if text
            else f"{MEMORY_SHARE:.0%} of the {available / _GIB:,.1f} GiB available"
        )
        raise DatasetError(
            f"{path} has shape {shape}. Reading it takes {num_bytes / _GIB:,.1f} GiB of memory, "
            f"and at most {limit / _GIB:,.1f} GiB may be used, {rule}. Free memory, set another "
            f"limit with --max-volume-gib or {VARIABLE}, or correct the header if it is wrong."
        )


@contextmanager
def limited_to(gib: str | None) -> Iterator[None]:
    """Set the limit of this process and the processes that it starts; ``None`` keeps it.

    Args:
        gib: The limit in GiB, above 0.

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
    """Return a limit in GiB; ``name`` is its name in an error."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value < math.inf:
        raise UsageError(f"{name} (={text[:20]}) must be a number of GiB above 0.")
    return value
