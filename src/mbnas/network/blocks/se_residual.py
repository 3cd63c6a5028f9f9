"""The residual block whose residual is weighted channel by channel."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor, nn

from mbnas.network.blocks.image_extent import Extent, ExtentBlock
from mbnas.network.blocks.residual import residual_branch, shortcut
from mbnas.network.blocks.squeeze_excitation import SqueezeExcitation

SE_REDUCTION = 16


class SEResidualBlock(ExtentBlock):
    """The residual block, with squeeze and excitation of the residual before the sum.

    Args:
        in_channels: Channels of the input.
        out_channels: Channels of the output.
        kernel: Side of all convolutions except the shortcut's, odd.

    Source: Hu et al. 2018, figure 3, with reduction ratio 16.
    """

    def __init__(self, in_channels: int, out_channels: int, kernel: int) -> None:
        super().__init__()
        self.residual = residual_branch(in_channels, out_channels, kernel)
        self.excitation = SqueezeExcitation(
            out_channels, out_channels // SE_REDUCTION, nn.ReLU(inplace=True)
        )
        self.shortcut = shortcut(in_channels, out_channels)
        self.relu = nn.ReLU(inplace=True)

    def forward(
        self, maps: Float[Tensor, "batch in_channels height width"], extent: Extent | None = None
    ) -> Float[Tensor, "batch out_channels height width"]:
        """Return the block's feature maps; ``extent`` is the part of ``maps`` that is image."""
        residual = self.excitation(self.residual(maps), extent)
        output: Tensor = self.relu(residual + self.shortcut(maps))
        return output
