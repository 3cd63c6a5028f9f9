"""The search space: which genotypes exist, how many, and which are neighbours.

Source: Bosma et al. 2022 (arXiv 2202.11401), section 2.1. The paper reports 1.14e18
genotypes but does not describe its encoding in full; the encoding here gives 1.18e18 at the
defaults, which is close but not equal.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from mbnas.errors import ConfigurationError, GenotypeError
from mbnas.space.genotype import BLOCK_NAME, GENES, MAX_KERNEL, Gene, Genotype, Node, is_kernel
from mbnas.space.topology import Topology, count_topologies, levels_in_reach, topology_at


@dataclass(frozen=True, slots=True, kw_only=True)
class Variable:
    """One gene of one node: what a search may change.

    Attributes:
        node: Number of the node, from 1.
        gene: One of its genes.
    """

    node: int
    gene: Gene

    def __str__(self) -> str:
        return f"node {self.node} {self.gene}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Space:
    """All genotypes of one length over given levels, blocks and kernels.

    >>> Space().num_topologies, Space().count
    (19006640, 1176841051554447360)
    >>> Space(num_nodes=2, topology=((0, None), (1, None))).count
    144

    Attributes:
        num_nodes: Nodes of every genotype.
        num_levels: Levels that a node may take, from 0.
        blocks: Names of the blocks that a node may have, distinct.
        kernels: Kernel sizes that a block may have, distinct, odd.
        topology: Levels and skips of every genotype; ``None`` leaves them free.

    Raises:
        ConfigurationError: if a value breaks its rule.
    """

    num_nodes: int = 10
    num_levels: int = 5
    blocks: tuple[str, ...] = ("vgg", "residual", "dense", "inception")
    kernels: tuple[int, ...] = (3, 5, 7)
    topology: Topology | None = None

    def __post_init__(self) -> None:
        for name, value in (("num_nodes", self.num_nodes), ("num_levels", self.num_levels)):
            if value < 1:
                raise ConfigurationError(f"A space's {name} (={value}) must be 1 or more.")
        _check_distinct("blocks", self.blocks)
        _check_distinct("kernels", self.kernels)
        for block in self.blocks:
            if not BLOCK_NAME.fullmatch(block):
                raise ConfigurationError(f"A block's name (={block!r}) must be lowercase letters.")
        for kernel in self.kernels:
            if not is_kernel(kernel):
                raise ConfigurationError(
                    f"A kernel (={kernel}) must be odd, from 1 to {MAX_KERNEL}."
                )
        if self.topology is not None:
            _check_topology(self.topology, self.num_nodes, self.num_levels)

    @property
    def num_topologies(self) -> int:
        """The number of combinations of all levels and skips, exactly."""
        if self.topology is not None:
            return 1
        return count_topologies(self.num_nodes, self.num_levels)

    @property
    def num_fillings(self) -> int:
        """The number of combinations of all blocks and kernels, exactly."""
        return math.prod([self._num_cells] * self.num_nodes)

    @property
    def count(self) -> int:
        """The number of genotypes, exactly."""
        return self._total

    @property
    def _total(self) -> int:
        """The number of genotypes without limits on cost, which a subclass may have."""
        return self.num_topologies * self.num_fillings

    @property
    def _num_cells(self) -> int:
        return len(self.blocks) * len(self.kernels)

    @property
    def variables(self) -> tuple[Variable, ...]:
        """The genes with more than one value in this space, node by node."""
        is_free = self.topology is None
        varies = {
            "level": is_free and self.num_levels > 1,
            "block": len(self.blocks) > 1,
            "kernel": len(self.kernels) > 1,
        }
        return tuple(
            Variable(node=number, gene=gene)
            for number in range(1, self.num_nodes + 1)
            for gene in GENES
            if varies.get(gene, is_free and number > 2)  # nodes 1 and 2 have no skip source
        )

    def genotype_at(self, index: int) -> Genotype:
        """Return the genotype with number ``index``; no two numbers have the same.

        Args:
            index: In ``range(count)``.

        Raises:
            GenotypeError: if ``index`` is outside that range.
        """
        if not 0 <= index < self._total:
            raise GenotypeError(
                f"Genotype {index} does not exist: this space numbers its genotypes "
                f"from 0 to {self._total - 1}."
            )
        number, cells = divmod(index, self.num_fillings)
        topology = self.topology or topology_at(number, self.num_nodes, self.num_levels)
        nodes = []
        for level, skip in topology:
            cells, cell = divmod(cells, self._num_cells)
            block, kernel = divmod(cell, len(self.kernels))
            nodes.append(
                Node(level=level, block=self.blocks[block], kernel=self.kernels[kernel], skip=skip)
            )
        return Genotype(nodes=tuple(nodes))

    def sample(self, rng: np.random.Generator) -> Genotype:
        """Return a genotype drawn uniformly over all genotypes, not gene by gene."""
        return self.genotype_at(_draw_below(self._total, rng))

    def __contains__(self, genotype: object) -> bool:
        if not isinstance(genotype, Genotype):
            return False
        try:
            self.check(genotype)
        except GenotypeError:
            return False
        return True

    def check(self, genotype: Genotype) -> None:
        """Check that ``genotype`` is in this space.

        Raises:
            GenotypeError: if it is not; the message names the first rule that it breaks.
        """
        if len(genotype.nodes) != self.num_nodes:
            raise GenotypeError(
                f"{genotype} has {len(genotype.nodes)} nodes, but this space's genotypes have "
                f"{self.num_nodes}. Set space.num_nodes to {len(genotype.nodes)} to allow it."
            )
        for number, node in enumerate(genotype.nodes, start=1):
            _check_gene(number, "level", node.level, range(self.num_levels))
            _check_gene(number, "block", node.block, self.blocks)
            _check_gene(number, "kernel", node.kernel, self.kernels)
            if self.topology is not None:
                level, skip = self.topology[number - 1]
                _check_gene(number, "level", node.level, [level])
                _check_gene(number, "skip", node.skip, [skip])

    def neighbours(self, genotype: Genotype, variable: Variable) -> tuple[Genotype, ...]:
        """Return one genotype of this space for every other value of one gene.

        If a new level makes later genes invalid, the repair is minimal: each later level is
        clipped to at most one from the level before it, and a skip whose source no longer matches
        becomes none. All other genes are kept.

        Args:
            genotype: The genotype to change; it is not in the result.
            variable: The gene to change; a gene without another value gives ``()``.

        Raises:
            GenotypeError: if ``genotype`` is not in this space.
        """
        Space.check(self, genotype)
        number = variable.node
        return tuple(
            _repaired((*genotype.nodes[: number - 1], changed, *genotype.nodes[number:]))
            for changed in self._alternatives(genotype, variable)
        )

    def _alternatives(self, genotype: Genotype, variable: Variable) -> Iterator[Node]:
        node = genotype.nodes[variable.node - 1]
        changed: Iterable[Node]
        match variable.gene:
            case "level" | "skip" if self.topology is not None:
                changed = ()
            case "level":
                levels = levels_in_reach(genotype.level_before(variable.node), self.num_levels)
                changed = (replace(node, level=level) for level in levels)
            case "block":
                changed = (replace(node, block=block) for block in self.blocks)
            case "kernel":
                changed = (replace(node, kernel=kernel) for kernel in self.kernels)
            case "skip":
                sources = (None, *genotype.skip_sources(variable.node))
                changed = (replace(node, skip=source) for source in sources)
        return (other for other in changed if other != node)


def _repaired(nodes: Iterable[Node]) -> Genotype:
    """Return the valid genotype nearest to ``nodes``, whose levels and skips may be invalid."""
    fitting: list[Node] = []
    for node in nodes:
        before = fitting[-1].level if fitting else 0
        level = min(max(node.level, before - 1), before + 1)
        fits = node.skip is not None and fitting[node.skip - 1].level == before
        fitting.append(replace(node, level=level, skip=node.skip if fits else None))
    return Genotype(nodes=tuple(fitting))


def _draw_below(bound: int, rng: np.random.Generator) -> int:
    """Return a uniform integer in ``range(bound)``, of any size.

    numpy draws integers of at most 64 bits, which is too few for large spaces.
    """
    num_bits = (bound - 1).bit_length()
    num_bytes = -(-num_bits // 8)
    while True:
        drawn = int.from_bytes(rng.bytes(num_bytes), "big") >> (8 * num_bytes - num_bits)
        if drawn < bound:
            return drawn


def _check_distinct(name: str, values: tuple[Hashable, ...]) -> None:
    if not values or len(set(values)) < len(values):
        raise ConfigurationError(
            f"A space's {name} (={list(values)}) must have at least one value and no duplicates."
        )


def _check_topology(topology: Topology, num_nodes: int, num_levels: int) -> None:
    try:
        genotype = Genotype(nodes=tuple(Node(level=level, skip=skip) for level, skip in topology))
    except GenotypeError as error:
        raise ConfigurationError(
            f"A space's topology must be that of a genotype. {error}"
        ) from None
    if len(topology) != num_nodes or genotype.num_levels > num_levels:
        raise ConfigurationError(
            f"A space's topology has {len(topology)} nodes on {genotype.num_levels} levels: there "
            f"must be num_nodes (={num_nodes}) nodes on at most num_levels (={num_levels}) levels."
        )


def _check_gene(number: int, gene: Gene, value: object, allowed: Iterable[object]) -> None:
    if value not in (values := tuple(allowed)):
        raise GenotypeError(
            f"Node {number} has {gene} {_shown(value)}, which this space does not allow: "
            f"choose from {', '.join(map(_shown, values))}."
        )


def _shown(value: object) -> str:
    return "none" if value is None else str(value)
