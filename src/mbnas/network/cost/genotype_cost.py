"""Exact costs of genotypes, fast enough to ask for thousands of them before any is trained.

A network of the space is a sequence of cells and a head. The cost of a cell depends only on its
block, kernel, expansion and step between levels, on its channels and on the size of its input. So
each such cell is built and counted once, on torch's meta device, and a genotype costs the sum of
its cells. Blocks of other packages are counted in the same way.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from torch import nn

from mbnas.network.cost.complexity import Complexity, counted
from mbnas.network.genotype_network import Cell
from mbnas.network.interface import Interface
from mbnas.space.genotype import Genotype, Node


@dataclass(frozen=True, slots=True, kw_only=True)
class GenotypeCost:
    """Returns the cost of genotypes at one interface and width, when called.

    The result is equal to :func:`~mbnas.network.cost.complexity.complexity` of the network that
    the genotype builds, but for the activations of what a block is told of a padded image.

    >>> interface = Interface(in_channels=1, num_classes=2, size=8)
    >>> cost = GenotypeCost(interface=interface, base_channels=4)
    >>> cost(Genotype.parse("0vgg3"))
    Complexity(parameters=206, multiply_accumulates=12032, activations=1744)

    Attributes:
        interface: What the networks fit.
        base_channels: Channels of level 0.

    Raises:
        ConfigurationError: when called, if a block does not exist or cannot have its width.
    """

    interface: Interface
    base_channels: int

    def __call__(self, genotype: Genotype) -> Complexity:
        """Return the cost of a genotype."""
        multiple = 1 << (genotype.num_levels - 1)
        side = -(-self.interface.size // multiple) * multiple  # of the padded image
        channels = [self.base_channels << node.level for node in genotype.nodes]
        parameters = flops = level_before = 0
        activations = self.interface.in_channels * side**2  # the padded image
        for index, node in enumerate(genotype.nodes):
            arriving = channels[index - 1] if index else self.interface.in_channels
            if node.skip is not None:
                arriving += channels[node.skip - 1]
                activations += arriving * (side >> level_before) ** 2  # their concatenation
            cell = _cell_cost(
                node.block,
                node.kernel,
                node.expansion,
                step=node.level - level_before,
                in_channels=arriving,
                out_channels=channels[index],
                side=side >> level_before,
                takes_image=index == 0,
            )
            parameters, flops = parameters + cell[0], flops + cell[1]
            activations += cell[2]
            level_before = node.level
        head = _head_cost(channels[-1], self.interface.num_classes, side >> level_before)
        if level_before:
            activations += self.interface.num_classes * side**2  # the upsampled logits
        return Complexity(
            parameters=parameters + head[0],
            multiply_accumulates=(flops + head[1]) // 2,
            activations=activations + head[2],
        )


@lru_cache(maxsize=2**16)
def _cell_cost(
    block: str,
    kernel: int,
    expansion: int | None,
    *,
    step: int,
    in_channels: int,
    out_channels: int,
    side: int,
    takes_image: bool,
) -> tuple[int, int, int]:
    """Return the parameters, floating-point operations and activations of a cell.

    Args:
        block: Name of its block.
        kernel: Kernel of its block.
        expansion: Expansion of its block, if not its own.
        step: Level of its output minus that of its input.
        in_channels: Channels of its input.
        out_channels: Channels of its output.
        side: Height and width of its input in pixels.
        takes_image: Whether it is node 1.
    """
    level_before = 1 if step < 0 else 0  # only the step matters to a cell
    node = Node(level=level_before + step, block=block, kernel=kernel, expansion=expansion)

    def build() -> nn.Module:
        return Cell(
            node,
            level_before=level_before,
            in_channels=in_channels,
            out_channels=out_channels,
            takes_image=takes_image,
        )

    return counted(build, in_channels, side)


@lru_cache(maxsize=2**10)
def _head_cost(channels: int, num_classes: int, side: int) -> tuple[int, int, int]:
    return counted(lambda: nn.Conv2d(channels, num_classes, 1), channels, side)
