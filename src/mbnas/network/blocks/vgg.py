"""The VGG block: two plain convolutions."""

from __future__ import annotations

from torch import nn

from mbnas.network.blocks.convolution import ConvolutionNormReLU


class VGGBlock(nn.Sequential):
    """Convolution, normalisation, ReLU, twice.

    Args:
        in_channels: Channels of the input.
        out_channels: Channels of the output.
        kernel: Side of the convolutions, odd.

    Source: Simonyan and Zisserman 2015, as U-Net (Ronneberger et al. 2015) uses it.
    """

    def __init__(self, in_channels: int, out_channels: int, kernel: int) -> None:
        super().__init__(
            ConvolutionNormReLU(in_channels, out_channels, kernel),
            ConvolutionNormReLU(out_channels, out_channels, kernel),
        )
