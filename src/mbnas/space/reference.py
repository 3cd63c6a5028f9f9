"""The reference of a space: the U-Net, or the genotype nearest to it."""

from __future__ import annotations

from dataclasses import replace

from mbnas.space.genotype import Genotype, Node, unet_genotype
from mbnas.space.search_space import Space


def reference_genotype(space: Space) -> Genotype:
    """Return the standard U-Net, or the member of a space that is nearest to it.

    The U-Net is as deep as the space's levels and nodes allow; further nodes have level 0. Blocks
    are VGG, or the first block of the space where it may not be. Kernels are 3, or the nearest
    that the space has, the smaller of two. A space with a fixed topology keeps it.

    >>> str(reference_genotype(Space(num_nodes=5, num_levels=2, kernels=(5, 7))))
    '0vgg5-1vgg5-0vgg5-0vgg5@1-0vgg5'
    """
    block = "vgg" if "vgg" in space.blocks else space.blocks[0]
    kernel = min(space.kernels, key=lambda each: (abs(each - 3), each))
    nodes: tuple[Node, ...]
    if space.topology is not None:
        nodes = tuple(Node(level=level, skip=skip) for level, skip in space.topology)
    else:
        depth = max(1, min(space.num_levels, space.num_nodes // 2))
        nodes = unet_genotype(depth).nodes[: space.num_nodes]
        nodes += (Node(level=0),) * (space.num_nodes - len(nodes))
    return space.repaired(replace(each, block=block, kernel=kernel) for each in nodes)
