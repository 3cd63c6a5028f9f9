"""``mbnas space`` and ``mbnas cost``, and networks by the names that people give them."""

from __future__ import annotations

import argparse

from mbnas.cli.tables import console, count_text, print_json
from mbnas.errors import UsageError
from mbnas.genotype.space import Space
from mbnas.network.architecture import Architecture, is_own, parse_architecture
from mbnas.report.terminal import draw_in_terminal
from mbnas.seeds import generator


def space(arguments: argparse.Namespace) -> int:
    """Print the space's exact size and some of its genotypes, drawn."""
    searched = Space(num_nodes=arguments.nodes, num_levels=arguments.levels)
    if arguments.sample < 0:
        raise UsageError(f"--sample (={arguments.sample}) must be 0 or more.")
    rng = generator(arguments.seed, "sample")
    sample = [searched.sample(rng) for _ in range(arguments.sample)]
    if arguments.json:
        print_json(
            {
                "nodes": searched.num_nodes,
                "levels": searched.num_levels,
                "blocks": list(searched.blocks),
                "kernels": list(searched.kernels),
                "topologies": searched.num_topologies,
                "genotypes": searched.count,
                "sample": [str(genotype) for genotype in sample],
            }
        )
        return 0
    out = console()
    out.print(
        f"{searched.num_nodes} nodes, {searched.num_levels} levels, blocks "
        f"{', '.join(searched.blocks)}, kernels {', '.join(map(str, searched.kernels))}"
    )
    out.print(f"{_spaced(searched.num_topologies)} topologies")
    out.print(f"{_spaced(searched.count)} genotypes")
    for genotype in sample:
        out.print(f"\n{genotype}\n", markup=False)
        out.print(draw_in_terminal(genotype), markup=False)
    return 0


def cost(arguments: argparse.Namespace) -> int:
    """Print what a network costs at an input size."""
    architecture = network_named(arguments.network)
    from torch import nn

    from mbnas.network.build import build_network, check_logits
    from mbnas.network.complexity import complexity, latency_ms
    from mbnas.training.device import resolve_device

    for name in ("in_channels", "classes", "size", "base_channels"):
        if getattr(arguments, name) < 1:
            option = name.replace("_", "-")
            raise UsageError(f"--{option} (={getattr(arguments, name)}) must be 1 or more.")

    def build() -> nn.Module:
        return build_network(
            architecture,
            in_channels=arguments.in_channels,
            num_classes=arguments.classes,
            base_channels=arguments.base_channels,
        )

    where = {"in_channels": arguments.in_channels, "size": arguments.size}
    check_logits(build(), num_classes=arguments.classes, **where)
    found = complexity(build, **where)
    device = resolve_device(arguments.device)
    milliseconds = latency_ms(build(), device=device, **where)
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
    out.print(str(architecture), markup=False)
    out.print(f"parameters            {found.parameters:,} ({count_text(found.parameters)})")
    out.print(
        f"multiply-accumulates  {found.multiply_accumulates:,} "
        f"({count_text(found.multiply_accumulates)}) for one {side}×{side} slice"
    )
    out.print(f"latency               {milliseconds:.1f} ms a slice on {device} (float32, median)")
    return 0


def network_named(text: str) -> Architecture:
    """Return the network that a person names: a baseline, a genotype, a library's or their own."""
    if is_own(text):
        from mbnas.network.own import find_own_network

        return find_own_network(text)
    return parse_architecture(text)


def _spaced(number: int) -> str:
    return f"{number:,}".replace(",", " ")
