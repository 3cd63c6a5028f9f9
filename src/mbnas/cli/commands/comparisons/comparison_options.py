"""The options of the commands that compare networks."""

from __future__ import annotations

import argparse
from pathlib import Path

from mbnas.cli.parser import Commands
from mbnas.cli.shared_options import (
    NETWORK,
    PAPER_SPACES,
    add_budget,
    add_dataset,
    add_device,
    add_json,
    add_json_or_csv,
    add_log,
    add_memory,
    add_moved_dataset,
    add_notes,
    add_study,
    add_study_settings,
    add_workers,
    positive,
)


def add_demo(commands: Commands) -> None:
    """Add ``mbnas demo``."""
    parser = commands.add(
        "demo", _demo, "Run a small synthetic study end to end, in five minutes on two cores."
    )
    parser.add_argument(
        "directory",
        nargs="?",
        type=Path,
        metavar="DIR",
        default=Path("mbnas-demo"),
        help="where dataset and study go (default mbnas-demo)",
    )
    parser.add_argument("--seed", type=int, default=0, help="root of all randomness (default 0)")
    add_notes(parser)


def _demo(arguments: argparse.Namespace) -> int:
    from mbnas.cli.commands.comparisons.demo import demo

    return demo(arguments)


def add_compare(commands: Commands) -> None:
    """Add ``mbnas compare``."""
    parser = commands.add(
        "compare", _compare, "Retrain the best network and baselines, and test the differences."
    )
    add_study(parser)
    parser.add_argument(
        "--network",
        action="append",
        default=[],
        metavar="NETWORK",
        help="compare this network; may be repeated, and replaces the default list, which is "
        f"best, unet-genotype, unet and resunet. One of: best, {NETWORK}",
    )
    parser.add_argument(
        "--initialisations",
        type=int,
        default=5,
        metavar="N",
        help="new initialisations of each network (default 5)",
    )
    parser.add_argument(
        "--output",
        type=Path,
        metavar="DIR",
        help="where the files of tables and statistics go (default STUDY/comparison)",
    )
    add_moved_dataset(parser)
    add_workers(parser)
    add_log(parser)
    add_notes(parser)
    add_memory(parser)
    add_json_or_csv(parser, "the table")


def _compare(arguments: argparse.Namespace) -> int:
    from mbnas.cli.commands.comparisons.compare import compare

    return compare(arguments)


def add_reproduce(commands: Commands) -> None:
    """Add ``mbnas reproduce``."""
    parser = commands.add(
        "reproduce",
        _reproduce,
        "Run the paper's whole experiment on one dataset: four searches, the baselines, one page.",
    )
    add_dataset(parser)
    parser.add_argument(
        "directory",
        type=Path,
        metavar="DIR",
        help="directory of the experiment and its studies; created if absent",
    )
    parser.add_argument(
        "--spaces",
        default=",".join(PAPER_SPACES),
        metavar="NAMES",
        help="which to search, separated by commas (default: all four)",
    )
    add_budget(parser, "budget of distinct networks of each search (default 150)")
    parser.add_argument(
        "--initialisations",
        type=int,
        default=3,
        metavar="N",
        help="new initialisations of each network in the comparison (default 3)",
    )
    parser.add_argument(
        "--network",
        action="append",
        default=[],
        metavar="NETWORK",
        help="compare with this network; may be repeated, and replaces the default list, which is "
        f"unet, resunet and unet-genotype. One of: {NETWORK}",
    )
    add_study_settings(parser)
    add_log(parser)
    add_notes(parser)
    add_memory(parser)


def _reproduce(arguments: argparse.Namespace) -> int:
    from mbnas.cli.commands.comparisons.reproduce import reproduce

    return reproduce(arguments)


def add_nnunet(commands: Commands) -> None:
    """Add ``mbnas nnunet``."""
    parser = commands.add(
        "nnunet",
        _nnunet,
        "Compare with nnU-Net: it trains its own 2D network and the one found, on the same folds.",
    )
    add_study(parser)
    parser.add_argument(
        "directory",
        type=Path,
        metavar="DIR",
        help="working directory of nnU-Net; run the command again to resume",
    )
    parser.add_argument(
        "--network",
        default="best",
        metavar="NETWORK",
        help="best, unet-genotype or a genotype's text (default best)",
    )
    parser.add_argument(
        "--base-channels",
        type=positive,
        metavar="N",
        help="channels of the genotype at level 0 (default: the study's)",
    )
    parser.add_argument(
        "--epochs",
        type=int,
        default=1000,
        metavar="N",
        help="epochs of both networks (default 1000, nnU-Net's)",
    )
    parser.add_argument(
        "--iterations-per-epoch",
        type=int,
        default=250,
        metavar="N",
        help="steps per epoch of both networks (default 250, nnU-Net's)",
    )
    parser.add_argument(
        "--folds",
        metavar="NUMBERS",
        help="which folds, counted from 0 and separated by commas (default: all)",
    )
    add_device(parser, "auto")
    parser.add_argument(
        "--processes",
        type=positive,
        metavar="N",
        help="worker processes of nnU-Net (default: one per core)",
    )
    add_notes(parser)
    add_memory(parser)
    add_moved_dataset(parser)
    add_json(parser)


def _nnunet(arguments: argparse.Namespace) -> int:
    from mbnas.cli.commands.comparisons.nnunet import nnunet

    return nnunet(arguments)
