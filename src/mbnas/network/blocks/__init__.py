"""The blocks of nodes, by their names in genotypes.

A block is an ``nn.Module`` class that is called with ``(in_channels, out_channels, kernel)`` and
keeps height and width. A new block is one file here and one line in :data:`BLOCKS`. Other packages
add theirs through the entry-point group ``mbnas.blocks``, which maps names to classes. A block that
looks further than a kernel is an :class:`~mbnas.network.blocks.image_extent.ExtentBlock`.

Any block can be node 1, whose input is the image. Its first operation must then be linear, such as
a convolution or an average: a ReLU on the normalised image would discard every intensity below the
mean before any weight has seen it. A block whose paper starts otherwise is in :data:`STEMMED`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from importlib.metadata import entry_points

from torch import nn

from mbnas.errors import ConfigurationError
from mbnas.machine.entry_points import load_offered
from mbnas.network.blocks.attention import AttentionBlock
from mbnas.network.blocks.convnext import CONVNEXT_EXPANSION, ConvNeXtBlock
from mbnas.network.blocks.dense import DenseBlock
from mbnas.network.blocks.inception import InceptionBlock
from mbnas.network.blocks.mbconv import MBCONV_EXPANSION, MBConvBlock
from mbnas.network.blocks.residual import ResidualBlock
from mbnas.network.blocks.se_residual import SEResidualBlock
from mbnas.network.blocks.vgg import VGGBlock

BlockClass = Callable[[int, int, int], nn.Module]

BLOCKS: dict[str, BlockClass] = {
    "vgg": VGGBlock,
    "residual": ResidualBlock,
    "dense": DenseBlock,
    "inception": InceptionBlock,
    "convnext": ConvNeXtBlock,
    "seresidual": SEResidualBlock,
    "mbconv": MBConvBlock,
    "attention": AttentionBlock,
}

STEMMED = frozenset({"dense", "convnext", "mbconv", "attention"})
"""Blocks that are not made for images: in node 1 a convolution comes before them.

Its kernel is :data:`STEM_KERNEL`, and it gives the channels of the node's level. A dense block
starts with normalisation and ReLU; the others would look at single pixels first.

Source: Huang et al. 2018, section 3: a convolution precedes the first dense block. The papers of
    the other blocks begin their networks with one too.
"""

STEM_KERNEL = 3


EXPANDING: dict[str, int] = {"convnext": CONVNEXT_EXPANSION, "mbconv": MBCONV_EXPANSION}
"""The own expansion of each block that widens its channels inside.

Such a block takes the keyword ``expansion``.
"""


def block_class(name: str, expansion: int | None = None) -> BlockClass:
    """Return the class behind a block's name, with an expansion if it has a choice.

    Args:
        name: As in genotypes: one of :data:`BLOCKS`, or an entry point's.
        expansion: By how much it widens its channels, if not by its own expansion.

    Raises:
        ConfigurationError: if neither mbnas nor an installed package offers the name, its package
            cannot be imported, or the block has no such choice of its expansion.
    """
    found = _named_class(name)
    if expansion is None:
        return found
    if name not in EXPANDING:
        raise ConfigurationError(
            f"The block {name} has no expansion to choose (={expansion}): leave it out, or use one "
            f"of {', '.join(EXPANDING) or 'none'}."
        )
    if expansion == EXPANDING[name]:
        raise ConfigurationError(
            f"The block {name} has the expansion {expansion} by itself: leave it out, so that no "
            "network has two names."
        )
    widened: Callable[..., nn.Module] = found
    return partial(widened, expansion=expansion)


def _named_class(name: str) -> BlockClass:
    if name in BLOCKS:
        return BLOCKS[name]
    offered = {point.name: point for point in entry_points(group="mbnas.blocks")}
    if name not in offered:
        known = ", ".join([*BLOCKS, *sorted(offered)])
        raise ConfigurationError(
            f"There is no block {name!r}: use one of {known}, or install a package that "
            "offers it under the entry-point group mbnas.blocks."
        )
    loaded: BlockClass = load_offered(offered[name])
    return loaded


__all__ = [
    "BLOCKS",
    "EXPANDING",
    "STEMMED",
    "STEM_KERNEL",
    "AttentionBlock",
    "BlockClass",
    "ConvNeXtBlock",
    "DenseBlock",
    "InceptionBlock",
    "MBConvBlock",
    "ResidualBlock",
    "SEResidualBlock",
    "VGGBlock",
    "block_class",
]
