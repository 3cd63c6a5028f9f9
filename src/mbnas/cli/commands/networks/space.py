"""``mbnas space``."""

from __future__ import annotations

import argparse

from mbnas.cli.show.printing import console, print_csv, print_drawing, print_json
from mbnas.errors import ConfigurationError, UsageError
from mbnas.seeds import generator
from mbnas.space.four_spaces import SPACE_NAMES, SpaceName, SpaceSettings

SPACE_COLUMNS = ("name", "topologies", "fillings", "genotypes")


def space(arguments: argparse.Namespace) -> int:
    """Print the exact size of a space, or of all four, and draw sampled genotypes."""
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


def _settings(arguments: argparse.Namespace, name: SpaceName) -> SpaceSettings:
    return SpaceSettings(name=name, num_nodes=arguments.nodes, num_levels=arguments.levels)


def _size(settings: SpaceSettings) -> tuple[str, ...]:
    """Return the size of a space as lines; for bilevel, of both its phases."""
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
