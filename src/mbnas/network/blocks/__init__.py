"""The blocks a node can hold, by the name that a genotype gives them.

A block is an ``nn.Module`` class called with ``(in_channels, out_channels, kernel)``
that keeps height and width. A further block is one file here and one line in
:data:`BLOCKS`; another package adds its own through the entry-point group
``mbnas.blocks``, name to class, and it is found without a change here.

Any block can be node 1 and then takes the image itself. It must be safe there: what it does first
has to be linear, such as a convolution or an average. A ReLU on the normalised image would discard
every intensity below the mean before any weight has seen it. A block whose paper begins otherwise
is in :data:`STEMMED`.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import entry_points

from torch import nn

from mbnas.errors import ConfigurationError
from mbnas.network.blocks.dense import DenseBlock
from mbnas.network.blocks.inception import InceptionBlock
from mbnas.network.blocks.residual import ResidualBlock
from mbnas.network.blocks.vgg import VGGBlock

BlockClass = Callable[[int, int, int], nn.Module]

BLOCKS: dict[str, BlockClass] = {
    "vgg": VGGBlock,
    "residual": ResidualBlock,
    "dense": DenseBlock,
    "inception": InceptionBlock,
}

STEMMED = frozenset({"dense"})
"""Blocks that begin with normalisation and ReLU: in node 1 a convolution comes before them.

It is :data:`STEM_KERNEL` wide and gives the channels of the node's level.

Source: Huang et al. 2018, section 3: a convolution precedes the first dense block.
"""

STEM_KERNEL = 3


def block_class(name: str) -> BlockClass:
    """Return the class behind a block's name.

    Args:
        name: As genotypes spell it: one of :data:`BLOCKS`, or an entry point's.

    Raises:
        ConfigurationError: if neither mbnas nor an installed package offers the name.
    """
    if name in BLOCKS:
        return BLOCKS[name]
    offered = {point.name: point for point in entry_points(group="mbnas.blocks")}
    if name not in offered:
        known = ", ".join([*BLOCKS, *sorted(offered)])
        raise ConfigurationError(
            f"There is no block {name!r}: use one of {known}, or install a package that "
            "offers it under the entry-point group mbnas.blocks."
        )
    loaded: BlockClass = offered[name].load()
    return loaded


__all__ = [
    "BLOCKS",
    "STEMMED",
    "STEM_KERNEL",
    "BlockClass",
    "DenseBlock",
    "InceptionBlock",
    "ResidualBlock",
    "VGGBlock",
    "block_class",
]
