"""The inverted residual block of mobile networks, with squeeze and excitation."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor, nn

from mbnas.network.blocks.convolution import convolution
from mbnas.network.blocks.image_extent import Extent, ExtentBlock
from mbnas.network.blocks.squeeze_excitation import SqueezeExcitation

MBCONV_EXPANSION = 4
MBCONV_REDUCTION = 4


class MBConvBlock(ExtentBlock):
    """1×1 expansion, depthwise convolution, squeeze and excitation, linear 1×1 projection.

    Normalisation follows every convolution, and SiLU the first two. If channels do not differ,
    the input is added.

    Args:
        in_channels: Channels of the input.
        out_channels: Channels of the output.
        kernel: Side of the depthwise convolution, odd.
        expansion: Ratio of the channels of the depthwise convolution to ``in_channels``. With 1
            there is no convolution before it.

    Source: Sandler et al. 2018, section 3.3, for the block; Tan and Le 2019, section 4, for
        squeeze and excitation, to a quarter of ``in_channels``, and SiLU.
    """

    def __init__(
        self, in_channels: int, out_channels: int, kernel: int, *, expansion: int = MBCONV_EXPANSION
    ) -> None:
        super().__init__()
        width = expansion * in_channels
        self.expand = (
            nn.Identity()
            if expansion == 1
            else nn.Sequential(convolution(in_channels, width, 1), nn.BatchNorm2d(width), nn.SiLU())
        )
        self.depthwise = nn.Sequential(
            nn.Conv2d(width, width, kernel, padding=kernel // 2, groups=width, bias=False),
            nn.BatchNorm2d(width),
            nn.SiLU(),
        )
        self.excitation = SqueezeExcitation(width, in_channels // MBCONV_REDUCTION, nn.SiLU())
        self.project = nn.Sequential(
            convolution(width, out_channels, 1), nn.BatchNorm2d(out_channels)
        )
        self.adds_input = in_channels == out_channels

    def forward(
        self, maps: Float[Tensor, "batch in_channels height width"], extent: Extent | None = None
    ) -> Float[Tensor, "batch out_channels height width"]:
        """Return the block's feature maps; ``extent`` is the part of ``maps`` that is image."""
        wide = self.excitation(self.depthwise(self.expand(maps)), extent)
        projected: Tensor = self.project(wide)
        return maps + projected if self.adds_input else projected
