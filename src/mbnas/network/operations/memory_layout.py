"""The memory layout of networks and their inputs: channels last.

Shape suffixes: B batch, C channels, H height, W width.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn


def channels_last(
    images_BCHW: Float[Tensor, "batch channels height width"],
) -> Float[Tensor, "batch channels height width"]:
    """Return images in channels-last memory, so that all maps after them are channels-last too.

    Images of one channel are the same in memory either way, and torch then takes them for
    contiguous: the maps of 1×1 convolutions, and all maps concatenated with them, would be
    contiguous and converted at every convolution. Their strides are therefore set explicitly.
    """
    images_BCHW = images_BCHW.contiguous(memory_format=torch.channels_last)
    _, channels, height, width = images_BCHW.shape
    if channels > 1:
        return images_BCHW
    return images_BCHW.as_strided(images_BCHW.shape, (height * width, 1, width, 1))


def placed(network: nn.Module, device: torch.device | str) -> nn.Module:
    """Move a network to a device, with weights in channels-last memory."""
    return network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]
