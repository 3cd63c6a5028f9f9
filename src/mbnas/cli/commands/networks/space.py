"""``mbnas space``."""

from __future__ import annotations

import argparse
from collections.abc import Iterable

from mbnas.cli.show.printing import console, print_csv, print_drawing, print_json
from mbnas.errors import ConfigurationError, UsageError
from mbnas.seeds import generator
from mbnas.space.four_spaces import SpaceSettings
from mbnas.space.search_space import Space
from mbnas.space.space_presets import SPACES, space_layer
from mbnas.study.configuration_layers import Layer, assignment_layer, build, merge

SPACE_COLUMNS = ("name", "topologies", "fillings", "genotypes")


def space(arguments: argparse.Namespace) -> int:
    """Print the exact size of a space, or of all of them, and draw sampled genotypes."""
    settings = _asked_for(arguments)
    searched = settings.searched
    if arguments.sample < 0:
        raise UsageError(f"--sample (={arguments.sample}) must be 0 or more.")
    rng = generator(arguments.seed, "sample")
    sample = [searched.sample(rng) for _ in range(arguments.sample)]
    if arguments.json:
        print_json(
            {
                "space": arguments.space or "mixed",
                "nodes": searched.num_nodes,
                "levels": searched.num_levels,
                "blocks": list(searched.blocks),
                "kernels": list(searched.kernels),
                "block_levels": [str(rule) for rule in searched.block_levels],
                "expansions": [str(each) for each in searched.expansions],
                "topologies": searched.num_topologies,
                "fillings": searched.num_fillings,
                "genotypes": searched.count,
                "spaces": [_space_as_json(arguments, name) for name in SPACES],
                "sample": [str(genotype) for genotype in sample],
            }
        )
        return 0
    if arguments.csv:
        print_csv(SPACE_COLUMNS, (_space_as_json(arguments, name) for name in SPACES))
        return 0
    out = console()
    out.print(
        f"{searched.num_nodes} nodes, {searched.num_levels} levels, blocks "
        f"{', '.join(searched.blocks)}, kernels {', '.join(map(str, searched.kernels))}"
    )
    for line in (*_rules(searched), *_size(settings)):
        out.print(line)
    if arguments.space is None:
        out.print()
        for name in SPACES[1:]:
            out.print(f"{name:8} {_size_or_why_not(arguments, name)}")
    for genotype in sample:
        out.print(f"\n{genotype}")
        print_drawing(out, genotype)
    return 0


def _asked_for(arguments: argparse.Namespace) -> SpaceSettings:
    """Return the settings of the space that is described."""
    return _built(arguments, space_layer(arguments.space or "mixed"), *_assignments(arguments))


def _listed(arguments: argparse.Namespace, name: str) -> SpaceSettings:
    """Return the settings of a space of the list; a preset keeps its own blocks."""
    return _built(arguments, *_assignments(arguments), space_layer(name))


def _assignments(arguments: argparse.Namespace) -> Iterable[Layer]:
    return map(assignment_layer, arguments.set)


def _built(arguments: argparse.Namespace, *layers: Layer) -> SpaceSettings:
    sizes = {"num_nodes": arguments.nodes, "num_levels": arguments.levels}
    return build(merge({"dataset": "", "space": sizes}, *layers)).space


def _rules(searched: Space) -> tuple[str, ...]:
    """Return which blocks may not be at every level, and further expansions, as lines."""
    lines = []
    if searched.block_levels:
        lines.append(f"levels of blocks {', '.join(map(str, searched.block_levels))}")
    if searched.expansions:
        lines.append(f"further expansions {', '.join(map(str, searched.expansions))}")
    return tuple(lines)


def _size(settings: SpaceSettings) -> tuple[str, ...]:
    """Return the size of a space as lines; for bilevel, of both its phases."""
    searched = settings.searched
    plural = "topology" if searched.num_topologies == 1 else "topologies"
    topologies = f"{_spaced(searched.num_topologies)} {plural}"
    if settings.name == "bilevel":
        assert searched.num_fillings is not None  # every level has the same cells
        kernels = f"{_spaced(searched.num_fillings)} choices of kernels"
        return f"{topologies} with VGG 3", f"then {kernels} on the best one"
    return topologies, f"{_spaced(searched.count)} genotypes"


def _size_or_why_not(arguments: argparse.Namespace, name: str) -> str:
    try:
        return ", ".join(_size(_listed(arguments, name)))
    except ConfigurationError as error:
        return str(error)


def _space_as_json(arguments: argparse.Namespace, name: str) -> dict[str, str | int | None]:
    try:
        searched = _listed(arguments, name).searched
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
