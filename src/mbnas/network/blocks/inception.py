"""The inception block: four parallel branches with different receptive fields."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from mbnas.network.blocks.convolution import (
    ConvolutionNormReLU,
    NormReLU,
    convolution,
    joined,
    quarter,
)


class InceptionBlock(nn.Module):
    """Concatenation of 1×1; 1×1, k×k; 1×1, k×k, k×k; and 3×3 average pool, 1×1.

    Each branch gives a quarter of ``out_channels``; normalisation and ReLU follow every
    convolution. The pool averages only over pixels of the image.

    The branches are computed together where the result is the same. Their first convolutions are
    one; that of the last branch runs before the pool, since a 1×1 convolution without bias and
    an average over pixels commute. Normalisation works channel by channel, so maps that are
    available at the same time are normalised at once.

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
        self.width = quarter(out_channels, "inception")
        # Weights are drawn branch by branch, as if nothing were computed together.
        first = [convolution(in_channels, self.width, 1), convolution(in_channels, self.width, 1)]
        self.short = convolution(self.width, self.width, kernel)
        first.append(convolution(in_channels, self.width, 1))
        self.long = nn.Sequential(
            ConvolutionNormReLU(self.width, self.width, kernel),
            convolution(self.width, self.width, kernel),
        )
        first.append(convolution(in_channels, self.width, 1))
        self.first = joined(first)
        self.first_activation = NormReLU(2 * self.width)
        self.pool = nn.AvgPool2d(3, stride=1, padding=1, count_include_pad=False)
        self.last_activation = NormReLU(out_channels)

    def forward(
        self, maps: Float[Tensor, "batch in_channels height width"]
    ) -> Float[Tensor, "batch out_channels height width"]:
        """Return the block's feature maps."""
        point, between, pooled = self.first(maps).split(
            [self.width, 2 * self.width, self.width], dim=1
        )
        short, long = self.first_activation(between).chunk(2, dim=1)
        branches = [point, self.short(short), self.long(long), self.pool(pooled)]
        output: Tensor = self.last_activation(torch.cat(branches, dim=1))
        return output
