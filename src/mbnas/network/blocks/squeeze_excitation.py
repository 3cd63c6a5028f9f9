"""Squeeze and excitation: every channel is weighted by what all channels are on average.

Shape suffixes: B batch, C channels.
"""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor, nn

from mbnas.network.blocks.image_extent import Extent, inside

MIN_HIDDEN = 4
"""The fewest channels between the two layers: with fewer, narrow blocks could tell little apart."""


class SqueezeExcitation(nn.Module):
    """Multiplies maps by a weight of 0 to 1 for each channel.

    The weights come from the means of all channels over the image, by two fully connected layers.

    Args:
        channels: Channels of the maps.
        hidden: Channels between the two layers; at least :data:`MIN_HIDDEN` are taken.
        activation: What follows the first layer.

    Source: Hu et al. 2018, section 3.
    """

    def __init__(self, channels: int, hidden: int, activation: nn.Module) -> None:
        super().__init__()
        hidden = max(hidden, MIN_HIDDEN)
        self.layers = nn.Sequential(
            nn.Linear(channels, hidden), activation, nn.Linear(hidden, channels), nn.Sigmoid()
        )

    def forward(
        self, maps: Float[Tensor, "batch channels height width"], extent: Extent | None
    ) -> Float[Tensor, "batch channels height width"]:
        """Return the weighted maps.

        Args:
            maps: Maps of any size, 1 pixel or more.
            extent: The part of ``maps`` that is averaged; ``None`` for all.
        """
        part = inside(maps, extent)
        # Not ``mean``, whose gradient is computed pixel by pixel.
        means_BC = part.sum(dim=(2, 3)) / (part.shape[2] * part.shape[3])
        weights_BC: Tensor = self.layers(means_BC)
        return maps * weights_BC[..., None, None]
