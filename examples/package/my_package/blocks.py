"""A block: a class that is made with `(in_channels, out_channels, kernel)`."""

import torch
from torch import Tensor, nn


class GhostBlock(nn.Module):
    """Half of the channels by a convolution, the others from these by a depthwise one.

    Source: Han et al. 2020 (GhostNet), section 3.
    """

    def __init__(self, in_channels: int, out_channels: int, kernel: int) -> None:
        super().__init__()
        half = (out_channels + 1) // 2
        self.primary = nn.Sequential(
            nn.Conv2d(in_channels, half, kernel, padding=kernel // 2, bias=False),
            nn.BatchNorm2d(half),
            nn.ReLU(inplace=True),
        )
        self.cheap = nn.Sequential(
            nn.Conv2d(half, half, 3, padding=1, groups=half, bias=False),
            nn.BatchNorm2d(half),
            nn.ReLU(inplace=True),
        )
        self.out_channels = out_channels

    def forward(self, maps: Tensor) -> Tensor:
        """Return maps of the same height and width."""
        primary = self.primary(maps)
        return torch.cat([primary, self.cheap(primary)], dim=1)[:, : self.out_channels]
