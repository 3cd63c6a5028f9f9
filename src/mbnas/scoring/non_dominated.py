"""Which of several points no other beats: the Pareto front, for any number of costs."""

from __future__ import annotations

from collections.abc import Sequence


def non_dominated(costs: Sequence[Sequence[float]], scores: Sequence[float]) -> tuple[int, ...]:
    """Return the points that no other beats, by rising cost, then falling score.

    One point beats another if it is no worse in any cost or the score, and better in one. Of equal
    points all are members.

    >>> non_dominated([[1.0], [2.0], [3.0], [2.0]], [0.7, 0.8, 0.8, 0.6])
    (0, 1)

    Args:
        costs: Of each point, one or more; less is better.
        scores: Of each point; more is better.
    """
    points = [(*map(float, own), -score) for own, score in zip(costs, scores, strict=True)]
    order = sorted(range(len(points)), key=lambda number: points[number])
    front: list[int] = []
    for number in order:  # what beats a point comes before it
        point = points[number]
        if not any(_beats(points[other], point) for other in front):
            front.append(number)
    return tuple(front)


def _beats(first: Sequence[float], second: Sequence[float]) -> bool:
    return first != second and all(a <= b for a, b in zip(first, second, strict=True))
