"""The members of a model as torch networks.

Shape suffixes: B batch, C channels, K classes, H height, W width.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float32
from torch import nn

from mbnas.errors import MbnasError, ModelError
from mbnas.network.architecture import Architecture, LibraryNetwork, is_own
from mbnas.network.build import build_network
from mbnas.prediction.model.model_card import Member, ModelCard, checked_file
from mbnas.prediction.model.runner import Run
from mbnas.prediction.model.slice_inference import torch_runner
from mbnas.training.device.device_setup import keep_large_blocks, resolve_device
from mbnas.training.device.out_of_memory import memory_errors
from mbnas.training.final.weights_file import load_weights


def load_network(
    folder: Path, card: ModelCard, member: Member, *, trust_modules: bool = False
) -> nn.Module:
    """Return a member's network with its weights, on the CPU and in evaluation mode.

    Raises:
        ModelError: if the weights are absent, damaged or of another network, or the network is
            a user's own module that is not trusted.
    """
    path = checked_file(folder, member)
    network = build_empty(card, trust_modules=trust_modules)
    load_weights(network, path)
    return network.eval()


def build_empty(card: ModelCard, *, trust_modules: bool = False) -> nn.Module:
    """Return a model's network with random weights.

    Raises:
        ModelError: if it cannot be built, or is a user's own module that is not trusted.
    """
    if is_own(card.network) and not trust_modules:
        raise ModelError(
            f"The model's network is {card.network}, whose code would be run: if you trust it, "
            "add --trust-module."
        )
    try:
        return build_network(
            _without_download(card.architecture),
            card.interface,
            base_channels=card.base_channels,
        )
    except MbnasError as error:
        raise ModelError(f"The model's network cannot be built: {error}") from error


def load_torch_members(
    folder: Path, card: ModelCard, *, device: str = "auto", trust_modules: bool = False
) -> list[Run]:
    """Return the functions that run each member of a model in torch.

    Raises:
        ModelError: as :func:`load_network`.
        ConfigurationError: if there is no such device.
    """
    place = resolve_device(device)
    if torch.device(place).type == "cpu":
        keep_large_blocks()
    return [
        _runner(load_network(folder, card, each, trust_modules=trust_modules), card, place)
        for each in card.members
    ]


def _runner(network: nn.Module, card: ModelCard, device: str) -> Run:
    """Return a function that runs a network on slices, with one-line out-of-memory errors."""
    compute = torch_runner(network, torch.device(device), card.precision)

    def run(
        images_BCHW: Float32[np.ndarray, "batch channels height width"],
    ) -> Float32[np.ndarray, "batch classes height width"]:
        with memory_errors(device):
            return compute(images_BCHW)

    return run


def _without_download(architecture: Architecture) -> Architecture:
    """Return a network without pretrained weights, to avoid a needless download."""
    if isinstance(architecture, LibraryNetwork):
        return replace(architecture, weights=None)
    return architecture
