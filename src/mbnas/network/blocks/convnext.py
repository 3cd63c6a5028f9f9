"""The ConvNeXt block: a depthwise convolution, then a perceptron of each pixel."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor, nn

from mbnas.network.blocks.pixel_perceptron import PixelPerceptron, maps_of, pixels_of, projection

CONVNEXT_EXPANSION = 4


class ConvNeXtBlock(nn.Module):
    """The input plus (depthwise convolution, norm, 1×1 expansion, GELU, 1×1 contraction).

    Where the channels differ, the input passes a 1×1 convolution first.

    Args:
        in_channels: Channels of the input.
        out_channels: Channels of the output.
        kernel: Side of the depthwise convolution, odd.
        expansion: Ratio of the channels between the 1×1 convolutions to ``out_channels``.

    Source: Liu et al. 2022, section 2, without layer scale and stochastic depth, at the widths
        and kernels of MedNeXt (Roy et al. 2023), whose group normalisation is undefined for one
        pixel.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel: int,
        *,
        expansion: int = CONVNEXT_EXPANSION,
    ) -> None:
        super().__init__()
        self.projection = projection(in_channels, out_channels)
        self.depthwise = nn.Conv2d(
            out_channels, out_channels, kernel, padding=kernel // 2, groups=out_channels
        )
        self.perceptron = PixelPerceptron(out_channels, expansion)

    def forward(
        self, maps: Float[Tensor, "batch in_channels height width"]
    ) -> Float[Tensor, "batch out_channels height width"]:
        """Return the block's feature maps."""
        maps = self.projection(maps)
        return maps + maps_of(self.perceptron(pixels_of(self.depthwise(maps))))
