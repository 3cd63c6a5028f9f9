"""What a network costs: parameters, multiply-accumulates, latency."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from mbnas.network.interface import Interface

LATENCY_BATCHES = 5
"""How many batches of passes are timed; the latency is that of the fastest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Complexity:
    """The cost of one forward pass of one image.

    Attributes:
        parameters: Number of trainable parameters.
        multiply_accumulates: Of all convolutions, as torch's own counter finds them.
    """

    parameters: int
    multiply_accumulates: int


def complexity(build: Callable[[], nn.Module], interface: Interface) -> Complexity:
    """Return parameters and multiply-accumulates without computing anything.

    Args:
        build: Builds the network; torch's meta device is the default meanwhile.
        interface: What the network fits.
    """
    with torch.device("meta"):
        network = build().eval().to("meta")
        images_BCHW = torch.empty(1, interface.in_channels, interface.size, interface.size)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network(images_BCHW)
    return Complexity(
        parameters=sum(p.numel() for p in network.parameters() if p.requires_grad),
        multiply_accumulates=counter.get_total_flops() // 2,
    )


def latency_ms(
    network: nn.Module,
    interface: Interface,
    *,
    device: str = "cpu",
    batches: int = LATENCY_BATCHES,
    passes: int = 3,
    clock: Callable[[], float] = time.perf_counter,
) -> float:
    """Return how long a forward pass of one image takes, in milliseconds.

    It is the mean of the fastest batch of passes: what else runs on a machine can make a pass
    slower, and never faster, so the fastest is nearest to what the network needs.

    Args:
        network: The network; it is moved to ``device`` and set to evaluation mode.
        interface: What the network fits.
        device: Where to run, as torch names it.
        batches: How many batches are timed, after two passes that are not; 1 or more.
        passes: Of a batch, one after another; 1 or more.
        clock: Tells the time in seconds.
    """
    network = network.to(device).eval()
    shape = (1, interface.in_channels, interface.size, interface.size)
    images_BCHW = torch.zeros(shape, device=device)

    def run(times: int) -> float:
        start = clock()
        for _ in range(times):
            network(images_BCHW)
        if torch.device(device).type == "cuda":
            torch.cuda.synchronize(device)
        return clock() - start

    with torch.no_grad():
        run(2)
        return 1000 * min(run(passes) for _ in range(batches)) / passes
