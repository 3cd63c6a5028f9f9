"""What a network costs: parameters, multiply-accumulates, latency."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode


@dataclass(frozen=True, slots=True, kw_only=True)
class Complexity:
    """The cost of one forward pass of one image.

    Attributes:
        parameters: Number of trainable parameters.
        multiply_accumulates: Of all convolutions, as torch's own counter finds them.
    """

    parameters: int
    multiply_accumulates: int


def complexity(build: Callable[[], nn.Module], *, in_channels: int, size: int) -> Complexity:
    """Return parameters and multiply-accumulates without computing anything.

    Args:
        build: Builds the network; torch's meta device is the default meanwhile.
        in_channels: Channels of the input image.
        size: Height and width of the input image in pixels.
    """
    with torch.device("meta"):
        network = build().eval().to("meta")
        images_BCHW = torch.empty(1, in_channels, size, size)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network(images_BCHW)
    return Complexity(
        parameters=sum(p.numel() for p in network.parameters() if p.requires_grad),
        multiply_accumulates=counter.get_total_flops() // 2,
    )


def latency_ms(
    network: nn.Module,
    *,
    in_channels: int,
    size: int,
    device: str = "cpu",
    repetitions: int = 10,
) -> float:
    """Return the median time of a forward pass of one image, in milliseconds.

    Args:
        network: The network; it is moved to ``device`` and set to evaluation mode.
        in_channels: Channels of the input image.
        size: Height and width of the input image in pixels.
        device: Where to run, as torch names it.
        repetitions: How many passes are timed, after two that are not; 1 or more.
    """
    network = network.to(device).eval()
    images_BCHW = torch.zeros(1, in_channels, size, size, device=device)
    times_ms = []
    with torch.no_grad():
        for repetition in range(repetitions + 2):
            start = time.perf_counter()
            network(images_BCHW)
            if torch.device(device).type == "cuda":
                torch.cuda.synchronize(device)
            if repetition >= 2:
                times_ms.append(1000 * (time.perf_counter() - start))
    return statistics.median(times_ms)
