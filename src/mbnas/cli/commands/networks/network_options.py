"""The options of the commands about the space and single networks."""

from __future__ import annotations

import argparse

from mbnas.cli.parser import Commands
from mbnas.cli.shared_options import NETWORK, SPACES, add_json, add_json_or_csv, add_set


def add_space(commands: Commands) -> None:
    """Add ``mbnas space``."""
    parser = commands.add(
        "space", _space, "Print the exact size of the search space, and draw sampled genotypes."
    )
    parser.add_argument(
        "--space", choices=SPACES, help="show only this space (default: mixed, then the others)"
    )
    parser.add_argument("--nodes", type=int, default=10, help="number of nodes (default 10)")
    parser.add_argument("--levels", type=int, default=5, help="number of levels (default 5)")
    parser.add_argument(
        "--sample", type=int, default=1, metavar="N", help="genotypes to draw (default 1)"
    )
    parser.add_argument("--seed", type=int, default=0, help="seed of the sample (default 0)")
    add_set(parser)
    add_json_or_csv(parser, "the size of every space")


def _space(arguments: argparse.Namespace) -> int:
    from mbnas.cli.commands.networks.space import space

    return space(arguments)


def add_cost(commands: Commands) -> None:
    """Add ``mbnas cost``."""
    parser = commands.add(
        "cost", _cost, "Measure a network: parameters, multiply-accumulates and latency."
    )
    parser.add_argument("network", metavar="NETWORK", help=f"one of: {NETWORK}")
    parser.add_argument("--in-channels", type=int, default=1, help="image channels (default 1)")
    parser.add_argument(
        "--classes",
        type=int,
        default=2,
        help="channels of the logits, background included (default 2)",
    )
    parser.add_argument(
        "--size", type=int, default=128, help="side of the input in pixels (default 128)"
    )
    parser.add_argument(
        "--base-channels", type=int, default=32, help="channels at level 0 (default 32)"
    )
    parser.add_argument("--device", default="cpu", help="where latency is measured (default cpu)")
    add_json(parser)


def _cost(arguments: argparse.Namespace) -> int:
    from mbnas.cli.commands.networks.cost import cost

    return cost(arguments)
