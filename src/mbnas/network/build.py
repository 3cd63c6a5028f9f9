"""From an architecture, of whichever kind, to a torch module."""

from __future__ import annotations

import torch
from torch import nn

from mbnas.errors import ConfigurationError
from mbnas.genotype.genotype import Genotype
from mbnas.network.architecture import Architecture, LibraryNetwork, OwnNetwork
from mbnas.network.network import Network


def build_network(
    architecture: Architecture, *, in_channels: int, num_classes: int, base_channels: int
) -> nn.Module:
    """Return a network with random weights that gives raw logits at its input's size.

    Args:
        architecture: What to build.
        in_channels: Channels of the images.
        num_classes: Channels of the logits, background included.
        base_channels: Channels of a genotype's level 0; networks of other kinds have their
            own widths.

    Raises:
        ConfigurationError: if it cannot be built.
    """
    match architecture:
        case Genotype():
            return Network(
                architecture,
                in_channels=in_channels,
                num_classes=num_classes,
                base_channels=base_channels,
            )
        case LibraryNetwork():
            # Imported here: it takes seconds, and most trainings need none of it.
            from mbnas.network.library import build_library_network

            return build_library_network(
                architecture, in_channels=in_channels, num_classes=num_classes
            )
        case OwnNetwork():
            from mbnas.network.own import build_own_network

            return build_own_network(architecture, in_channels=in_channels, num_classes=num_classes)


def output_layer(network: nn.Module, num_classes: int) -> nn.Conv2d:
    """Return the convolution that gives a network's logits: its last one to so many channels.

    Raises:
        ConfigurationError: if there is none with a bias.
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


@torch.no_grad()
def check_logits(network: nn.Module, *, in_channels: int, num_classes: int, size: int) -> None:
    """Return if a network gives logits of every class at every pixel of a square input.

    Args:
        network: On the meta device or the CPU; it is left in evaluation mode.
        in_channels: Channels of the images.
        num_classes: Channels that the logits must have.
        size: Side of the input in pixels.

    Raises:
        ConfigurationError: if they are of another shape; the message names both.
    """
    device = next((each.device for each in network.parameters()), torch.device("cpu"))
    expected = (1, num_classes, size, size)
    try:
        logits = network.eval()(torch.zeros(1, in_channels, size, size, device=device))
    except Exception as error:
        raise ConfigurationError(
            f"This network does not take an input of {(1, in_channels, size, size)}: "
            f"{type(error).__name__}: {error}"
        ) from error
    shape = tuple(logits.shape) if isinstance(logits, torch.Tensor) else type(logits).__name__
    if shape != expected:
        raise ConfigurationError(
            f"This network gives {shape} for an input of {(1, in_channels, size, size)}: it must "
            f"give raw logits of shape {expected}."
        )
