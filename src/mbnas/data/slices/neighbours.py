"""Neighbouring slices as channels (2.5-D): which slices a network sees besides the one it segments.

With ``context`` k it sees the k slices before a slice and the k after it. At the border of a
volume the nearest slice of the same volume takes the place of those that do not exist. Slices are
stored once; neighbours are gathered when slices are read, in the order of :func:`channel_names`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Integer

MAX_CONTEXT = 8
"""The largest number of neighbours on either side."""


def num_seen(context: int) -> int:
    """Return how many slices a network sees at once.

    >>> [num_seen(context) for context in (0, 1, 2)]
    [1, 3, 5]
    """
    return 2 * context + 1


def neighbour_indices(
    starts: Integer[np.ndarray, " bounds"], slices: Integer[np.ndarray, " chosen"], context: int
) -> Integer[np.ndarray, "chosen seen"]:
    """Return the slices that a network sees for each of some slices, in the order of the volume.

    >>> neighbour_indices(np.array([0, 3, 5]), np.array([0, 1, 2, 3]), 1).tolist()
    [[0, 0, 1], [0, 1, 2], [1, 2, 2], [3, 3, 4]]

    Args:
        starts: The first slice of each volume, ascending from 0, and last the number of all slices.
        slices: Indices of slices.
        context: Number of neighbours on either side, 0 or more.
    """
    volume_of = np.searchsorted(starts, slices, side="right") - 1
    first, last = starts[volume_of], starts[volume_of + 1] - 1
    seen = slices[:, None] + np.arange(-context, context + 1)
    clamped: np.ndarray = np.clip(seen, first[:, None], last[:, None])
    return clamped


def channel_names(channels: Sequence[str], context: int) -> tuple[str, ...]:
    """Return the names of a network's input channels, in their order.

    All channels of the first slice come first, then all of the next, and so on.

    >>> channel_names(["T2", "ADC"], 1)[:4]
    ('T2 (slice -1)', 'ADC (slice -1)', 'T2', 'ADC')

    Args:
        channels: The names of the image channels.
        context: Number of neighbours on either side.
    """
    return tuple(
        f"{channel} (slice {offset:+d})" if offset else channel
        for offset in range(-context, context + 1)
        for channel in channels
    )


def lacks_neighbours(num_slices: Sequence[int], context: int) -> str | None:
    """Return as text that neighbours are asked for where no volume has any; else ``None``.

    Args:
        num_slices: Number of slices of each volume.
        context: Number of neighbours on either side.
    """
    if context == 0 or any(number > 1 for number in num_slices):
        return None
    return (
        f"preparation.context (={context}) gives a network neighbouring slices, and every volume "
        "of this dataset has a single slice. Set it to 0."
    )
