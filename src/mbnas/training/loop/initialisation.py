"""The weights from which a training begins, the same for the same task and attempt."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Int
from torch import nn

from mbnas.network.build import build_network, output_layer
from mbnas.network.cpu import with_cpu_layers
from mbnas.network.operations.memory_layout import placed
from mbnas.seeds import derive_seed
from mbnas.training.loading.slice_source import SliceSource
from mbnas.training.protocol import TrainingSettings
from mbnas.training.task import TrainingTask


def initial_network(
    task: TrainingTask,
    data: SliceSource,
    training_slices: Int[np.ndarray, " training"],
    *,
    attempt: int = 0,
) -> nn.Module:
    """Return a task's network as its training begins, on its device.

    Args:
        task: What to train.
        data: Its slices.
        training_slices: Indices of those to learn from.
        attempt: Which attempt, from 0.
    """
    network = initialised_network(task, data, attempt)
    if task.protocol.training.head_bias == "class-frequencies":
        bias_head_to_frequencies(
            output_layer(network, data.num_classes), data.class_counts(training_slices)
        )
    return placed_for_training(network, task.device, task.protocol.training)


def placed_for_training(
    network: nn.Module, device: torch.device | str, settings: TrainingSettings
) -> nn.Module:
    """Move a network to where it trains, with the layers that train fastest there.

    Args:
        network: To be trained; it is changed.
        device: Where.
        settings: Resolved. Networks that are compiled, recorded or advance together keep torch's
            own layers.
    """
    network = placed(network, device)
    is_layer_by_layer = settings.step == "eager" and settings.fused == "off"
    if torch.device(device).type == "cpu" and is_layer_by_layer:
        return with_cpu_layers(network)
    return network


def initialised_network(task: TrainingTask, data: SliceSource, attempt: int) -> nn.Module:
    """Return a task's network with random weights, the same for the same task and attempt."""
    with torch.random.fork_rng(devices=[]):  # weights are drawn on the CPU alone
        seed = task.protocol.seed
        index = (task.fold, task.initialisation, attempt)
        torch.default_generator.manual_seed(derive_seed(seed, "initialisation", *index))
        return build_network(
            task.architecture,
            data.interface,
            base_channels=task.protocol.training.base_channels,
        )


def bias_head_to_frequencies(head: nn.Conv2d, class_counts: Int[np.ndarray, " classes"]) -> None:
    """Set the head's bias so that, before training, it predicts how frequent each class is.

    Without it the first steps teach a network with few last features to say "background"
    by switching them all off; pixels of a class that went with them then pass no gradient
    through the last ReLU, and the class is never learned.

    Args:
        head: The layer that gives the logits; its bias is set, all else stays.
        class_counts: Pixels of each class in the training slices; each counts one more than
            it has, so that an absent one has a finite bias.

    Source: Lin et al. 2017 (focal loss), section 3.3, for the prior in the last bias.
    """
    counts = torch.from_numpy(class_counts) + 1.0
    assert head.bias is not None
    with torch.no_grad():
        head.bias.copy_((counts / counts.sum()).log())
