"""The search space: which genotypes exist, how many, and which are neighbours.

Source: Bosma et al. 2022 (arXiv 2202.11401), section 2.1. The paper reports 1.14e18
genotypes but does not describe its encoding in full; the encoding here gives 1.18e18 at the
defaults, which is close but not equal.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from mbnas.errors import ConfigurationError, GenotypeError
from mbnas.space.cell_choices import BlockExpansion, BlockLevels, CellChoices, cell_choices
from mbnas.space.genotype import BLOCK_NAME, GENES, MAX_KERNEL, Gene, Genotype, Node, is_kernel
from mbnas.space.topology import (
    Topology,
    count_filled,
    count_topologies,
    levels_in_reach,
    num_fillings,
    topology_at,
)


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
    >>> deep = (BlockLevels.parse("dense:1-4"),)
    >>> Space(num_nodes=1, blocks=("vgg", "dense"), block_levels=deep).count
    9

    Attributes:
        num_nodes: Nodes of every genotype.
        num_levels: Levels that a node may take, from 0.
        blocks: Names of the blocks that a node may have, distinct.
        kernels: Kernel sizes that a block may have, distinct, odd.
        block_levels: At which levels some blocks may compute; all others may at every level.
        expansions: Further expansions that some blocks may have.
        topology: Levels and skips of every genotype; ``None`` leaves them free.

    Raises:
        ConfigurationError: if a value breaks its rule.
    """

    num_nodes: int = 10
    num_levels: int = 5
    blocks: tuple[str, ...] = ("vgg", "residual", "dense", "inception")
    kernels: tuple[int, ...] = (3, 5, 7)
    block_levels: tuple[BlockLevels, ...] = ()
    expansions: tuple[BlockExpansion, ...] = ()
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
        _ = self.choices  # checks the rules
        if self.topology is not None:
            _check_topology(self.topology, self.num_nodes, self.num_levels)

    @property
    def num_topologies(self) -> int:
        """The number of combinations of all levels and skips, exactly."""
        if self.topology is not None:
            return 1
        return count_topologies(self.num_nodes, self.num_levels)

    @property
    def num_fillings(self) -> int | None:
        """The number of combinations of blocks, kernels and expansions, exactly.

        ``None`` if it depends on the topology.
        """
        if self.topology is not None:
            return num_fillings(self.topology, self.choices.num_cells)
        per_level = set(self.choices.num_cells)
        return per_level.pop() ** self.num_nodes if len(per_level) == 1 else None

    @property
    def count(self) -> int:
        """The number of genotypes, exactly."""
        return self._total

    @property
    def _total(self) -> int:
        """The number of genotypes without limits on cost, which a subclass may have."""
        if self.topology is not None:
            return num_fillings(self.topology, self.choices.num_cells)
        return count_filled(self.num_nodes, self.choices.num_cells)

    @property
    def choices(self) -> CellChoices:
        """The cells that a node may have, by the level at which its block computes."""
        return cell_choices(
            self.num_levels, self.blocks, self.kernels, self.block_levels, self.expansions
        )

    @property
    def variables(self) -> tuple[Variable, ...]:
        """The genes with more than one value in this space, node by node."""
        is_free = self.topology is None
        varies = {
            "level": is_free and self.num_levels > 1,
            "block": len(self.blocks) > 1,
            "kernel": len(self.kernels) > 1,
            "expansion": len(self.expansions) > 0,
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
        topology, filling = self.topology, index
        if topology is None:
            topology, filling = topology_at(index, self.num_nodes, self.choices.num_cells)
        nodes: list[Node] = []
        cells = self.choices.cells
        for level, skip in topology:
            allowed = cells[max(nodes[-1].level if nodes else 0, level)]
            filling, cell = divmod(filling, len(allowed))
            nodes.append(Node(level=level, skip=skip, **allowed[cell]._asdict()))
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
            self._check_block(number, node.block, genotype.computing_level(number))
            _check_gene(number, "kernel", node.kernel, self.kernels)
            _check_gene(number, "expansion", node.expansion, self.choices.expansions[node.block])
            if self.topology is not None:
                level, skip = self.topology[number - 1]
                _check_gene(number, "level", node.level, [level])
                _check_gene(number, "skip", node.skip, [skip])

    def _check_block(self, number: int, block: str, level: int) -> None:
        _check_gene(number, "block", block, self.blocks)
        if block not in (allowed := self.choices.blocks[level]):
            (rule,) = (each for each in self.block_levels if each.block == block)
            raise GenotypeError(
                f"Node {number} has block {block}, which computes there at level {level}; this "
                f"space allows it at {rule}. Choose from {', '.join(allowed)}."
            )

    def neighbours(self, genotype: Genotype, variable: Variable) -> tuple[Genotype, ...]:
        """Return one genotype of this space for every other value of one gene.

        If a new value makes other genes invalid, the repair is minimal: see :meth:`repaired`.

        Args:
            genotype: The genotype to change; it is not in the result.
            variable: The gene to change; a gene without another value gives ``()``.

        Raises:
            GenotypeError: if ``genotype`` is not in this space.
        """
        Space.check(self, genotype)
        number = variable.node
        return tuple(
            self.repaired((*genotype.nodes[: number - 1], changed, *genotype.nodes[number:]))
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
                allowed = self.choices.blocks[genotype.computing_level(variable.node)]
                changed = (replace(node, block=block) for block in allowed)
            case "kernel":
                changed = (replace(node, kernel=kernel) for kernel in self.kernels)
            case "expansion":
                expansions = self.choices.expansions[node.block]
                changed = (replace(node, expansion=each) for each in expansions)
            case "skip":
                sources = (None, *genotype.skip_sources(variable.node))
                changed = (replace(node, skip=source) for source in sources)
        return (other for other in changed if other != node)

    def repaired(self, nodes: Iterable[Node]) -> Genotype:
        """Return the valid genotype nearest to nodes whose genes may not fit together.

        Node by node, a level is clipped to at most one from the level before it, a skip whose
        source no longer matches becomes none, a block that may not compute at its level becomes
        the first that may, and an expansion that the block may not have becomes its own. All other
        genes are kept.

        Args:
            nodes: As many as the space's genotypes have; each gene has a value of the space.
        """
        fitting: list[Node] = []
        choices = self.choices
        for node in nodes:
            before = fitting[-1].level if fitting else 0
            level = min(max(node.level, before - 1), before + 1)
            fits = node.skip is not None and fitting[node.skip - 1].level == before
            blocks = choices.blocks[max(before, level)]
            block = node.block if node.block in blocks else blocks[0]
            may_expand = node.expansion in choices.expansions[block]
            fitting.append(
                replace(
                    node,
                    level=level,
                    block=block,
                    expansion=node.expansion if may_expand else None,
                    skip=node.skip if fits else None,
                )
            )
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
