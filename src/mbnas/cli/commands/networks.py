"""``mbnas space`` and ``mbnas cost``, and networks by the names that people give them."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from pathlib import Path

from mbnas.bounds import check_bound
from mbnas.cli.show.load_warning import warn_of_load
from mbnas.cli.show.result_tables import console, print_csv, print_drawing, print_json
from mbnas.errors import ConfigurationError, StudyError, UsageError
from mbnas.network.architecture import Architecture, is_own, parse_architecture
from mbnas.seeds import generator
from mbnas.space.four_spaces import SPACE_NAMES, SpaceName, SpaceSettings
from mbnas.space.genotype import Genotype, unet_genotype
from mbnas.study.progress.search_status import SearchStatus
from mbnas.wording import count_text

SPACE_COLUMNS = ("name", "topologies", "fillings", "genotypes")
_MOST = {"in_channels": 2**10, "classes": 2**10, "size": 2**13, "base_channels": 2**10}


def space(arguments: argparse.Namespace) -> int:
    """Print the exact size of a space, or of all four, and some genotypes, drawn."""
    settings = _settings(arguments, arguments.space or "mixed")
    searched = settings.searched
    if arguments.sample < 0:
        raise UsageError(f"--sample (={arguments.sample}) must be 0 or more.")
    rng = generator(arguments.seed, "sample")
    sample = [searched.sample(rng) for _ in range(arguments.sample)]
    if arguments.json:
        print_json(
            {
                "space": settings.name,
                "nodes": searched.num_nodes,
                "levels": searched.num_levels,
                "blocks": list(searched.blocks),
                "kernels": list(searched.kernels),
                "topologies": searched.num_topologies,
                "fillings": searched.num_fillings,
                "genotypes": searched.count,
                "spaces": [_space_as_json(arguments, name) for name in SPACE_NAMES],
                "sample": [str(genotype) for genotype in sample],
            }
        )
        return 0
    if arguments.csv:
        print_csv(SPACE_COLUMNS, (_space_as_json(arguments, name) for name in SPACE_NAMES))
        return 0
    out = console()
    out.print(
        f"{searched.num_nodes} nodes, {searched.num_levels} levels, blocks "
        f"{', '.join(searched.blocks)}, kernels {', '.join(map(str, searched.kernels))}"
    )
    for line in _size(settings):
        out.print(line)
    if arguments.space is None:
        out.print()
        for name in SPACE_NAMES[1:]:
            out.print(f"{name:8} {_size_or_why_not(arguments, name)}")
    for genotype in sample:
        out.print(f"\n{genotype}")
        print_drawing(out, genotype)
    return 0


def cost(arguments: argparse.Namespace) -> int:
    """Print what a network costs at an input size."""
    architecture = network_named(arguments.network)
    from torch import nn

    from mbnas.network.build import build_network, check_logits
    from mbnas.network.cost.complexity import LATENCY_BATCHES, complexity, latency_ms
    from mbnas.network.interface import Interface
    from mbnas.training.device.device_setup import resolve_device

    for name, most in _MOST.items():
        check_bound(f"--{name.replace('_', '-')}", getattr(arguments, name), 1, most)

    interface = Interface(
        in_channels=arguments.in_channels, num_classes=arguments.classes, size=arguments.size
    )

    def build() -> nn.Module:
        return build_network(
            architecture,
            interface,
            base_channels=arguments.base_channels,
        )

    check_logits(build(), interface, name=str(architecture))
    found = complexity(build, interface)
    device = resolve_device(arguments.device)
    warn_of_load()
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
        f"latency               {milliseconds:.1f} ms a slice on {device} (float32, fastest of "
        f"{LATENCY_BATCHES} batches)"
    )
    return 0


def network_named(text: str) -> Architecture:
    """Return the network that a person names: a baseline, a genotype, a library's or their own."""
    if is_own(text):
        from mbnas.network.others.own_network import find_own_network

        return find_own_network(text)
    return parse_architecture(text)


def networks_named(names: Iterable[str], *, num_levels: int) -> dict[str, Architecture]:
    """Return networks by the names that a person gave; the U-Net genotype has so many levels."""
    unet = unet_genotype(num_levels)
    return {name: unet if name == "unet-genotype" else network_named(name) for name in names}


def best_network(standing: SearchStatus, study: Path) -> Genotype:
    """Return the best network that a study's search has found.

    Raises:
        StudyError: if none has a score.
    """
    if standing.best is None:
        raise StudyError(
            f"{study} has no network with a score yet: let its search run first, or name a "
            "--network."
        )
    return standing.best.genotype


def _settings(arguments: argparse.Namespace, name: SpaceName) -> SpaceSettings:
    return SpaceSettings(name=name, num_nodes=arguments.nodes, num_levels=arguments.levels)


def _size(settings: SpaceSettings) -> tuple[str, ...]:
    """Return how large a space is, in lines; of bilevel how large both of its phases are."""
    searched = settings.searched
    plural = "topology" if searched.num_topologies == 1 else "topologies"
    topologies = f"{_spaced(searched.num_topologies)} {plural}"
    if settings.name == "bilevel":
        kernels = f"{_spaced(searched.num_fillings)} choices of kernels"
        return f"{topologies} with VGG 3", f"then {kernels} on the best one"
    return topologies, f"{_spaced(searched.count)} genotypes"


def _size_or_why_not(arguments: argparse.Namespace, name: SpaceName) -> str:
    try:
        return ", ".join(_size(_settings(arguments, name)))
    except ConfigurationError as error:
        return str(error)


def _space_as_json(arguments: argparse.Namespace, name: SpaceName) -> dict[str, str | int | None]:
    try:
        searched = _settings(arguments, name).searched
    except ConfigurationError:
        return {"name": name, "topologies": None, "fillings": None, "genotypes": None}
    return {
        "name": name,
        "topologies": searched.num_topologies,
        "fillings": searched.num_fillings,
        "genotypes": searched.count,
    }


def _spaced(number: int) -> str:
    return f"{number:,}".replace(",", " ")
