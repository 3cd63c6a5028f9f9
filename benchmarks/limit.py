"""How near is each block to the machine's limits of arithmetic and memory bandwidth?

The machine's rates are measured first: of matrix products, the best of several shapes, and of
memory, the best of copying and of a triad. Then each block is run forward and backward at two
places of a network. Its operations over its time, as a share of the first rate, say how much of
the arithmetic is used; its bytes, as a share of the second, how much of the memory's bandwidth.

    python benchmarks/limit.py --output benchmarks/results/limit.json
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from limit_page import markdown, plot
from measuring import machine, timed, write
from torch.utils.flop_counter import FlopCounterMode
from traffic import Traffic

from mbnas.network.blocks import BLOCKS
from mbnas.network.cpu import with_cpu_layers
from mbnas.training.device.device_setup import (
    autocast,
    flushing_subnormals,
    prepare_process,
    resolve_device,
    resolve_precision,
)
from mbnas.training.protocol import Precision

PRODUCTS = {"cpu": (512, 1024, 2048), "cuda": (2048, 4096, 8192)}
"""Sides of the matrices, by type of device."""
COPY_BYTES = 2**28
KERNELS = (3, 7)


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a block is in a network of 32 base channels and 128 × 128 pixels."""

    channels: int
    side: int


PLACES = {"level 0": Place(channels=32, side=128), "level 2": Place(channels=128, side=32)}


def main() -> None:
    """Measure the machine and every block, write JSON, a page and a plot."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5, help="of each (default 5)")
    parser.add_argument("--batch", type=int, default=8, help="slices (default 8)")
    parser.add_argument("--device", default="cpu", help="default cpu")
    parser.add_argument("--threads", type=int, default=1, help="of torch (default 1)")
    parser.add_argument(
        "--clock",
        choices=("wall_s", "cpu_s"),
        default="wall_s",
        help="cpu_s: this process's time, for one thread on a machine with other work",
    )
    parser.add_argument("--output", type=Path, required=True, metavar="FILE.json")
    arguments = parser.parse_args()
    prepare_process(arguments.threads)
    device = resolve_device(arguments.device)
    precision = resolve_precision("auto", device)
    stopwatch = Stopwatch(device=device, rounds=arguments.rounds, clock=arguments.clock)
    with flushing_subnormals():
        rates = {
            "float32": product_rate(torch.float32, stopwatch),
            "bfloat16": product_rate(torch.bfloat16, stopwatch),
        }
        bandwidth = memory_rate(stopwatch)
        rows = [
            {"block": block, "kernel": kernel, "place": place}
            | measure(block, kernel, PLACES[place], precision, arguments.batch, stopwatch)
            for block in BLOCKS
            for kernel in KERNELS
            for place in PLACES
        ]
    for row in rows:
        row["share_of_products"] = row["flop"] / row["seconds"] / rates[precision]
        row["share_of_bandwidth"] = row["bytes"] / row["seconds"] / bandwidth
    measured = {
        "machine": machine(device, arguments.threads),
        "flop_per_s": rates,
        "bytes_per_s": bandwidth,
        "precision": precision,
        "clock": arguments.clock,
        "batch_size": arguments.batch,
        "rows": rows,
        "headlines": [
            {
                "what": f"{block}: the largest share of the machine's {limit} that it reaches",
                "value": max(row[key] for row in rows if row["block"] == block),
            }
            for block in BLOCKS
            for limit, key in (
                ("matrix products", "share_of_products"),
                ("memory bandwidth", "share_of_bandwidth"),
            )
        ],
    }
    picture = arguments.output.with_suffix(".svg")
    write(measured, markdown(measured, picture.name), arguments.output)
    plot(measured, picture)


@dataclass(frozen=True, kw_only=True)
class Stopwatch:
    """Times calls on a device.

    Attributes:
        device: Where they run.
        rounds: How often a call is timed.
        clock: Which of the times of :func:`measuring.timed` counts.
    """

    device: str
    rounds: int
    clock: str

    def best(self, call: Callable[[], object]) -> float:
        """Return the shortest time of a call, in seconds; the first is not counted."""
        timed(call, self.device)
        return min(timed(call, self.device)[self.clock] for _ in range(self.rounds))


def product_rate(dtype: torch.dtype, stopwatch: Stopwatch) -> float:
    """Return the best rate of a product of square matrices, in operations per second."""
    rates, device = [], stopwatch.device
    for side in PRODUCTS[torch.device(device).type]:
        first, second = (torch.randn(side, side, device=device).to(dtype) for _ in range(2))
        made = torch.empty(side, side, dtype=dtype, device=device)
        seconds = stopwatch.best(lambda: torch.mm(first, second, out=made))  # noqa: B023
        rates.append(2 * side**3 / seconds)
    return max(rates)


def memory_rate(stopwatch: Stopwatch) -> float:
    """Return the better rate of a copy and a triad of large vectors, in bytes per second."""
    first, second, third = (
        torch.ones(COPY_BYTES // 4, dtype=torch.float32, device=stopwatch.device) for _ in range(3)
    )
    copy_s = stopwatch.best(lambda: first.copy_(second))
    triad_s = stopwatch.best(lambda: torch.add(second, third, alpha=2.0, out=first))
    return max(2 * COPY_BYTES / copy_s, 3 * COPY_BYTES / triad_s)


def measure(
    block: str,
    kernel: int,
    place: Place,
    precision: Precision,
    batch: int,
    stopwatch: Stopwatch,
) -> dict[str, Any]:
    """Return the operations, bytes and time of one block, forward and backward."""
    torch.manual_seed(0)
    device = stopwatch.device
    module = BLOCKS[block](place.channels, place.channels, kernel)
    module.to(device, memory_format=torch.channels_last)
    if torch.device(device).type == "cpu":
        with_cpu_layers(module)
    shape = (batch, place.channels, place.side, place.side)
    images = torch.randn(shape, device=device).contiguous(memory_format=torch.channels_last)
    images.requires_grad_()

    def step() -> None:
        module.zero_grad(set_to_none=True)
        images.grad = None
        with autocast(device, precision):
            made = module(images)
        made.backward(torch.ones_like(made))

    with FlopCounterMode(display=False) as counted:
        module(images)
    with Traffic() as moved:
        step()
    return {
        "channels": place.channels,
        "side": place.side,
        # Torch's counter takes the backward pass of grouped convolutions for that of full ones.
        "flop": 3 * counted.get_total_flops(),
        "bytes": moved.bytes,
        "seconds": stopwatch.best(step),
    }


if __name__ == "__main__":
    main()
