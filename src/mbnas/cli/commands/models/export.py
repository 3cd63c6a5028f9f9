"""``mbnas export``."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from pathlib import Path

from mbnas.actions.named_networks import genotype_named, networks_named
from mbnas.cli.show.messages import say, warn
from mbnas.cli.show.printing import print_path
from mbnas.errors import UsageError
from mbnas.prediction.model.find_model import find_model
from mbnas.space.genotype import Genotype
from mbnas.study.directory import Study

Exporter = Callable[..., tuple[str, ...]]
"""Called with the model's folder, the target folder and ``trust_modules``; returns warnings."""

_MODEL_OPTIONS = ("model", "trust_module")
_NNUNET_OPTIONS = ("network", "base_channels", "plans")
_BASE_CHANNELS = 32
_LEVELS = 5


def export(arguments: argparse.Namespace) -> int:
    """Write a model or a network for another program, and print the files.

    Raises:
        UsageError: if an option does not apply to the program.
    """
    _check_options(arguments)
    if arguments.to == "nnunet":
        return _export_plans(arguments)
    model = find_model(Path(arguments.study), arguments.model)
    write = exporter(arguments.to)
    say(f"Exporting {model} to {arguments.to}. Each member takes some seconds.")
    out: Path = arguments.out
    for sentence in write(model, out, trust_modules=arguments.trust_module):
        warn(sentence)
    for path in sorted(out.rglob("*")):
        if path.is_file():
            print_path(path)
    return 0


def exporter(program: str) -> Exporter:
    """Return the function that exports a model to a program; only its module is imported."""
    match program:
        case "torch":
            from mbnas.export.torch_program import export_torch

            return export_torch
        case "onnx":
            from mbnas.export.onnx_model import export_onnx

            return export_onnx
        case "monai":
            from mbnas.export.monai_bundle import export_monai

            return export_monai
    raise ValueError(f"No model is exported to {program!r}: choose torch, onnx or monai.")


def _check_options(arguments: argparse.Namespace) -> None:
    """Raise if an option would have no effect."""
    for name in _MODEL_OPTIONS if arguments.to == "nnunet" else _NNUNET_OPTIONS:
        if getattr(arguments, name) not in (None, False):
            raise UsageError(
                f"--{name.replace('_', '-')} has no effect with --to {arguments.to}: leave it out."
            )


def _export_plans(arguments: argparse.Namespace) -> int:
    """Write a genotype's plans next to the dataset's own; print the file and what to run."""
    from mbnas.nnunet.plans import CONFIGURATION, OWN_PLANS, export_nnunet

    genotype, base_channels = _genotype(arguments)
    path = export_nnunet(
        genotype,
        base_channels=base_channels,
        dataset=arguments.out,
        own=arguments.plans or OWN_PLANS,
    )
    print_path(path)
    say(f"Train it: nnUNetv2_train {path.parent.name} {CONFIGURATION} FOLD -p {path.stem}")
    return 0


def _genotype(arguments: argparse.Namespace) -> tuple[Genotype, int]:
    """Return the genotype of a study or of a text, and its base channels."""
    if os.path.isdir(arguments.study):  # noqa: PTH112 - also answers for names that are too long
        from mbnas.nnunet.plans import refuse_neighbours

        study = Study.open(Path(arguments.study))
        refuse_neighbours(study.configuration.preparation.context)
        genotype, _ = genotype_named(study, arguments.network or "best")
        return genotype, arguments.base_channels or study.configuration.training.base_channels
    if arguments.network is not None:
        raise UsageError(
            f"--network {arguments.network} chooses a network of a study, and {arguments.study} "
            "is not a study: leave it out."
        )
    named = networks_named([arguments.study], num_levels=_LEVELS)[arguments.study]
    if not isinstance(named, Genotype):
        raise UsageError(
            f"{arguments.study} is not a genotype, and nnU-Net plans hold only genotypes: name "
            "one, or unet-genotype."
        )
    return named, arguments.base_channels or _BASE_CHANNELS
