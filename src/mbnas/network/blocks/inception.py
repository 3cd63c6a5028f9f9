"""The inception block: four branches of different reach, side by side."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from mbnas.network.blocks.convolution import ConvolutionNormReLU, quarter


class InceptionBlock(nn.Module):
    """Concatenation of 1×1; 1×1, k×k; 1×1, k×k, k×k; and 3×3 average pool, 1×1.

    Each branch gives a quarter of ``out_channels``; normalisation and ReLU follow every
    convolution. The pool's average leaves out what lies outside the image.

    Args:
        in_channels: Channels of the input.
        out_channels: Channels of the output, a multiple of 4.
        kernel: Side of the convolutions that are not 1×1, odd.

    Raises:
        ConfigurationError: if four does not divide ``out_channels``.

    Source: Szegedy et al. 2017 (Inception-v4), figure 4, with kernel k in place of 3.
    """

    def __init__(self, in_channels: int, out_channels: int, kernel: int) -> None:
        super().__init__()
        width = quarter(out_channels, "inception")
        self.branches = nn.ModuleList(
            [
                ConvolutionNormReLU(in_channels, width, 1),
                nn.Sequential(
                    ConvolutionNormReLU(in_channels, width, 1),
                    ConvolutionNormReLU(width, width, kernel),
                ),
                nn.Sequential(
                    ConvolutionNormReLU(in_channels, width, 1),
                    ConvolutionNormReLU(width, width, kernel),
                    ConvolutionNormReLU(width, width, kernel),
                ),
                nn.Sequential(
                    nn.AvgPool2d(3, stride=1, padding=1, count_include_pad=False),
                    ConvolutionNormReLU(in_channels, width, 1),
                ),
            ]
        )

    def forward(
        self, maps: Float[Tensor, "batch in_channels height width"]
    ) -> Float[Tensor, "batch out_channels height width"]:
        """Return the block's feature maps."""
        return torch.cat([branch(maps) for branch in self.branches], dim=1)
