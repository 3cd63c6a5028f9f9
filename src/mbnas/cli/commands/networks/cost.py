"""``mbnas cost``."""

from __future__ import annotations

import argparse

from torch import nn

from mbnas.actions.named_networks import network_named
from mbnas.bounds import check_bound
from mbnas.cli.show.messages import warn
from mbnas.cli.show.printing import console, print_json
from mbnas.machine.load import load_warning
from mbnas.network.build import build_network, check_logits
from mbnas.network.cost.complexity import LATENCY_BATCHES, complexity, latency_ms
from mbnas.network.interface import Interface
from mbnas.training.device.device_setup import resolve_device
from mbnas.wording import count_text

_MOST = {"in_channels": 2**10, "classes": 2**10, "size": 2**13, "base_channels": 2**10}


def cost(arguments: argparse.Namespace) -> int:
    """Print what a network costs at an input size."""
    architecture = network_named(arguments.network)
    for name, most in _MOST.items():
        check_bound(f"--{name.replace('_', '-')}", getattr(arguments, name), 1, most)

    interface = Interface(
        in_channels=arguments.in_channels, num_classes=arguments.classes, size=arguments.size
    )

    def build() -> nn.Module:
        return build_network(architecture, interface, base_channels=arguments.base_channels)

    check_logits(build(), interface, name=str(architecture))
    found = complexity(build, interface)
    device = resolve_device(arguments.device)
    if sentence := load_warning():
        warn(sentence)
    milliseconds = latency_ms(build(), interface, device=device)
    if arguments.json:
        print_json(
            {
                "network": str(architecture),
                "in_channels": arguments.in_channels,
                "classes": arguments.classes,
                "size": arguments.size,
                "base_channels": arguments.base_channels,
                "parameters": found.parameters,
                "multiply_accumulates": found.multiply_accumulates,
                "latency_ms": milliseconds,
                "device": device,
            }
        )
        return 0
    out = console()
    side = arguments.size
    out.print(str(architecture))
    out.print(f"parameters            {found.parameters:,} ({count_text(found.parameters)})")
    out.print(
        f"multiply-accumulates  {found.multiply_accumulates:,} "
        f"({count_text(found.multiply_accumulates)}) for one {side}×{side} slice"
    )
    out.print(
        f"latency               {milliseconds:.1f} ms per slice on {device} (float32, fastest of "
        f"{LATENCY_BATCHES} batches)"
    )
    return 0
