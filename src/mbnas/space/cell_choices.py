"""Which cells a node may have: its block, kernel and expansion, by level.

The level that counts is the one at which a block computes: that of the node's output, or that of
its input where the node upsamples, because upsampling follows the block.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from mbnas.errors import ConfigurationError


class CellGenes(NamedTuple):
    """The genes of a node that say what its cell computes.

    Attributes:
        block: Name of the block.
        kernel: Side of its kernels.
        expansion: By how much it widens its channels; ``None`` is the block's own.
    """

    block: str
    kernel: int
    expansion: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockLevels:
    """A rule of a space: the levels at which a block may compute.

    >>> BlockLevels.parse("attention:2-4")
    BlockLevels(block='attention', first=2, last=4)
    >>> str(BlockLevels.parse("attention:3-3"))
    'attention:3'

    Attributes:
        block: Name of the block.
        first: The shallowest level.
        last: The deepest level.

    Raises:
        ConfigurationError: if ``last`` is above ``first`` or a level is negative.
    """

    block: str
    first: int
    last: int

    def __post_init__(self) -> None:
        if not 0 <= self.first <= self.last:
            raise ConfigurationError(
                f"The levels of block {self.block} (={self.first}-{self.last}) must ascend from 0 "
                "or more, such as 2-4."
            )

    def __contains__(self, level: object) -> bool:
        return isinstance(level, int) and self.first <= level <= self.last

    def __str__(self) -> str:
        last = "" if self.last == self.first else f"-{self.last}"
        return f"{self.block}:{self.first}{last}"

    @classmethod
    def parse(cls, text: str) -> BlockLevels:
        """Return the rule of a text such as ``attention:2-4`` or ``attention:2``.

        Raises:
            ConfigurationError: if it cannot be read.
        """
        match = _matched(
            r"([a-z]+):(\d{1,3})(?:-(\d{1,3}))?",
            text,
            key="block_levels",
            wanted="a block and its levels, such as attention:2-4",
        )
        block, first, last = match.groups()
        return cls(block=block, first=int(first), last=int(last or first))


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockExpansion:
    """A further expansion that a block may have besides its own.

    >>> BlockExpansion.parse("convnext:2")
    BlockExpansion(block='convnext', expansion=2)

    Attributes:
        block: Name of the block.
        expansion: By how much it widens its channels, 1 or more.

    Raises:
        ConfigurationError: if the expansion is below 1.
    """

    block: str
    expansion: int

    def __post_init__(self) -> None:
        if self.expansion < 1:
            raise ConfigurationError(
                f"The expansion of block {self.block} (={self.expansion}) must be 1 or more."
            )

    def __str__(self) -> str:
        return f"{self.block}:{self.expansion}"

    @classmethod
    def parse(cls, text: str) -> BlockExpansion:
        """Return the expansion of a text such as ``convnext:2``.

        Raises:
            ConfigurationError: if it cannot be read.
        """
        match = _matched(
            r"([a-z]+):(\d{1,3})",
            text,
            key="expansions",
            wanted="a block and one expansion, such as convnext:2",
        )
        return cls(block=match[1], expansion=int(match[2]))


@dataclass(frozen=True, slots=True, kw_only=True)
class CellChoices:
    """All cells that the nodes of a space may have.

    >>> choices = cell_choices(3, ("vgg", "attention"), (3, 5),
    ...                        (BlockLevels.parse("attention:1-2"),), ())
    >>> choices.blocks, [len(cells) for cells in choices.cells]
    ((('vgg',), ('vgg', 'attention'), ('vgg', 'attention')), [2, 4, 4])

    Attributes:
        blocks: Names of the blocks that may compute at each level.
        expansions: Expansions that a block may have, its own (``None``) first, by its name.
        cells: All cells that may compute at each level.
    """

    blocks: tuple[tuple[str, ...], ...]
    expansions: Mapping[str, tuple[int | None, ...]]
    cells: tuple[tuple[CellGenes, ...], ...]

    @property
    def variants(self) -> tuple[str, ...]:
        """The blocks with their expansions, as :attr:`mbnas.space.genotype.Node.variant` says."""
        return tuple(
            block if each is None else f"{block}x{each}"
            for block, expansions in self.expansions.items()
            for each in expansions
        )

    @property
    def num_cells(self) -> tuple[int, ...]:
        """How many cells may compute at each level."""
        return tuple(map(len, self.cells))


@lru_cache(maxsize=2**8)
def cell_choices(
    num_levels: int,
    blocks: tuple[str, ...],
    kernels: tuple[int, ...],
    block_levels: tuple[BlockLevels, ...],
    expansions: tuple[BlockExpansion, ...],
) -> CellChoices:
    """Return the cells that nodes may have by the settings of a space.

    Args:
        num_levels: Levels of the space.
        blocks: Names of its blocks.
        kernels: Its kernel sizes.
        block_levels: Levels of the blocks that may not compute at every level.
        expansions: Further expansions of blocks.

    Raises:
        ConfigurationError: if a rule names another block, two rules contradict each other, or a
            level has no block.
    """
    _check_names("block_levels", block_levels, blocks)
    _check_names("expansions", expansions, blocks)
    _check_distinct("block_levels", block_levels, [rule.block for rule in block_levels])
    _check_distinct("expansions", expansions, expansions)
    of_block: dict[str, tuple[int | None, ...]] = {
        block: (None, *(each.expansion for each in expansions if each.block == block))
        for block in blocks
    }
    blocks_by_level = []
    for level in range(num_levels):
        excluded = {rule.block for rule in block_levels if level not in rule}
        blocks_by_level.append(tuple(block for block in blocks if block not in excluded))
        if not blocks_by_level[-1]:
            raise ConfigurationError(
                f"space.block_levels (={_shown(block_levels)}) leaves level {level} without a "
                "block: allow one there, or add a block that may be at every level."
            )
    cells = tuple(
        tuple(
            CellGenes(block=block, kernel=kernel, expansion=expansion)
            for block in allowed
            for kernel in kernels
            for expansion in of_block[block]
        )
        for allowed in blocks_by_level
    )
    return CellChoices(blocks=tuple(blocks_by_level), expansions=of_block, cells=cells)


def _matched(pattern: str, text: str, *, key: str, wanted: str) -> re.Match[str]:
    """Return the match of a pattern with the text of a rule."""
    match = re.fullmatch(pattern, text)
    if match is None:
        raise ConfigurationError(
            f"space.{key} contains {text!r}, which cannot be read: write {wanted}."
        )
    return match


def _check_names(
    key: str, rules: Sequence[BlockLevels | BlockExpansion], blocks: tuple[str, ...]
) -> None:
    for rule in rules:
        if rule.block not in blocks:
            raise ConfigurationError(
                f"space.{key} (={_shown(rules)}) names {rule.block}, which is not in space.blocks "
                f"(={list(blocks)}). Add it there, or leave the rule out."
            )


def _check_distinct(key: str, rules: Sequence[object], values: Sequence[object]) -> None:
    if len(set(values)) < len(values):
        raise ConfigurationError(f"space.{key} (={_shown(rules)}) must not repeat a value.")


def _shown(rules: Sequence[object]) -> list[str]:
    return [str(rule) for rule in rules]
