"""The network from which a training starts."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Int
from torch import nn

from mbnas.data.datasets.label_scheme import Targets
from mbnas.network.architecture import Architecture
from mbnas.network.build import build_network
from mbnas.network.cpu import with_cpu_layers
from mbnas.network.head import bias_head_to_frequencies, bias_head_to_odds
from mbnas.network.interface import Interface
from mbnas.network.operations.memory_layout import placed
from mbnas.training.protocol import TrainingSettings


def initial_network(
    architecture: Architecture,
    settings: TrainingSettings,
    interface: Interface,
    *,
    seed: int,
    targets: Targets,
    label_counts: Int[np.ndarray, " labels"] | None,
    device: str,
) -> nn.Module:
    """Return a network as its training starts, on its device.

    Args:
        architecture: What to build.
        settings: Resolved.
        interface: What the network fits.
        seed: Of its weights.
        targets: What it predicts.
        label_counts: Pixels of each label, from which the head's bias starts; ``None`` leaves
            the bias as torch draws it.
        device: Where it trains, as torch names it.
    """
    network = random_network(architecture, settings.base_channels, interface, seed=seed)
    if label_counts is not None and targets.regions:
        counts = targets.of_labels(label_counts)[1:]
        bias_head_to_odds(network, counts, num_pixels=int(label_counts.sum()))
    elif label_counts is not None:
        bias_head_to_frequencies(network, label_counts)
    return placed_for_training(network, device, settings)


def random_network(
    architecture: Architecture, base_channels: int, interface: Interface, *, seed: int
) -> nn.Module:
    """Return a network with random weights on the CPU, the same for the same seed."""
    with torch.random.fork_rng(devices=[]):  # weights are drawn on the CPU only
        torch.default_generator.manual_seed(seed)
        return build_network(architecture, interface, base_channels=base_channels)


def placed_for_training(
    network: nn.Module, device: torch.device | str, settings: TrainingSettings
) -> nn.Module:
    """Move a network to its device, with the layers that train fastest there.

    Args:
        network: To be trained; it is changed.
        device: Where it trains.
        settings: Resolved. Networks that are compiled, recorded or fused keep torch's own layers.
    """
    network = placed(network, device)
    is_layer_by_layer = settings.step == "eager" and settings.fused == "off"
    if torch.device(device).type == "cpu" and is_layer_by_layer:
        return with_cpu_layers(network)
    return network
