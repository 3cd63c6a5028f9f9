"""The options of the commands about models."""

from __future__ import annotations

import argparse
from pathlib import Path

from mbnas.cli.parser import Commands
from mbnas.cli.shared_options import (
    NETWORK,
    add_configuration,
    add_device,
    add_json,
    add_json_or_csv,
    add_memory,
    add_model_name,
    add_moved_dataset,
    add_notes,
    add_num_workers,
    add_study,
    add_trust_module,
    positive,
)

_EXPORTS = ("torch", "onnx", "monai", "nnunet")


def add_train(commands: Commands) -> None:
    """Add ``mbnas train``."""
    parser = commands.add(
        "train", _train, "Train the best network, or another, into a model that segments files."
    )
    add_study(parser)
    parser.add_argument(
        "--network",
        default="best",
        metavar="NETWORK",
        help=f"train this network (default best). One of: best, {NETWORK}",
    )
    parser.add_argument(
        "--name",
        metavar="NAME",
        help="the model's folder in STUDY/weights (default: the network's name)",
    )
    parser.add_argument(
        "--all-patients",
        action="store_true",
        help="train one network on all patients instead of one per fold",
    )
    parser.add_argument(
        "--epochs", type=int, metavar="N", help="default: twice the search's epochs"
    )
    parser.add_argument(
        "--size", type=int, metavar="S", help="side of the slices in pixels (default: the search's)"
    )
    add_num_workers(parser)
    parser.add_argument(
        "--executor",
        choices=("processes", "inline"),
        help="where trainings run: in processes on this machine, or inline in this process "
        "(default processes)",
    )
    add_moved_dataset(parser)
    add_configuration(parser)
    add_memory(parser)
    add_json(parser)


def _train(arguments: argparse.Namespace) -> int:
    from mbnas.cli.commands.models.train import train

    return train(arguments)


def add_predict(commands: Commands) -> None:
    """Add ``mbnas predict``."""
    parser = commands.add("predict", _predict, "Segment images with a trained model.")
    add_study(parser, "directory of a study or of a model")
    parser.add_argument(
        "input", type=Path, metavar="INPUT", help="an image, or a folder of images or DICOM series"
    )
    parser.add_argument(
        "output",
        type=Path,
        metavar="OUTPUT",
        help="a file if INPUT is a file, a folder if it is a folder",
    )
    add_model_name(parser)
    parser.add_argument(
        "--fold",
        type=int,
        metavar="K",
        help="use only the network that was not trained on this fold, for patients of the study "
        "(default: the mean of all networks)",
    )
    add_device(parser, "auto")
    parser.add_argument(
        "--tta", action="store_true", help="average over the flips that training used"
    )
    parser.add_argument(
        "--keep-largest",
        action="store_true",
        help="keep only the largest connected component of every class",
    )
    parser.add_argument(
        "--probabilities",
        action="store_true",
        help="also write the probabilities, one 4D file per case",
    )
    parser.add_argument(
        "--uncertainty",
        action="store_true",
        help="also write the entropy of the probabilities, from 0 (certain) to 1 (undecided)",
    )
    parser.add_argument(
        "--overlay", action="store_true", help="also draw a PNG of every case for inspection"
    )
    parser.add_argument(
        "--dicom-seg",
        action="store_true",
        help="write label maps of DICOM series as DICOM segmentations, which name the patient",
    )
    parser.add_argument(
        "--onnx", action="store_true", help="accept only a model in ONNX format; needs no torch"
    )
    add_trust_module(parser)
    parser.add_argument(
        "--workers",
        type=int,
        default=1,
        metavar="N",
        help="cases to read and to write while one is predicted (default 1)",
    )
    parser.add_argument(
        "--overwrite",
        action="store_true",
        help="replace predictions that were made by another model or with other options",
    )
    add_memory(parser)


def _predict(arguments: argparse.Namespace) -> int:
    from mbnas.cli.commands.models.predict import predict

    return predict(arguments)


def add_evaluate(commands: Commands) -> None:
    """Add ``mbnas evaluate``."""
    parser = commands.add(
        "evaluate",
        _evaluate,
        "Score label maps of volumes or pictures, from mbnas or any other program.",
    )
    parser.add_argument(
        "predictions", type=Path, metavar="PREDICTIONS", help="a label map, or a folder of them"
    )
    parser.add_argument(
        "references",
        type=Path,
        metavar="REFERENCES",
        help="the true label map, or a folder of them with the same names",
    )
    parser.add_argument(
        "--dataset",
        type=Path,
        metavar="DATASET",
        help="folder whose dataset.json declares the labels (default: the one that has "
        "REFERENCES as labelsTr or labelsTs; without it, the label values found)",
    )
    parser.add_argument(
        "--allow-missing",
        action="store_true",
        help="exit with status 0 even if references have no prediction",
    )
    parser.add_argument(
        "--markdown", type=Path, metavar="FILE", help="also write the table as Markdown"
    )
    parser.add_argument(
        "--workers", type=int, metavar="N", help="cases at a time (default: one per core)"
    )
    add_notes(parser)
    add_memory(parser)
    add_json_or_csv(parser, "every case and class")


def _evaluate(arguments: argparse.Namespace) -> int:
    from mbnas.cli.commands.models.evaluate import evaluate

    return evaluate(arguments)


def add_export(commands: Commands) -> None:
    """Add ``mbnas export``."""
    parser = commands.add("export", _export, "Export a model or a network for other programs.")
    parser.add_argument(
        "study",
        metavar="STUDY",
        help="directory of a study or a model; for nnunet, of a study, or a genotype's text",
    )
    parser.add_argument(
        "--to",
        required=True,
        choices=_EXPORTS,
        help="torch, onnx or monai (a bundle) for a trained model; nnunet for plans with which "
        "nnU-Net trains the network",
    )
    parser.add_argument(
        "out",
        type=Path,
        metavar="OUT",
        help="folder to write, absent or empty; for nnunet the dataset: its name in "
        "$nnUNet_preprocessed, or its folder there",
    )
    add_model_name(parser)
    add_trust_module(parser)
    parser.add_argument(
        "--network",
        metavar="NETWORK",
        help="only for nnunet: network of the study (default best)",
    )
    parser.add_argument(
        "--base-channels",
        type=positive,
        metavar="N",
        help="only for nnunet: channels at level 0 (default: the study's, or 32)",
    )
    parser.add_argument(
        "--plans",
        metavar="NAME",
        help="only for nnunet: the dataset's plans to start from (default nnUNetPlans)",
    )


def _export(arguments: argparse.Namespace) -> int:
    from mbnas.cli.commands.models.export import export

    return export(arguments)
