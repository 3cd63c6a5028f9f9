"""A genotype: the architectural choices of one network, and nothing else.

A genotype is a sequence of nodes, each with four categorical genes: level, block,
kernel and skip. Nodes of some blocks may have a fifth, their expansion. A genotype holds no
weights, no score and no identifier.

Source: Bosma et al. 2022 (arXiv 2202.11401), section 2.1.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from mbnas.errors import GenotypeError
from mbnas.space.topology import Topology

Gene = Literal["level", "block", "kernel", "expansion", "skip"]
GENES: tuple[Gene, ...] = ("level", "block", "kernel", "expansion", "skip")

BLOCK_NAME = re.compile(r"[a-z]+")
MAX_KERNEL = 31
_NODE = re.compile(
    r"(?P<level>\d+)(?P<block>[a-z]+)(?P<kernel>\d+)(?:x(?P<expansion>\d+))?(?:@(?P<skip>\d+))?"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """One node of a network: a cell and where its input comes from.

    Attributes:
        level: Resolution level of the node's output; 0 is the resolution of the input.
        block: Name of the block inside the cell, lowercase letters.
        kernel: Size of the block's convolution kernels, odd; of its windows if it attends.
        expansion: By how much the block widens its channels, if not by its own default. The
            default is always ``None``, so that no two genotypes build the same network.
        skip: Number (from 1) of the earlier node whose output is added to this node's
            input, or ``None``.

    Raises:
        GenotypeError: if the value of a gene breaks its rule.
    """

    level: int
    block: str = "vgg"
    kernel: int = 3
    expansion: int | None = None
    skip: int | None = None

    def __post_init__(self) -> None:
        if self.level < 0:
            raise GenotypeError(f"A node's level (={self.level}) must be 0 or more.")
        if not BLOCK_NAME.fullmatch(self.block):
            raise GenotypeError(f"A block's name (={self.block!r}) must be lowercase letters.")
        if not is_kernel(self.kernel):
            raise GenotypeError(
                f"A node's kernel (={self.kernel}) must be odd, from 1 to {MAX_KERNEL}."
            )
        if self.expansion is not None and self.expansion < 1:
            raise GenotypeError(f"A node's expansion (={self.expansion}) must be 1 or more.")

    @property
    def widened(self) -> str:
        """How the block's expansion is written after its kernel: empty for the block's own."""
        return "" if self.expansion is None else f"x{self.expansion}"

    @property
    def variant(self) -> str:
        """The block's name, with its expansion if that is not its own."""
        return f"{self.block}{self.widened}"

    def __str__(self) -> str:
        source = "" if self.skip is None else f"@{self.skip}"
        return f"{self.level}{self.block}{self.kernel}{self.widened}{source}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Genotype:
    """A valid sequence of nodes.

    Its text form lists the nodes in order, joined by dashes; a node reads
    level, block, kernel, after ``x`` an expansion that is not the block's default and,
    after ``@``, the node that it skips from:

    >>> text = "0vgg3-1dense5-0residual3-0vgg7@1"
    >>> genotype = Genotype.parse(text)
    >>> genotype.nodes[3].skip
    1
    >>> str(genotype) == text
    True

    Attributes:
        nodes: Node ``l`` of the paper is ``nodes[l - 1]``.

    Raises:
        GenotypeError: if levels jump by more than one, or if a skip comes from a
            node that is not at least two places back at the level of the node before.
    """

    nodes: tuple[Node, ...]

    def __post_init__(self) -> None:
        if not self.nodes:
            raise GenotypeError("A genotype needs at least one node.")
        for number, node in enumerate(self.nodes, start=1):
            before = self.level_before(number)
            if abs(node.level - before) > 1:
                raise GenotypeError(
                    f"Node {number} has level {node.level} after level {before}: "
                    "levels change by at most 1 from node to node, starting from 0."
                )
            if node.skip is not None and node.skip not in self.skip_sources(number):
                raise GenotypeError(
                    f"Node {number} cannot skip from node {node.skip}: a skip comes from a node "
                    f"at least two places back whose level is that of node {number - 1} "
                    f"(={before}); here {list(self.skip_sources(number)) or 'none'}."
                )

    def level_before(self, number: int) -> int:
        """Return the level at which node ``number`` (from 1) receives its input."""
        return 0 if number == 1 else self.nodes[number - 2].level

    def computing_level(self, number: int) -> int:
        """Return the level at which the block of node ``number`` (from 1) computes.

        A node that upsamples does so after its block, which then computes at the level before.
        """
        return max(self.level_before(number), self.nodes[number - 1].level)

    def skip_sources(self, number: int) -> tuple[int, ...]:
        """Return the numbers of the nodes from which node ``number`` may skip."""
        before = self.level_before(number)
        return tuple(j for j in range(1, number - 1) if self.nodes[j - 1].level == before)

    @property
    def topology(self) -> Topology:
        """The levels and skips, without blocks and kernels."""
        return tuple((node.level, node.skip) for node in self.nodes)

    @property
    def num_levels(self) -> int:
        """How many levels the network spans; its input is padded to ``2**(num_levels - 1)``."""
        return 1 + max(node.level for node in self.nodes)

    @property
    def digest(self) -> str:
        """Sixteen hexadecimal digits that identify the network.

        No two genotypes build the same network, so it is a hash of the text.
        """
        return hashlib.sha256(str(self).encode()).hexdigest()[:16]

    def __str__(self) -> str:
        return "-".join(map(str, self.nodes))

    @classmethod
    def parse(cls, text: str) -> Genotype:
        """Return the genotype of a text; the inverse of ``str``.

        Raises:
            GenotypeError: if a node cannot be read, or the nodes are not a valid genotype.
        """
        return _parsed(text)


@lru_cache(maxsize=2**14)  # a page, a search and its status parse the same texts many times
def _parsed(text: str) -> Genotype:
    return Genotype(nodes=tuple(_parse_node(part) for part in text.strip().split("-")))


def is_kernel(side: int) -> bool:
    """Return whether a kernel may have a size: odd, from 1 to :data:`MAX_KERNEL`."""
    return 1 <= side <= MAX_KERNEL and side % 2 == 1


def _parse_node(text: str) -> Node:
    match = _NODE.fullmatch(text)
    if match is None:
        raise GenotypeError(
            f"Node {text!r} cannot be read: write level, block and kernel, then x and an expansion "
            "other than the block's default, and @ and the skip's source, if there are such. "
            "Examples are 2vgg3, 1residual5@2 and 3convnext7x2."
        )
    expansion, skip = match["expansion"], match["skip"]
    return Node(
        level=int(match["level"]),
        block=match["block"],
        kernel=int(match["kernel"]),
        expansion=None if expansion is None else int(expansion),
        skip=None if skip is None else int(skip),
    )


def unet_genotype(num_levels: int = 5) -> Genotype:
    """Return the standard U-Net as a genotype: all VGG 3, one skip per level.

    With five levels: ``0 1 2 3 4 3 2 1 0 0`` and skips 7←4, 8←3, 9←2, 10←1.

    Source: Ronneberger et al. 2015, in the encoding of Bosma et al. 2022.
    """
    down = range(num_levels)
    nodes = [Node(level=level) for level in down]
    nodes += [Node(level=num_levels - 2)] if num_levels > 1 else []
    for level in reversed(range(num_levels - 1)):
        nodes.append(Node(level=max(level - 1, 0), skip=level + 1))
    return Genotype(nodes=tuple(nodes))


def distance(first: Genotype, second: Genotype) -> int:
    """Return the number of genes in which two genotypes differ (Hamming distance).

    Raises:
        GenotypeError: if the genotypes differ in length.
    """
    if len(first.nodes) != len(second.nodes):
        raise GenotypeError(
            f"Genotypes of {len(first.nodes)} and {len(second.nodes)} nodes have no distance: "
            "they must be of equal length."
        )
    pairs = zip(first.nodes, second.nodes, strict=True)
    return sum(getattr(a, gene) != getattr(b, gene) for a, b in pairs for gene in GENES)
