"""The paper's four search spaces: one space with all of its genes free, or some held.

Each is a part of the mixed space of the same settings, so a network has the same text
and digest in all of them.

Source: Bosma et al. 2022 (arXiv 2202.11401), section 2.1.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from mbnas.bounds import check_bounds
from mbnas.errors import ConfigurationError
from mbnas.space.genotype import Genotype, unet_genotype
from mbnas.space.search_space import Space

SpaceName = Literal["mixed", "macro", "micro", "bilevel"]
SPACE_NAMES: tuple[SpaceName, ...] = ("mixed", "macro", "micro", "bilevel")


def macro_space(space: Space) -> Space:
    """Return the part of a space in which every node holds VGG 3: levels and skips are free.

    >>> macro_space(Space()).count
    19006640

    Raises:
        ConfigurationError: if the space has no VGG 3.
    """
    return replace(bilevel_space(space), kernels=(3,))


def micro_space(space: Space) -> Space:
    """Return the part of a space with the U-Net's levels and skips: blocks and kernels are free.

    >>> micro_space(Space()).count
    61917364224

    Raises:
        ConfigurationError: if the U-Net has another number of nodes.
    """
    unet = unet_genotype(space.num_levels)
    if len(unet.nodes) != space.num_nodes:
        raise ConfigurationError(
            f"The micro space holds the U-Net's levels and skips, which take {len(unet.nodes)} "
            f"nodes on space.num_levels (={space.num_levels}) levels, not space.num_nodes "
            f"(={space.num_nodes}). Set space.num_nodes to {len(unet.nodes)}."
        )
    return replace(space, topology=unet.topology)


def bilevel_space(space: Space) -> Space:
    """Return all that a bilevel search may come to: every block is VGG.

    Of this space it sees a part: topologies with VGG 3, then the kernels on one of them.

    >>> bilevel_space(Space()).num_topologies, bilevel_space(Space()).num_fillings
    (19006640, 59049)

    Raises:
        ConfigurationError: if the space has no VGG 3.
    """
    for key, held, values in (("blocks", "vgg", space.blocks), ("kernels", 3, space.kernels)):
        if held not in values:
            raise ConfigurationError(
                f"The macro and bilevel spaces have VGG 3 in every node, so space.{key} "
                f"(={list(values)}) must name {held}. Add it, or search another space."
            )
    return replace(space, blocks=("vgg",))


def kernel_space(space: Space, genotype: Genotype) -> Space:
    """Return the part of a space with a genotype's levels and skips, and VGG in every node.

    Raises:
        ConfigurationError: if the space has no VGG 3, or its size is not the genotype's.
    """
    return replace(bilevel_space(space), topology=genotype.topology)


def named_space(name: SpaceName, space: Space) -> Space:
    """Return the part of a space that a name of the paper's stands for.

    Raises:
        ConfigurationError: if the space has no such part.
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
    """Where to search: the ``[space]`` section.

    Attributes:
        name: ``mixed`` leaves all genes free; ``macro`` holds VGG 3 in every node; ``micro``
            holds the U-Net's levels and skips; ``bilevel`` is macro first, then the kernels
            on the best topology.
        num_nodes: Nodes of every genotype.
        num_levels: Levels that a node may take, from 0.
        blocks: Names of the blocks that a node may hold, where the space leaves them free.
        kernels: Kernel sides that a block may have, where the space leaves them free.

    Raises:
        ConfigurationError: if a value breaks its rule.
    """

    name: SpaceName = "mixed"
    num_nodes: int = 10
    num_levels: int = 5
    blocks: tuple[str, ...] = ("vgg", "residual", "dense", "inception")
    kernels: tuple[int, ...] = (3, 5, 7)

    def __post_init__(self) -> None:
        check_bounds("space", self, num_nodes=(1, 100), num_levels=(1, 10))
        named_space(self.name, self._mixed)

    @property
    def searched(self) -> Space:
        """All genotypes that a search may propose."""
        return named_space(self.name, self._mixed)

    @property
    def first(self) -> Space:
        """Where a search starts: in the macro space of a bilevel one, or anywhere in all of it."""
        return macro_space(self._mixed) if self.name == "bilevel" else self.searched

    @property
    def _mixed(self) -> Space:
        return Space(
            num_nodes=self.num_nodes,
            num_levels=self.num_levels,
            blocks=self.blocks,
            kernels=self.kernels,
        )
