"""Options that several commands share."""

from __future__ import annotations

import argparse
from decimal import Decimal
from pathlib import Path

from mbnas.cli.parser import Parser

PAPER_SPACES = ("mixed", "macro", "micro", "bilevel")
SPACES = (*PAPER_SPACES, "modern")
"""As in mbnas.space, which help does not import."""

NETWORK = (
    "unet, resunet, unet-genotype, a genotype's text, smp:DESIGN:ENCODER from "
    "segmentation_models_pytorch, or module:PACKAGE.MODULE:NAME for your own network"
)
"""Which networks an option takes."""

_PAPER_DATASETS = ("prostate", "spleen")
_MOST_COUNT = 10**18
_EXECUTORS = ("processes", "inline", "ray")


def add_dataset(parser: Parser) -> None:
    """Add DATASET."""
    parser.add_argument(
        "dataset", type=Path, metavar="DATASET", help="folder in MSD or nnU-Net raw layout"
    )


def add_moved_dataset(parser: Parser) -> None:
    """Add --dataset of a study, whose dataset may have moved."""
    parser.add_argument(
        "--dataset",
        type=Path,
        metavar="PLACE",
        help="where the study's dataset is now, if it was moved (default: where it was)",
    )


def add_study(parser: Parser, text: str = "directory of the study") -> None:
    """Add STUDY."""
    parser.add_argument("study", type=Path, metavar="STUDY", help=text)


def add_model_name(parser: Parser) -> None:
    """Add --model."""
    parser.add_argument(
        "--model",
        metavar="NAME",
        help="which of the study's models to use (default: best, or the only one)",
    )


def add_trust_module(parser: Parser) -> None:
    """Add --trust-module."""
    parser.add_argument(
        "--trust-module",
        action="store_true",
        help="run the code of a model whose network is your own module",
    )


def add_device(parser: Parser, default: str | None = None) -> None:
    """Add --device."""
    parser.add_argument(
        "--device", default=default, help="auto, cpu, cuda, cuda:0 … (default auto)"
    )


def add_protocol(parser: Parser) -> None:
    """Add --protocol."""
    parser.add_argument(
        "--protocol",
        metavar="NAME",
        help="paper or quick (default: paper if there is a GPU, otherwise quick)",
    )


def add_budget(parser: Parser, text: str) -> None:
    """Add --evaluations and --racing: how much a search may train."""
    parser.add_argument("--evaluations", type=int, metavar="N", help=text)
    parser.add_argument(
        "--racing",
        choices=("off", "on", "shadow"),
        help="on: drop a network once it is unlikely to beat the incumbent; shadow: train all, "
        "and report what racing would have saved and changed (default off, as in the paper)",
    )


def add_limits(parser: Parser, of: str) -> None:
    """Add --max-parameters, --max-macs and --max-latency-ms.

    Args:
        parser: Of the command.
        of: Which networks are limited.
    """
    parser.add_argument(
        "--max-parameters",
        type=large_count,
        metavar="N",
        help=f"only {of} of at most N parameters; N may end in k, M or G",
    )
    parser.add_argument(
        "--max-macs",
        type=large_count,
        metavar="N",
        help=f"only {of} of at most N multiply-accumulates for a slice, such as 20M or 1.5G",
    )
    parser.add_argument(
        "--max-latency-ms",
        type=float,
        metavar="MS",
        help=f"only {of} that take at most MS milliseconds for a slice, measured on this machine",
    )


def add_study_settings(parser: Parser) -> None:
    """Add the settings with which a study that trains begins."""
    add_protocol(parser)
    parser.add_argument(
        "--preset",
        choices=_PAPER_DATASETS,
        help="protocol paper with the paper's settings for this dataset (default: chosen by the "
        "dataset's name if the protocol is paper)",
    )
    parser.add_argument("--seed", type=int, metavar="N", help="root of all randomness (default 0)")
    add_workers(parser)
    add_device(parser)
    add_configuration(parser)


def add_workers(parser: Parser) -> None:
    """Add --workers, --executor and --address: where trainings run."""
    add_num_workers(parser)
    parser.add_argument(
        "--executor",
        choices=_EXECUTORS,
        help="where trainings run: in processes on this machine, inline in this process, or on a "
        "Ray cluster (default processes)",
    )
    parser.add_argument(
        "--address",
        metavar="HOST:PORT",
        help="address of the Ray cluster, or auto for the cluster of this machine (default: "
        "$RAY_ADDRESS, otherwise only this machine)",
    )


def add_num_workers(parser: Parser) -> None:
    """Add --workers of trainings."""
    parser.add_argument(
        "--workers",
        type=int,
        metavar="N",
        help="trainings at a time (default: one per core or GPU)",
    )


def add_log(parser: Parser) -> None:
    """Add --log."""
    parser.add_argument(
        "--log",
        choices=("tensorboard", "wandb", "mlflow"),
        help="write live curves of every training for TensorBoard, Weights & Biases or MLflow, by "
        "default to STUDY/log",
    )


def add_configuration(parser: Parser) -> None:
    """Add --config and --set."""
    parser.add_argument(
        "--config", type=Path, metavar="FILE.toml", help="settings, in the format of study.toml"
    )
    add_set(parser)


def add_set(parser: Parser) -> None:
    """Add --set."""
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="one setting, such as training.epochs=50; may be repeated",
    )


def add_memory(parser: Parser) -> None:
    """Add --max-volume-gib."""
    parser.add_argument(
        "--max-volume-gib",
        metavar="GIB",
        help="refuse images that need more memory than this to read (default: 75%% of the "
        "available memory)",
    )


def add_notes(parser: Parser) -> None:
    """Add --notes."""
    parser.add_argument(
        "--notes",
        action="store_true",
        help="print how everything is measured, and what it does not cover, below the tables",
    )


def add_json(parser: argparse._ActionsContainer) -> None:
    """Add --json."""
    parser.add_argument("--json", action="store_true", help="print the result as JSON")


def add_json_or_csv(parser: Parser, rows: str) -> None:
    """Add --json and --csv.

    Args:
        parser: Of the command.
        rows: What the rows of CSV are.
    """
    chosen = parser.add_mutually_exclusive_group()
    add_json(chosen)
    chosen.add_argument("--csv", action="store_true", help=f"print {rows} as CSV")


def large_count(text: str) -> int:
    """Return the count in a text, which may end in k, M, G or T.

    >>> [large_count(text) for text in ("940", "20M", "1.5G", "7e6")]
    [940, 20000000, 1500000000, 7000000]

    Raises:
        ArgumentTypeError: if it is not a count of 1 or more.
    """
    factor = {"k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}.get(text[-1:])
    try:
        count = Decimal(text[:-1] if factor else text) * (factor or 1)
        if 1 <= count <= _MOST_COUNT and count == count.to_integral_value():
            return int(count)
    except ArithmeticError:
        pass
    raise argparse.ArgumentTypeError(f"{text} must be a count of 1 or more, such as 940k or 20M")


def positive(text: str) -> int:
    """Return the integer in a text.

    Raises:
        ArgumentTypeError: if it is not an integer of 1 or more.
    """
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text} must be an integer of 1 or more")
    return int(text)
