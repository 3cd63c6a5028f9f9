"""Small spaces enumerated without the code under test."""

import itertools

import pytest

from mbnas.space.genotype import Genotype, Node


@pytest.fixture(scope="session")
def brute_force():
    """Enumerate a space."""
    return _brute_force


def _brute_force(space):
    """Every genotype of ``space``: all products of gene values that are valid."""
    cells = list(
        itertools.product(
            range(space.num_levels), space.blocks, space.kernels, (None, 1, 2, 3, 4, 5)
        )
    )
    partial = [()]
    for _ in range(space.num_nodes):
        longer = ((*genes, cell) for genes in partial for cell in cells)
        partial = [genes for genes in longer if _is_genotype(genes, space.topology)]
    return {
        Genotype(nodes=tuple(Node(level=a, block=b, kernel=c, skip=d) for a, b, c, d in genes))
        for genes in partial
    }


def _is_genotype(genes, held):
    """The rules of the paper's a_l and d_l, implemented independently."""
    level = {0: 0} | {number: gene[0] for number, gene in enumerate(genes, start=1)}
    return all(
        abs(level[number] - level[number - 1]) <= 1
        and (skip is None or (skip <= number - 2 and level[skip] == level[number - 1]))
        and (held is None or held[number - 1] == (level[number], skip))
        for number, (*_, skip) in enumerate(genes, start=1)
    )
