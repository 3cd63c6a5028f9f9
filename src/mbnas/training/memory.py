"""How much memory of its device a training needs, before it runs."""

from __future__ import annotations

from functools import lru_cache

import torch

from mbnas.network.architecture import Architecture
from mbnas.network.build import build_network
from mbnas.network.memory import CONTEXT_BYTES, MemoryNeed, memory_need
from mbnas.training.losses import make_loss
from mbnas.training.protocol import Protocol
from mbnas.training.validate import BATCH


@lru_cache(maxsize=1024)
def training_memory(
    architecture: Architecture, protocol: Protocol, *, in_channels: int, num_classes: int
) -> MemoryNeed:
    """Return what each training of a network needs; its slices lie on the device beside it.

    Args:
        architecture: The network.
        protocol: Every choice that matters here, precision resolved.
        in_channels: Channels of the slices.
        num_classes: Background included.

    Raises:
        ConfigurationError: if the network cannot be built.
    """
    training = protocol.training
    return memory_need(
        lambda: build_network(
            architecture,
            in_channels=in_channels,
            num_classes=num_classes,
            base_channels=training.base_channels,
        ),
        make_loss(training.loss),
        in_channels=in_channels,
        size=protocol.preparation.slice_size,
        batch=training.batch_size,
        validation_batch=BATCH,
        dtype=torch.bfloat16 if training.precision == "bfloat16" else torch.float32,
    )


def predicted_bytes(
    architecture: Architecture,
    protocol: Protocol,
    *,
    in_channels: int,
    num_classes: int,
    slices_bytes: int,
    trainings: int = 1,
) -> int:
    """Return how many bytes of a CUDA device trainings need together, in a process of their own.

    Args:
        architecture: The network.
        protocol: Every choice that matters here, precision resolved.
        in_channels: Channels of the slices.
        num_classes: Background included.
        slices_bytes: Of all prepared slices and labels, which each process has on its device.
        trainings: How many of the network advance together.
    """
    need = training_memory(architecture, protocol, in_channels=in_channels, num_classes=num_classes)
    return CONTEXT_BYTES + trainings * (need.total - CONTEXT_BYTES) + slices_bytes
