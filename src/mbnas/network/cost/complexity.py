"""Parameters, multiply-accumulates, activations and latency of a network."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_iter
from torch.utils.flop_counter import FlopCounterMode

from mbnas.network.interface import Interface
from mbnas.network.operations.determinism import deterministic_algorithms
from mbnas.space.cost_limits import CostName

LATENCY_BATCHES = 5
"""How many groups of passes are timed; the fastest gives the latency."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Complexity:
    """The cost of one forward pass of one image.

    Attributes:
        parameters: Number of trainable parameters.
        multiply_accumulates: Those of all convolutions, by torch's counter.
        activations: Values that its operations write. Small networks take time in proportion to
            them rather than to multiply-accumulates.

    Source of activations as a cost: Radosavovic et al. 2020, "Designing network design spaces",
    section 4. There, only those of convolutions count.
    """

    parameters: int
    multiply_accumulates: int
    activations: int

    def named(self, name: CostName) -> float:
        """Return one of the two costs that can be limits and objectives, by its name there."""
        return float(self.parameters if name == "parameters" else self.multiply_accumulates)


def complexity(build: Callable[[], nn.Module], interface: Interface) -> Complexity:
    """Return the cost of a network without computing anything.

    Args:
        build: Builds the network, on torch's meta device.
        interface: What the network fits.
    """
    parameters, flops, activations = counted(build, interface.in_channels, interface.size)
    return Complexity(
        parameters=parameters, multiply_accumulates=flops // 2, activations=activations
    )


def counted(build: Callable[[], nn.Module], channels: int, side: int) -> tuple[int, int, int]:
    """Return the trainable parameters, floating-point operations and activations of a module.

    They are those without deterministic algorithms, whatever the process uses: on devices other
    than a CPU, these write more.

    Args:
        build: Builds the module, on torch's meta device.
        channels: Of its input.
        side: Height and width of its input in pixels.
    """
    with torch.device("meta"):
        module = build().eval().to("meta")
        maps_BCHW = torch.empty(1, channels, side, side)
    counters = FlopCounterMode(display=False), _Written()
    with deterministic_algorithms(wanted=False), torch.no_grad(), counters[0], counters[1]:
        module(maps_BCHW)
    parameters = sum(each.numel() for each in module.parameters() if each.requires_grad)
    return parameters, counters[0].get_total_flops(), counters[1].num_values


class _Written(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts the values that operations write while it is active; views write none."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.num_values = 0

    def __torch_dispatch__(
        self, operation: Any, types: Any, arguments: Any = (), named: Any = None
    ) -> Any:
        result = operation(*arguments, **(named or {}))
        if not operation.is_view:
            self.num_values += sum(
                each.numel() for each in tree_iter(result) if isinstance(each, Tensor)
            )
        return result


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
