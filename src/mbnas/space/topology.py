"""Topologies, the levels and skips of a genotype: counted and numbered exactly.

How many values the skip of a node can have depends only on how often the level of the node
before it has been visited, and how many cells it can have only on the level at which its block
computes. So the number of completions of a topology is a function of the nodes left, the last
level and the visits of each level. One table of it is enough for counting, numbering and uniform
sampling.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import cache

Topology = tuple[tuple[int, int | None], ...]
"""One pair of level and skip per node."""


Cells = tuple[int, ...]
"""How many cells a node may have whose block computes at each level; so many levels there are."""


def count_topologies(num_nodes: int, num_levels: int) -> int:
    """Return how many topologies have ``num_nodes`` nodes on ``num_levels`` levels.

    >>> count_topologies(10, 5)
    19006640
    """
    return count_filled(num_nodes, (1,) * num_levels)


def count_filled(num_nodes: int, cells: Cells) -> int:
    """Return how many topologies there are, each with all choices of cells for its nodes.

    >>> count_filled(2, (1, 1)), count_filled(2, (1, 10))  # 0 0, 0 1, 1 0, 1 1
    (4, 211)
    """
    return _completions(num_nodes, 0, (0,) * len(cells), cells)


def num_fillings(topology: Topology, cells: Cells) -> int:
    """Return how many choices of cells the nodes of a topology have."""
    levels = [level for level, _ in topology]
    pairs = zip([0, *levels], levels, strict=False)
    return math.prod(cells[max(before, level)] for before, level in pairs)


def topology_at(index: int, num_nodes: int, cells: Cells) -> tuple[Topology, int]:
    """Return the topology of the filled topology with number ``index``, and which filling it has.

    Topologies are in lexicographic order: levels ascend; of the skips, none is first, followed by
    the sources in order. Each takes as many numbers as it has fillings.

    Args:
        index: In ``range(count_filled(num_nodes, cells))``.
        num_nodes: How many nodes a topology has, 1 or more.
        cells: How many cells a node may have, by level.

    Returns:
        The topology, and a number in ``range(num_fillings(topology, cells))``.
    """
    genes: list[tuple[int, int | None]] = []
    levels: list[int] = []
    visits = (0,) * len(cells)
    fillings = 1  # of the nodes so far
    for left in reversed(range(num_nodes)):
        before = levels[-1] if levels else 0
        skips = [None, *(j for j, level in enumerate(levels[:-1], start=1) if level == before)]
        for level, visits_then in _steps(before, visits):
            of_node = fillings * cells[max(before, level)]
            completions = of_node * _completions(left, level, visits_then, cells)
            if index < completions * len(skips):
                break
            index -= completions * len(skips)
        choice, index = divmod(index, completions)
        genes.append((level, skips[choice]))
        levels.append(level)
        visits, fillings = visits_then, of_node
    return tuple(genes), index


def levels_in_reach(level: int, num_levels: int) -> range:
    """Return the levels that may follow ``level``: one less, the same, one more."""
    return range(max(level - 1, 0), min(level + 1, num_levels - 1) + 1)


@cache
def _completions(num_left: int, level: int, visits: tuple[int, ...], cells: Cells) -> int:
    """Return in how many ways the last ``num_left`` nodes and their cells can be chosen.

    Args:
        num_left: Nodes still to choose.
        level: Level of the node before them; 0 if there is none.
        visits: How many of the nodes before them are at each level.
        cells: How many cells a node may have, by level.
    """
    if num_left == 0:
        return 1
    # Every visit is a source except that of the node just before; node 1 has no source.
    num_skips = 1 + max(visits[level] - 1, 0)
    return num_skips * sum(
        cells[max(level, after)] * _completions(num_left - 1, after, visits_then, cells)
        for after, visits_then in _steps(level, visits)
    )


def _steps(level: int, visits: tuple[int, ...]) -> Iterator[tuple[int, tuple[int, ...]]]:
    for after in levels_in_reach(level, len(visits)):
        yield after, (*visits[:after], visits[after] + 1, *visits[after + 1 :])
