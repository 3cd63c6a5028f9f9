"""A convolution that keeps height and width, followed by normalisation and ReLU."""

from __future__ import annotations

import torch
from torch import nn

from mbnas.errors import ConfigurationError


def convolution(
    in_channels: int, out_channels: int, kernel: int, *, bias: bool = False
) -> nn.Conv2d:
    """Return a stride-1 convolution with "same" padding, by default without bias.

    Args:
        in_channels: Channels of the input.
        out_channels: Channels of the output.
        kernel: Side, odd: an even one would change height and width.
        bias: Whether it has a bias; a normalisation after it would cancel that.
    """
    return nn.Conv2d(in_channels, out_channels, kernel, padding=kernel // 2, bias=bias)


def joined(convolutions: list[nn.Conv2d]) -> nn.Conv2d:
    """Return one convolution that gives the channels of several, concatenated.

    Args:
        convolutions: With the same input, kernel and padding, without bias; the first is changed.
    """
    result = convolutions[0]
    result.weight = nn.Parameter(torch.cat([each.weight.detach() for each in convolutions]))
    result.out_channels = len(result.weight)
    return result


class NormReLU(nn.Sequential):
    """Batch normalisation and ReLU."""

    def __init__(self, channels: int) -> None:
        super().__init__(nn.BatchNorm2d(channels), nn.ReLU(inplace=True))


class ConvolutionNormReLU(nn.Sequential):
    """Convolution, batch normalisation, ReLU."""

    def __init__(self, in_channels: int, out_channels: int, kernel: int) -> None:
        super().__init__(
            convolution(in_channels, out_channels, kernel),
            nn.BatchNorm2d(out_channels),
            nn.ReLU(inplace=True),
        )


class NormReLUConvolution(nn.Sequential):
    """Batch normalisation, ReLU, convolution: the pre-activation order of dense blocks."""

    def __init__(
        self, in_channels: int, out_channels: int, kernel: int, *, bias: bool = False
    ) -> None:
        super().__init__(
            nn.BatchNorm2d(in_channels),
            nn.ReLU(inplace=False),
            convolution(in_channels, out_channels, kernel, bias=bias),
        )


def quarter(out_channels: int, block: str) -> int:
    """Return a quarter of the channels, the width of a branch or of a dense layer.

    Args:
        out_channels: Channels of the block's output.
        block: The block's name, for the error.

    Raises:
        ConfigurationError: if four does not divide the channels.
    """
    if out_channels % 4:
        raise ConfigurationError(
            f"The {block} block's out_channels (={out_channels}) must be divisible by 4: "
            "choose base channels (training.base_channels) that are a multiple of 4."
        )
    return out_channels // 4
