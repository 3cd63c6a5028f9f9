"""The torch module of a genotype: its cells and its head.

Shape suffixes: B batch, C channels, H height, W width.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from mbnas.errors import ConfigurationError
from mbnas.network.blocks import STEM_KERNEL, STEMMED, block_class
from mbnas.network.blocks.convolution import convolution
from mbnas.network.blocks.image_extent import ExtentSequential, extent_at, padded_extent
from mbnas.network.operations.padding import pad_to_multiple
from mbnas.network.operations.upsampling import Upsampling, upsample
from mbnas.space.genotype import Genotype, Node


class Cell(ExtentSequential):
    """A block, with pooling before it or upsampling after it where the level changes.

    Down: 2×2 max-pool, then block. Keep: block. Up: block, then ×2 bilinear upsampling. In
    node 1, a convolution comes before a block of :data:`mbnas.network.blocks.STEMMED`.

    Args:
        node: The cell's genes.
        level_before: Level of its input, at most one from ``node.level``.
        in_channels: Channels of its input, including those of a skip.
        out_channels: Channels of its output.
        takes_image: Whether it is node 1.

    Source: Bosma et al. 2022, section 2.1.
    """

    def __init__(
        self,
        node: Node,
        *,
        level_before: int,
        in_channels: int,
        out_channels: int,
        takes_image: bool,
    ) -> None:
        layers: list[nn.Module] = []
        if node.level > level_before:
            layers.append(nn.MaxPool2d(2))
        if takes_image and node.block in STEMMED:
            layers.append(convolution(in_channels, out_channels, STEM_KERNEL))
            in_channels = out_channels
        layers.append(
            block_class(node.block, node.expansion)(in_channels, out_channels, node.kernel)
        )
        if node.level < level_before:
            layers.append(Upsampling(2))
        super().__init__(*layers)


class Network(nn.Module):
    """The network that a genotype describes. It gives raw logits at the input's size.

    Inputs of any size are padded with zeros to a multiple of ``2 ** (genotype.num_levels - 1)``,
    and the logits are cropped back. Blocks that look further than a kernel are told what is image.

    Args:
        genotype: The architecture.
        in_channels: Channels of the images.
        num_classes: Channels of the logits, background included.
        base_channels: Channels at level 0; each level doubles them. A multiple of 4 where
            a dense or inception block is used.

    Raises:
        ConfigurationError: if a number is below 1 or a block cannot have its width.

    Source: Bosma et al. 2022 (arXiv 2202.11401), section 2.1.
    """

    def __init__(
        self, genotype: Genotype, *, in_channels: int, num_classes: int, base_channels: int
    ) -> None:
        super().__init__()
        for name, value in (
            ("in_channels", in_channels),
            ("num_classes", num_classes),
            ("base_channels", base_channels),
        ):
            if value < 1:
                raise ConfigurationError(f"{name} (={value}) must be 1 or more.")
        self.genotype = genotype
        self.multiple = 2 ** (genotype.num_levels - 1)
        channels = [base_channels * 2**node.level for node in genotype.nodes]
        self.cells = nn.ModuleList()
        self.levels: list[int] = []  # at which the blocks compute
        for number, node in enumerate(genotype.nodes, start=1):
            arriving = in_channels if number == 1 else channels[number - 2]
            if node.skip is not None:
                arriving += channels[node.skip - 1]
            self.levels.append(genotype.computing_level(number))
            self.cells.append(
                Cell(
                    node,
                    level_before=genotype.level_before(number),
                    in_channels=arriving,
                    out_channels=channels[number - 1],
                    takes_image=number == 1,
                )
            )
        self.head = nn.Conv2d(channels[-1], num_classes, 1)

    def forward(
        self, images_BCHW: Float[Tensor, "batch channels height width"]
    ) -> Float[Tensor, "batch classes height width"]:
        """Return the logits of every class at every pixel.

        Args:
            images_BCHW: Images of any height and width, 1 pixel or more.
        """
        height, width = images_BCHW.shape[-2:]
        return self.logits(self.cell_outputs(images_BCHW)[-1])[..., :height, :width]

    def cell_outputs(
        self, images_BCHW: Float[Tensor, "batch channels height width"]
    ) -> list[Tensor]:
        """Return the output of every cell for padded images, at the resolution of its node's level.

        Args:
            images_BCHW: Images of any height and width, 1 pixel or more.
        """
        extent = padded_extent(images_BCHW, self.multiple)
        maps = pad_to_multiple(images_BCHW, self.multiple)
        outputs: list[Tensor] = []
        for node, level, cell in zip(self.genotype.nodes, self.levels, self.cells, strict=True):
            if node.skip is not None:
                maps = torch.cat([maps, outputs[node.skip - 1]], dim=1)
            maps = cell(maps, None if extent is None else extent_at(level, extent))
            outputs.append(maps)
        return outputs

    def logits(
        self, maps: Float[Tensor, "batch features down across"]
    ) -> Float[Tensor, "batch classes height width"]:
        """Return the logits from the last cell's output, at the size of the padded images."""
        logits: Tensor = self.head(maps)
        return upsample(logits, 2 ** self.genotype.nodes[-1].level)
