"""The layer that gives a network's logits, and how its bias starts."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Int
from torch import nn

from mbnas.errors import ConfigurationError


def output_layer(network: nn.Module, num_classes: int) -> nn.Conv2d:
    """Return the convolution that gives a network's logits: its last to ``num_classes`` channels.

    Raises:
        ConfigurationError: if no such convolution has a bias.
    """
    found = [
        module
        for module in network.modules()
        if isinstance(module, nn.Conv2d)
        and module.out_channels == num_classes
        and module.bias is not None
    ]
    if not found:
        raise ConfigurationError(
            f"No convolution of this network gives {num_classes} channels with a bias, so it "
            "cannot start at the class frequencies: set training.head_bias=random."
        )
    return found[-1]


def bias_head_to_frequencies(network: nn.Module, class_counts: Int[np.ndarray, " classes"]) -> None:
    """Set the head's bias so that, before training, it predicts how frequent each class is.

    Without it the first steps teach a network with few last features to say "background"
    by switching them all off; pixels of a class that went with them then pass no gradient
    through the last ReLU, and the class is never learned.

    Args:
        network: Its head's bias is set; everything else stays.
        class_counts: Pixels of each class in the training slices. Each counts one more, so that
            the bias of an absent class is finite.

    Raises:
        ConfigurationError: if the network has no output layer with a bias.

    Source: Lin et al. 2017 (focal loss), section 3.3, for the prior in the last bias.
    """
    head = output_layer(network, len(class_counts))
    counts = torch.from_numpy(class_counts) + 1.0
    assert head.bias is not None
    with torch.no_grad():
        head.bias.copy_((counts / counts.sum()).log())


def bias_head_to_odds(
    network: nn.Module, region_counts: Int[np.ndarray, " regions"], *, num_pixels: int
) -> None:
    """Set the head's bias so that, before training, it predicts how frequent each region is.

    This is :func:`bias_head_to_frequencies` for regions, whose probabilities are independent.

    Args:
        network: Its head's bias is set; everything else stays.
        region_counts: Pixels of each region in the training slices. Each counts one more inside
            and outside, so that the bias is finite.
        num_pixels: All labelled pixels.

    Raises:
        ConfigurationError: if the network has no output layer with a bias.
    """
    head = output_layer(network, len(region_counts))
    counts = torch.from_numpy(region_counts) + 1.0
    assert head.bias is not None
    with torch.no_grad():
        head.bias.copy_((counts / (num_pixels + 2.0 - counts)).log())
