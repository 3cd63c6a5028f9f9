"""Predict how much memory of its device a training needs."""

from __future__ import annotations

import math
from functools import lru_cache

import torch

from mbnas.data.augmentation.parameters import reach_of
from mbnas.data.datasets.label_scheme import Targets
from mbnas.data.slices.neighbours import num_seen
from mbnas.network.architecture import Architecture
from mbnas.network.build import build_network
from mbnas.network.cost.memory_need import CONTEXT_BYTES, MARGIN, MemoryNeed, memory_need
from mbnas.network.interface import Interface
from mbnas.training.loading.batch_stream import streamed_bytes
from mbnas.training.loading.load_slices import are_resident
from mbnas.training.loading.patch_sampler import window_size_of
from mbnas.training.loading.slice_source import pixels_bytes
from mbnas.training.loop.losses import make_loss
from mbnas.training.loop.validation import PREDICTED_AT_ONCE
from mbnas.training.protocol import Protocol

_WINDOW_BYTES = 3 * 8
"""Of a pixel of a window: indices of what is gathered, and which are inside its slice."""


@lru_cache(maxsize=1024)
def training_memory(
    architecture: Architecture, protocol: Protocol, interface: Interface
) -> MemoryNeed:
    """Return the memory need of each training of a network, without its slices.

    Args:
        architecture: The network.
        protocol: How it is trained, precision resolved.
        interface: What the network fits.

    Raises:
        ConfigurationError: if the network cannot be built.
    """
    training = protocol.training
    return memory_need(
        lambda: build_network(
            architecture,
            interface,
            base_channels=training.base_channels,
        ),
        make_loss(training.loss, Targets.of_outputs(interface.num_classes)),
        interface,
        batch=training.batch_size,
        validation_batch=PREDICTED_AT_ONCE,
        dtype=torch.bfloat16 if training.precision == "bfloat16" else torch.float32,
    )


def predicted_bytes(
    architecture: Architecture,
    protocol: Protocol,
    interface: Interface,
    *,
    num_pixels: int,
    largest_slice: int = 0,
    device: str,
    trainings: int = 1,
) -> int:
    """Return how many bytes of a CUDA device fused trainings need, in a separate process.

    Args:
        architecture: The network.
        protocol: How it is trained, precision resolved.
        interface: What the network fits.
        num_pixels: Pixels of all prepared slices. Each process has them on its device, or only a
            few batches if they are streamed.
        largest_slice: Pixels of the largest slice, where slices are predicted by tiles.
        trainings: Number of fused trainings.
        device: The CUDA device, as torch names it; ``cuda`` is any of the machine's.
    """
    need = training_memory(architecture, protocol, interface)
    training = protocol.training
    channels, size, precision = interface.in_channels, interface.size, training.slice_precision
    stored = channels // num_seen(protocol.preparation.context)  # each slice is stored once
    of_slices = pixels_bytes(num_pixels, channels=stored, precision=precision)
    batch = trainings * training.batch_size
    is_resident = are_resident(of_slices, device)
    if protocol.preparation.patch_size is not None:
        window = window_size_of(size, reach_of(protocol.augmentation))
        if not is_resident:
            of_slices = streamed_bytes(batch, channels=channels, size=window, precision=precision)
        of_slices += batch * window**2 * (_WINDOW_BYTES + 2 * 4 * channels)
        of_slices += largest_slice * 4 * (channels + 2 * interface.num_classes)
    elif not is_resident:
        largest = max(batch, PREDICTED_AT_ONCE)
        of_slices = streamed_bytes(largest, channels=channels, size=size, precision=precision)
    of_training = need.total - CONTEXT_BYTES
    if training.step == "graph":  # a graph keeps its memory, also while slices are predicted
        of_training += math.ceil(MARGIN * min(need.step, need.validation))
    return CONTEXT_BYTES + trainings * of_training + of_slices
