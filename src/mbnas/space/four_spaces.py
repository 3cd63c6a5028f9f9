"""The paper's four search spaces: the mixed space, and the same space with some genes fixed.

Each is a subset of the mixed space with the same settings, so a network has the same text
and digest in all of them.

Source: Bosma et al. 2022 (arXiv 2202.11401), section 2.1.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from mbnas.bounds import check_bounds
from mbnas.errors import ConfigurationError
from mbnas.space.cell_choices import BlockExpansion, BlockLevels
from mbnas.space.genotype import Genotype, unet_genotype
from mbnas.space.search_space import Space

SpaceName = Literal["mixed", "macro", "micro", "bilevel"]
SPACE_NAMES: tuple[SpaceName, ...] = ("mixed", "macro", "micro", "bilevel")


def macro_space(space: Space) -> Space:
    """Return the subset of a space with VGG 3 in every node: levels and skips are free.

    >>> macro_space(Space()).count
    19006640

    Raises:
        ConfigurationError: if the space has no VGG 3.
    """
    return replace(bilevel_space(space), kernels=(3,))


def micro_space(space: Space) -> Space:
    """Return the subset of a space with the U-Net's topology: blocks and kernels are free.

    >>> micro_space(Space()).count
    61917364224

    Raises:
        ConfigurationError: if the U-Net has another number of nodes.
    """
    unet = unet_genotype(space.num_levels)
    if len(unet.nodes) != space.num_nodes:
        raise ConfigurationError(
            f"The micro space has the U-Net's levels and skips, which need {len(unet.nodes)} "
            f"nodes on space.num_levels (={space.num_levels}) levels, not space.num_nodes "
            f"(={space.num_nodes}). Set space.num_nodes to {len(unet.nodes)}."
        )
    return replace(space, topology=unet.topology)


def bilevel_space(space: Space) -> Space:
    """Return all genotypes that a bilevel search can find: every block is VGG.

    The search visits a subset: topologies with VGG 3, then the kernels on one of them.

    >>> bilevel_space(Space()).num_topologies, bilevel_space(Space()).num_fillings
    (19006640, 59049)

    Raises:
        ConfigurationError: if the space has no VGG 3.
    """
    for key, fixed, values in (("blocks", "vgg", space.blocks), ("kernels", 3, space.kernels)):
        if fixed not in values:
            raise ConfigurationError(
                f"The macro and bilevel spaces have VGG 3 in every node, so space.{key} "
                f"(={list(values)}) must contain {fixed}. Add it, or search another space."
            )
    return replace(
        space,
        blocks=("vgg",),
        block_levels=tuple(rule for rule in space.block_levels if rule.block == "vgg"),
        expansions=tuple(each for each in space.expansions if each.block == "vgg"),
    )


def kernel_space(space: Space, genotype: Genotype) -> Space:
    """Return the subset of a space with a genotype's topology, and VGG in every node.

    Raises:
        ConfigurationError: if the space has no VGG 3, or other numbers of nodes or levels.
    """
    return replace(bilevel_space(space), topology=genotype.topology)


def named_space(name: SpaceName, space: Space) -> Space:
    """Return the subset of a space that a name of the paper stands for.

    Raises:
        ConfigurationError: if the space has no such subset.
    """
    match name:
        case "mixed":
            return space
        case "macro":
            return macro_space(space)
        case "micro":
            return micro_space(space)
        case "bilevel":
            return bilevel_space(space)


@dataclass(frozen=True, slots=True, kw_only=True)
class SpaceSettings:
    """Which networks to search: the ``[space]`` section.

    Attributes:
        name: ``mixed`` has all genes free; ``macro`` has VGG 3 in every node; ``micro`` has
            the U-Net's levels and skips; ``bilevel`` is first macro, then the kernels on the
            best topology.
        num_nodes: Nodes of every genotype.
        num_levels: Levels that a node may take, from 0.
        blocks: Names of the blocks that a node may have, where they are free.
        kernels: Kernel sizes that a block may have, where they are free.
        block_levels: At which levels a block may compute, such as ``attention:2-4``; blocks that
            are not named may at every level.
        expansions: Further expansions of blocks that widen their channels inside, each such as
            ``convnext:2``, besides the block's own.

    Raises:
        ConfigurationError: if a value breaks its rule.
    """

    name: SpaceName = "mixed"
    num_nodes: int = 10
    num_levels: int = 5
    blocks: tuple[str, ...] = ("vgg", "residual", "dense", "inception")
    kernels: tuple[int, ...] = (3, 5, 7)
    block_levels: tuple[str, ...] = ()
    expansions: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_bounds("space", self, num_nodes=(1, 100), num_levels=(1, 10))
        named_space(self.name, self._mixed)

    @property
    def searched(self) -> Space:
        """All genotypes that a search may propose."""
        return named_space(self.name, self._mixed)

    @property
    def first(self) -> Space:
        """The space of the first proposals: macro if the name is bilevel, otherwise all of it."""
        return macro_space(self._mixed) if self.name == "bilevel" else self.searched

    @property
    def _mixed(self) -> Space:
        return Space(
            num_nodes=self.num_nodes,
            num_levels=self.num_levels,
            blocks=self.blocks,
            kernels=self.kernels,
            block_levels=tuple(map(BlockLevels.parse, self.block_levels)),
            expansions=tuple(map(BlockExpansion.parse, self.expansions)),
        )
