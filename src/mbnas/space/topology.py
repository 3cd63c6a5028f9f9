"""Topologies, the levels and skips of a genotype: counted and numbered exactly.

How many values the skip of a node can have depends only on how often the level of the node
before it has been visited. So the number of completions of a topology is a function of the
nodes left, the last level and the visits of each level. One table of it is enough for counting,
numbering and uniform sampling.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

Topology = tuple[tuple[int, int | None], ...]
"""One pair of level and skip per node."""


def count_topologies(num_nodes: int, num_levels: int) -> int:
    """Return how many topologies have ``num_nodes`` nodes on ``num_levels`` levels.

    >>> count_topologies(10, 5)
    19006640
    """
    return _completions(num_nodes, 0, (0,) * num_levels)


def topology_at(index: int, num_nodes: int, num_levels: int) -> Topology:
    """Return the topology with number ``index``, in lexicographic order.

    Levels ascend; of the skips, none is first, followed by the sources in order.

    Args:
        index: In ``range(count_topologies(num_nodes, num_levels))``.
        num_nodes: How many nodes a topology has, 1 or more.
        num_levels: How many levels there are, 1 or more.
    """
    genes: list[tuple[int, int | None]] = []
    levels: list[int] = []
    visits = (0,) * num_levels
    for left in reversed(range(num_nodes)):
        before = levels[-1] if levels else 0
        skips = [None, *(j for j, level in enumerate(levels[:-1], start=1) if level == before)]
        for level, visits_then in _steps(before, visits):
            completions = _completions(left, level, visits_then)
            if index < completions * len(skips):
                break
            index -= completions * len(skips)
        choice, index = divmod(index, completions)
        genes.append((level, skips[choice]))
        levels.append(level)
        visits = visits_then
    return tuple(genes)


def levels_in_reach(level: int, num_levels: int) -> range:
    """Return the levels that may follow ``level``: one less, the same, one more."""
    return range(max(level - 1, 0), min(level + 1, num_levels - 1) + 1)


@cache
def _completions(num_left: int, level: int, visits: tuple[int, ...]) -> int:
    """Return in how many ways the last ``num_left`` nodes can be chosen.

    Args:
        num_left: Nodes still to choose.
        level: Level of the node before them; 0 if there is none.
        visits: How many of the nodes before them are at each level.
    """
    if num_left == 0:
        return 1
    # Every visit is a source except that of the node just before; node 1 has no source.
    num_skips = 1 + max(visits[level] - 1, 0)
    return num_skips * sum(_completions(num_left - 1, *step) for step in _steps(level, visits))


def _steps(level: int, visits: tuple[int, ...]) -> Iterator[tuple[int, tuple[int, ...]]]:
    for after in levels_in_reach(level, len(visits)):
        yield after, (*visits[:after], visits[after] + 1, *visits[after + 1 :])
