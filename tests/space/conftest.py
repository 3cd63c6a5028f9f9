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
    expansions = (None, *(each.expansion for each in space.expansions))
    cells = list(
        itertools.product(
            range(space.num_levels),
            space.blocks,
            space.kernels,
            dict.fromkeys(expansions),
            (None, 1, 2, 3, 4, 5),
        )
    )
    partial = [()]
    for _ in range(space.num_nodes):
        longer = ((*genes, cell) for genes in partial for cell in cells)
        partial = [genes for genes in longer if _is_genotype(genes, space)]
    names = ("level", "block", "kernel", "expansion", "skip")
    return {
        Genotype(nodes=tuple(Node(**dict(zip(names, gene, strict=True))) for gene in genes))
        for genes in partial
    }


def _is_genotype(genes, space):
    """The rules of the paper's a_l and d_l, and of blocks, implemented independently."""
    level = {0: 0} | {number: gene[0] for number, gene in enumerate(genes, start=1)}
    held = space.topology
    further = {(each.block, each.expansion) for each in space.expansions}
    return all(
        abs(level[number] - level[number - 1]) <= 1
        and (skip is None or (skip <= number - 2 and level[skip] == level[number - 1]))
        and (held is None or held[number - 1] == (level[number], skip))
        and (expansion is None or (block, expansion) in further)
        and all(
            rule.first <= max(level[number], level[number - 1]) <= rule.last
            for rule in space.block_levels
            if rule.block == block
        )
        for number, (_, block, _, expansion, skip) in enumerate(genes, start=1)
    )
