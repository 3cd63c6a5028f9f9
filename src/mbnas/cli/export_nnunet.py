"""``mbnas export --to nnunet``: plans with which nnU-Net trains a genotype on a dataset."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from mbnas.cli.display import say
from mbnas.cli.networks import networks_named
from mbnas.cli.nnunet import found_network
from mbnas.cli.tables import print_path
from mbnas.errors import UsageError
from mbnas.genotype.genotype import Genotype
from mbnas.nnunet.plans import CONFIGURATION, OWN_PLANS, export_nnunet
from mbnas.study.study import Study

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
