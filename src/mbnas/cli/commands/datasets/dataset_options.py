"""The options of the commands about datasets."""

from __future__ import annotations

import argparse
from pathlib import Path

from mbnas.cli.parser import Commands
from mbnas.cli.shared_options import (
    add_configuration,
    add_dataset,
    add_json_or_csv,
    add_memory,
    add_protocol,
)


def add_download(commands: Commands) -> None:
    """Add ``mbnas download``."""
    parser = commands.add(
        "download", _download, "Download a dataset of the Medical Segmentation Decathlon."
    )
    parser.add_argument("task", metavar="TASK", help="name of the dataset, such as Task05_Prostate")
    parser.add_argument(
        "directory",
        type=Path,
        metavar="DIR",
        help="directory in which the dataset's folder is put; created if absent",
    )
    parser.add_argument(
        "--from",
        dest="mirror",
        metavar="URL",
        help="address of a folder with the archives (default: MONAI's)",
    )


def _download(arguments: argparse.Namespace) -> int:
    from mbnas.cli.commands.datasets.download import download

    return download(arguments)


def add_check(commands: Commands) -> None:
    """Add ``mbnas check``."""
    parser = commands.add("check", _check, "Check a dataset and report every problem in it.")
    add_dataset(parser)
    add_protocol(parser)
    add_configuration(parser)
    add_memory(parser)
    add_json_or_csv(parser, "the findings")


def _check(arguments: argparse.Namespace) -> int:
    from mbnas.cli.commands.datasets.check import check

    return check(arguments)
