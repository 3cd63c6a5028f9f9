"""Parameters, multiply-accumulates and latency of a network."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from mbnas.network.interface import Interface
from mbnas.space.cost_limits import CostName

LATENCY_BATCHES = 5
"""How many groups of passes are timed; the fastest gives the latency."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Complexity:
    """The cost of one forward pass of one image.

    Attributes:
        parameters: Number of trainable parameters.
        multiply_accumulates: Those of all convolutions, by torch's counter.
    """

    parameters: int
    multiply_accumulates: int

    def named(self, name: CostName) -> float:
        """Return one of the two costs by its name among limits and objectives."""
        return float(self.parameters if name == "parameters" else self.multiply_accumulates)


def complexity(build: Callable[[], nn.Module], interface: Interface) -> Complexity:
    """Return parameters and multiply-accumulates without computing anything.

    Args:
        build: Builds the network, on torch's meta device.
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

    It is the mean of the fastest group of passes: other load on the machine can only make a pass
    slower, so the fastest group is nearest to what the network needs.

    Args:
        network: The network; it is moved to ``device`` and set to evaluation mode.
        interface: What the network fits.
        device: Where to run, as torch names it.
        batches: Number of timed groups, 1 or more; two untimed passes come first.
        passes: Passes in a group, 1 or more.
        clock: Returns the time in seconds.
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
