"""A perceptron that every pixel's channels pass, as in transformers and ConvNeXt.

Shape suffixes: B batch, H height, W width, C channels.
"""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor, nn


class PixelPerceptron(nn.Sequential):
    """Layer normalisation, expansion, GELU and contraction of the channels of each pixel.

    Channels are the last dimension, which is how channels-last maps are in memory.

    Args:
        channels: Channels of input and output.
        expansion: Ratio of the channels between the two layers to these.

    Source: Ba et al. 2016 for the normalisation, Vaswani et al. 2017, section 3.3.
    """

    def __init__(self, channels: int, expansion: int) -> None:
        super().__init__(
            nn.LayerNorm(channels),
            nn.Linear(channels, expansion * channels),
            nn.GELU(),
            nn.Linear(expansion * channels, channels),
        )


def pixels_of(
    maps_BCHW: Float[Tensor, "batch channels height width"],
) -> Float[Tensor, "batch height width channels"]:
    """Return a view of maps whose last dimension is the channels."""
    return maps_BCHW.permute(0, 2, 3, 1)


def maps_of(
    pixels_BHWC: Float[Tensor, "batch height width channels"],
) -> Float[Tensor, "batch channels height width"]:
    """Return a view of pixels as maps, in channels-last memory."""
    return pixels_BHWC.permute(0, 3, 1, 2)


def projection(in_channels: int, out_channels: int) -> nn.Module:
    """Return the identity, or where channels differ a 1×1 convolution with bias."""
    if in_channels == out_channels:
        return nn.Identity()
    return nn.Conv2d(in_channels, out_channels, 1)
