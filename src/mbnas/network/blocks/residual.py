"""The residual block: two convolutions and a shortcut around them."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor, nn

from mbnas.network.blocks.convolution import ConvolutionNormReLU, convolution


def residual_branch(in_channels: int, out_channels: int, kernel: int) -> nn.Sequential:
    """Return convolution, norm, ReLU, convolution, norm.

    Args:
        in_channels: Channels of the input.
        out_channels: Channels of the output.
        kernel: Side of both convolutions, odd.
    """
    return nn.Sequential(
        ConvolutionNormReLU(in_channels, out_channels, kernel),
        convolution(out_channels, out_channels, kernel),
        nn.BatchNorm2d(out_channels),
    )


def shortcut(in_channels: int, out_channels: int) -> nn.Module:
    """Return the identity, or where channels differ a 1×1 convolution and normalisation."""
    if in_channels == out_channels:
        return nn.Identity()
    return nn.Sequential(convolution(in_channels, out_channels, 1), nn.BatchNorm2d(out_channels))


class ResidualBlock(nn.Module):
    """ReLU of (convolution, norm, ReLU, convolution, norm) plus the input.

    Where the channels differ, the input passes a 1×1 convolution and normalisation.

    Args:
        in_channels: Channels of the input.
        out_channels: Channels of the output.
        kernel: Side of all convolutions except the shortcut's, odd.

    Source: He et al. 2016, figure 2 and option B of section 3.3.
    """

    def __init__(self, in_channels: int, out_channels: int, kernel: int) -> None:
        super().__init__()
        self.residual = residual_branch(in_channels, out_channels, kernel)
        self.shortcut = shortcut(in_channels, out_channels)
        self.relu = nn.ReLU(inplace=True)

    def forward(
        self, maps: Float[Tensor, "batch in_channels height width"]
    ) -> Float[Tensor, "batch out_channels height width"]:
        """Return the block's feature maps."""
        output: Tensor = self.relu(self.residual(maps) + self.shortcut(maps))
        return output
