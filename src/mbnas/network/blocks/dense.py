"""The dense block: the input of every layer is the output of all layers before it."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from mbnas.network.blocks.convolution import NormReLUConvolution, quarter

NUM_LAYERS = 4


class DenseBlock(nn.Module):
    """Four layers of (norm, ReLU, convolution) that each add a quarter of the channels.

    A last norm, ReLU and 1×1 convolution reduce them to ``out_channels``. That convolution has
    a bias, since no normalisation follows it inside the block.

    Args:
        in_channels: Channels of the input.
        out_channels: Channels of the output, a multiple of 4.
        kernel: Side of all convolutions except the last, odd.

    Raises:
        ConfigurationError: if four does not divide ``out_channels``.

    Source: Huang et al. 2018, section 3, growth rate ``out_channels / 4``.
    """

    def __init__(self, in_channels: int, out_channels: int, kernel: int) -> None:
        super().__init__()
        growth = quarter(out_channels, "dense")
        self.layers = nn.ModuleList(
            NormReLUConvolution(in_channels + layer * growth, growth, kernel)
            for layer in range(NUM_LAYERS)
        )
        self.transition = NormReLUConvolution(
            in_channels + NUM_LAYERS * growth, out_channels, 1, bias=True
        )

    def forward(
        self, maps: Float[Tensor, "batch in_channels height width"]
    ) -> Float[Tensor, "batch out_channels height width"]:
        """Return the block's feature maps."""
        for layer in self.layers:
            maps = torch.cat([maps, layer(maps)], dim=1)
        output: Tensor = self.transition(maps)
        return output
