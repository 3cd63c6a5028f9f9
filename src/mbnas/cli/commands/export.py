"""``mbnas export``: a network for other programs."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

from mbnas.cli.commands.networks import networks_named
from mbnas.cli.commands.nnunet import found_network
from mbnas.cli.show.messages import say, warn
from mbnas.cli.show.result_tables import print_path
from mbnas.errors import UsageError
from mbnas.nnunet.plans import CONFIGURATION, OWN_PLANS, export_nnunet
from mbnas.prediction.model.find_model import find_model
from mbnas.space.genotype import Genotype
from mbnas.study.directory import Study

Exporter = Callable[..., tuple[str, ...]]
"""Called with the model's folder, where to, and ``trust_modules``; returns what to warn of."""

EXPORTERS = {
    "torch": "torch_program:export_torch",
    "onnx": "onnx_model:export_onnx",
    "monai": "monai_bundle:export_monai",
}
"""What writes each format: a module of mbnas.export and a function in it."""

_OF_MODELS = ("model", "trust_module")
_OF_NNUNET = ("network", "base_channels", "plans")


def export(arguments: argparse.Namespace) -> int:
    """Write a network for another program, and print the files.

    Raises:
        UsageError: if an option is of another program.
    """
    _check_options(arguments)
    if arguments.to == "nnunet":
        from mbnas.cli.commands.export import export_plans

        return export_plans(arguments)
    model = find_model(Path(arguments.study), arguments.model)
    write = _exporter(arguments.to)
    say(f"Exporting {model} to {arguments.to}. A member takes some seconds.")
    out: Path = arguments.out
    for sentence in write(model, out, trust_modules=arguments.trust_module):
        warn(sentence)
    for path in sorted(out.rglob("*")):
        if path.is_file():
            print_path(path)
    return 0


def _check_options(arguments: argparse.Namespace) -> None:
    """Raise if an option would be of no effect."""
    strange = _OF_MODELS if arguments.to == "nnunet" else _OF_NNUNET
    for name in strange:
        if getattr(arguments, name) not in (None, False):
            raise UsageError(
                f"--{name.replace('_', '-')} has no effect with --to {arguments.to}: leave it out."
            )


def _exporter(name: str) -> Exporter:
    """Return what writes a format; its module loads torch, so help does without."""
    module, _, function = EXPORTERS[name].partition(":")
    exporter: Exporter = getattr(import_module(f"mbnas.export.{module}"), function)
    return exporter


_BASE_CHANNELS = 32
_LEVELS = 5


def export_plans(arguments: argparse.Namespace) -> int:
    """Write a genotype's plans beside a dataset's own, and print the file and what to run."""
    genotype, base_channels = _asked_for(arguments)
    path = export_nnunet(
        genotype,
        base_channels=base_channels,
        dataset=arguments.out,
        own=arguments.plans or OWN_PLANS,
    )
    print_path(path)
    say(f"Train it: nnUNetv2_train {path.parent.name} {CONFIGURATION} FOLD -p {path.stem}")
    return 0


def _asked_for(arguments: argparse.Namespace) -> tuple[Genotype, int]:
    """Return the genotype of a study or of a text, and its width."""
    if os.path.isdir(arguments.study):  # noqa: PTH112 - also answers for names that are too long
        study = Study.open(Path(arguments.study))
        genotype, _ = found_network(study, arguments.network or "best")
        return genotype, arguments.base_channels or study.configuration.training.base_channels
    if arguments.network is not None:
        raise UsageError(
            f"--network {arguments.network} chooses a network of a study, and {arguments.study} "
            "is none: leave it out."
        )
    named = networks_named([arguments.study], num_levels=_LEVELS)[arguments.study]
    if not isinstance(named, Genotype):
        raise UsageError(f"{arguments.study} is no genotype, and nnU-Net is given genotypes alone.")
    return named, arguments.base_channels or _BASE_CHANNELS
