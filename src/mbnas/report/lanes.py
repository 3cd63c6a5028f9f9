"""Which lane each skip takes, so that two that overlap never share a line."""

from __future__ import annotations

from collections.abc import Sequence


def assign_lanes(spans: Sequence[tuple[int, int]]) -> tuple[int, ...]:
    """Return a lane from 0 for each span; spans that overlap have different lanes.

    Shorter spans come first and take the lowest free lane, so that arcs nest. Spans
    that only touch may share a lane.

    Args:
        spans: First and last node of each skip.

    >>> assign_lanes([(1, 10), (2, 9), (3, 5), (5, 8)])
    (2, 1, 0, 0)
    """
    lanes: dict[int, int] = {}
    for index in sorted(range(len(spans)), key=lambda i: (spans[i][1] - spans[i][0], i)):
        first, last = spans[index]
        taken = {
            lane
            for other, lane in lanes.items()
            if spans[other][0] < last and first < spans[other][1]
        }
        lanes[index] = next(lane for lane in range(len(spans)) if lane not in taken)
    return tuple(lanes[index] for index in range(len(spans)))
