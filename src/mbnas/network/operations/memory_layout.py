"""How networks, and images on their way into them, lie in memory.

Shape suffixes: B batch, C channels, H height, W width.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn


def channels_last(
    images_BCHW: Float[Tensor, "batch channels height width"],
) -> Float[Tensor, "batch channels height width"]:
    """Return images whose channels lie side by side, so that all maps after them do.

    Images of one channel are the same in memory either way, and torch then takes them for the
    other layout: the maps of convolutions of 1x1 would lie that way, with them all that they are
    joined to, and be turned at every convolution.
    """
    images_BCHW = images_BCHW.contiguous(memory_format=torch.channels_last)
    _, channels, height, width = images_BCHW.shape
    if channels > 1:
        return images_BCHW
    return images_BCHW.as_strided(images_BCHW.shape, (height * width, 1, width, 1))


def placed(network: nn.Module, device: torch.device | str) -> nn.Module:
    """Move a network to a device, its weights laid out as :func:`channels_last` images are."""
    return network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]
