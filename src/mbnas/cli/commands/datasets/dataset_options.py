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


def add_dataset_command(commands: Commands) -> None:
    """Add ``mbnas dataset``."""
    parser = commands.add(
        "dataset", _dataset, "Make a dataset of pictures and masks, or of DICOM series and labels."
    )
    parser.add_argument(
        "images", type=Path, metavar="IMAGES", help="folder of the pictures, or tree of the series"
    )
    parser.add_argument(
        "masks",
        type=Path,
        metavar="MASKS",
        help="folder of their masks, or tree of their DICOM segmentations and structure sets",
    )
    parser.add_argument(
        "output",
        type=Path,
        metavar="OUT",
        nargs="?",
        help="folder to write, in nnU-Net's raw layout; it must not exist, or be empty",
    )
    parser.add_argument(
        "--patient-pattern",
        metavar="REGEX",
        help="regular expression for the start of every picture's name; its group 'patient', or "
        "its first group, is the patient (default: every picture is its own patient)",
    )
    parser.add_argument(
        "--classes",
        metavar="NAMES",
        help="names of the classes, separated by commas, by ascending value",
    )
    parser.add_argument(
        "--background",
        metavar="VALUE",
        help="value or colour of the background in the masks, such as 255 or #ffffff (default: 0)",
    )
    parser.add_argument(
        "--ignore",
        metavar="VALUE",
        help="value or colour of pixels that are learnt and scored nowhere (default: none)",
    )
    parser.add_argument("--name", metavar="NAME", help="name of the dataset (default: OUT's name)")
    parser.add_argument(
        "--dry-run", action="store_true", help="show what the folders hold, and write nothing"
    )
    parser.add_argument("--json", action="store_true", help="print what was found as JSON")
    add_memory(parser)


def _dataset(arguments: argparse.Namespace) -> int:
    from mbnas.cli.commands.datasets.make_dataset import make_dataset

    return make_dataset(arguments)


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
