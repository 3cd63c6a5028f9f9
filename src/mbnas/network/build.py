"""Build a torch module from any architecture, and check it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from mbnas.errors import ConfigurationError, cause_of
from mbnas.network.architecture import Architecture, LibraryNetwork, OwnNetwork
from mbnas.network.blocks import block_class
from mbnas.network.genotype_network import Network
from mbnas.network.interface import Interface
from mbnas.space.genotype import Genotype
from mbnas.space.search_space import Space


def build_network(
    architecture: Architecture, interface: Interface, *, base_channels: int
) -> nn.Module:
    """Return a network with random weights that gives raw logits at its input's size.

    Args:
        architecture: What to build.
        interface: What it must fit.
        base_channels: Channels of a genotype's level 0; it does not affect other networks.

    Raises:
        ConfigurationError: if it cannot be built.
    """
    match architecture:
        case Genotype():
            return Network(
                architecture,
                in_channels=interface.in_channels,
                num_classes=interface.num_classes,
                base_channels=base_channels,
            )
        case LibraryNetwork():
            # Imported here: it takes seconds, and few trainings need it.
            from mbnas.network.others.library_network import build_library_network

            return build_library_network(architecture, interface)
        case OwnNetwork():
            from mbnas.network.others.own_network import build_own_network

            return build_own_network(architecture, interface)


def check_blocks(space: Space, base_channels: int) -> None:
    """Check that every block of a space can be built at each width that it may have.

    Args:
        space: The space.
        base_channels: Channels of level 0.

    Raises:
        ConfigurationError: if a block does not exist or cannot be built.
    """
    cells = {
        (cell, given)
        for level, allowed in enumerate(space.choices.cells)
        for cell in allowed
        for given in (level, level - 1)  # before upsampling, it gives the channels above
        if given >= 0
    }
    for (block, kernel, expansion), level in sorted(cells, key=str):
        width = base_channels << level
        make = partial(block_class(block, expansion), width, width, kernel)
        with torch.device("meta"):
            _tried(make, f"The block {block} cannot be built for {width} channels")


def check_logits(network: nn.Module, interface: Interface, *, name: str = "This network") -> None:
    """Check that a network gives logits of every class at every pixel, and can be trained.

    It is run in evaluation mode, then in one training step: forward pass, loss, backward pass.

    Args:
        network: On the meta device or the CPU; it is left in evaluation mode.
        interface: What it must fit.
        name: The network's name in messages.

    Raises:
        ConfigurationError: if its output is wrong, or it raises an error.
    """
    device = next((each.device for each in network.parameters()), torch.device("cpu"))
    size = interface.size
    shape = (2, interface.in_channels, size, size)
    expected = (2, interface.num_classes, size, size)
    buffers = {name: each.detach().clone() for name, each in network.named_buffers()}
    try:
        for training in (False, True):
            mode = "in training mode" if training else "in evaluation mode"
            network.train(training)
            with torch.set_grad_enabled(training):
                images_BCHW = torch.zeros(shape, device=device)
                logits = _tried(
                    partial(network, images_BCHW), f"{name} fails {mode} for an input of {shape}"
                )
            _check_output(logits, name=name, mode=mode, given=shape, expected=expected)
        labels_BHW = torch.zeros(2, size, size, dtype=torch.long, device=device)
        _tried(
            lambda: functional.cross_entropy(logits.float(), labels_BHW).backward(),  # type: ignore[no-untyped-call]
            f"{name} fails in the backward pass of a training step",
        )
    finally:
        network.zero_grad(set_to_none=True)
        for name, each in network.named_buffers():
            if name in buffers:
                each.detach().copy_(buffers[name])
        network.eval()


def _tried(work: Callable[[], Any], what: str) -> Any:
    """Return the result of a network's own code; state any error in one sentence."""
    try:
        return work()
    except (KeyboardInterrupt, MemoryError, torch.OutOfMemoryError, ConfigurationError):
        raise
    except BaseException as error:
        raise ConfigurationError(f"{what}: {cause_of(error)}.") from error


def _check_output(
    logits: object, *, name: str, mode: str, given: tuple[int, ...], expected: tuple[int, ...]
) -> None:
    """Raise if an output is not a real tensor of the expected shape."""
    if not isinstance(logits, torch.Tensor):
        found: object = type(logits).__name__
    elif not logits.is_floating_point():
        found = f"values of {logits.dtype}"
    elif tuple(logits.shape) != expected:
        found = tuple(logits.shape)
    else:
        return
    raise ConfigurationError(
        f"{name} gives {found} {mode} for an input of {given}: it must give raw logits of "
        f"shape {expected}, as real numbers."
    )
