"""The options of the commands about a search."""

from __future__ import annotations

import argparse
from pathlib import Path

from mbnas.cli.parser import Commands
from mbnas.cli.shared_options import (
    SPACES,
    add_budget,
    add_dataset,
    add_json,
    add_json_or_csv,
    add_limits,
    add_log,
    add_memory,
    add_moved_dataset,
    add_study,
    add_study_settings,
)


def add_search(commands: Commands) -> None:
    """Add ``mbnas search``."""
    parser = commands.add(
        "search", _search, "Search for a network; run the same command again to resume."
    )
    add_dataset(parser)
    add_study(parser, "directory of the study; created if absent")
    parser.add_argument(
        "--space",
        choices=SPACES,
        help="default mixed, which contains macro, micro and bilevel; modern has more blocks",
    )
    parser.add_argument(
        "--searcher",
        metavar="NAME",
        help="local, random, evolution, bayesian, or one of an installed package (default: "
        "bayesian with the protocol quick, local with paper)",
    )
    parser.add_argument(
        "--start",
        metavar="NETWORK",
        help="the first network: random, unet or a genotype's text (default: unet with the "
        "protocol quick, random with paper)",
    )
    parser.add_argument(
        "--confirm",
        action="append",
        metavar="NETWORK",
        help="confirm this network as well, such as unet or resunet; can be repeated",
    )
    add_budget(parser, "budget, in networks with all of their trainings (default 150)")
    parser.add_argument(
        "--hours",
        type=float,
        metavar="H",
        help="end in this time, the confirmation and earlier runs included",
    )
    parser.add_argument(
        "--objective",
        metavar="NAMES",
        help="dice, or dice with costs that should be low: parameters, macs, latency, separated by "
        "commas, such as dice,macs (default dice)",
    )
    add_limits(parser, "networks")
    add_study_settings(parser)
    add_log(parser)
    add_memory(parser)
    add_json(parser)


def _search(arguments: argparse.Namespace) -> int:
    from mbnas.cli.commands.searches.search import search

    return search(arguments)


def add_settings(commands: Commands) -> None:
    """Add ``mbnas settings``."""
    parser = commands.add(
        "settings", _settings, "List the settings of a study, or explain one of them."
    )
    parser.add_argument(
        "key",
        nargs="?",
        metavar="KEY",
        help="a setting such as training.epochs, or a section such as training (default: all)",
    )
    add_json_or_csv(parser, "every setting")


def _settings(arguments: argparse.Namespace) -> int:
    from mbnas.cli.commands.searches.list_settings import settings

    return settings(arguments)


def add_status(commands: Commands) -> None:
    """Add ``mbnas status``."""
    parser = commands.add("status", _status, "Show the progress of a search and its best network.")
    add_study(parser)
    parser.add_argument(
        "--watch",
        action="store_true",
        help="keep showing it until the search ends; Ctrl-C does not stop the search",
    )
    parser.add_argument(
        "--interval",
        type=float,
        metavar="S",
        help="seconds between two looks with --watch (default 2)",
    )
    add_json_or_csv(parser, "every network that the search proposed")


def _status(arguments: argparse.Namespace) -> int:
    from mbnas.cli.commands.searches.status import status

    return status(arguments)


def add_choose(commands: Commands) -> None:
    """Add ``mbnas choose``."""
    parser = commands.add(
        "choose", _choose, "Choose the best network within limits on cost, without training."
    )
    add_study(parser)
    add_limits(parser, "networks")
    add_json(parser)


def _choose(arguments: argparse.Namespace) -> int:
    from mbnas.cli.commands.searches.choose import choose

    return choose(arguments)


def add_explain(commands: Commands) -> None:
    """Add ``mbnas explain``."""
    parser = commands.add(
        "explain", _explain, "Say which blocks, kernels, depths and skips pay, as far as shown."
    )
    add_study(parser)
    add_json(parser)


def _explain(arguments: argparse.Namespace) -> int:
    from mbnas.cli.commands.searches.explain import explain

    return explain(arguments)


def add_trainings(commands: Commands) -> None:
    """Add ``mbnas trainings``."""
    parser = commands.add(
        "trainings", _trainings, "List failed trainings with their reasons, or all trainings."
    )
    add_study(parser)
    parser.add_argument("--all", action="store_true", help="list every training")
    parser.add_argument(
        "--retry-failed", action="store_true", help="rerun the failed trainings, and list nothing"
    )
    add_moved_dataset(parser)
    add_json_or_csv(parser, "the trainings listed")


def _trainings(arguments: argparse.Namespace) -> int:
    from mbnas.cli.commands.searches.trainings import trainings

    return trainings(arguments)


def add_report(commands: Commands) -> None:
    """Add ``mbnas report``."""
    parser = commands.add(
        "report", _report, "Write the study's report, one self-contained HTML page, or serve it."
    )
    add_study(parser)
    parser.add_argument(
        "--live",
        action="store_true",
        help="serve the page on this machine only, renewed while a search runs; write nothing",
    )
    parser.add_argument(
        "--port", type=int, metavar="N", help="port of the page with --live (default: any free one)"
    )


def _report(arguments: argparse.Namespace) -> int:
    from mbnas.cli.commands.searches.report import report

    return report(arguments)


def add_figures(commands: Commands) -> None:
    """Add ``mbnas figures``."""
    parser = commands.add("figures", _figures, "Draw figures for papers as PDF, SVG and PNG files.")
    parser.add_argument(
        "studies",
        nargs="+",
        type=Path,
        metavar="STUDY",
        help="directory of a study; of several, only their progress is drawn, together",
    )
    parser.add_argument(
        "--output",
        type=Path,
        metavar="DIR",
        help="where the files go (default: figures in the first STUDY)",
    )
    parser.add_argument(
        "--format",
        default="pdf,svg,png",
        metavar="FORMATS",
        help="separated by commas (default pdf,svg,png)",
    )
    parser.add_argument(
        "--label",
        action="append",
        default=[],
        metavar="TEXT",
        help="label of a STUDY; give one for each, in order. Studies with the same label are runs "
        "of one search (default: the directory's name)",
    )


def _figures(arguments: argparse.Namespace) -> int:
    from mbnas.cli.commands.searches.figures import figures

    return figures(arguments)
