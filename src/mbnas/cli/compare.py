"""``mbnas compare``."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import replace

from mbnas.cli.networks import network_named
from mbnas.cli.search import holding, standing_of
from mbnas.cli.search_display import training_bar
from mbnas.cli.tables import print_comparison
from mbnas.errors import StudyError, UsageError
from mbnas.genotype.genotype import unet_genotype
from mbnas.network.architecture import Architecture
from mbnas.report.collect import collect
from mbnas.report.page import write_report
from mbnas.study.comparison import train_anew
from mbnas.study.contenders import Contender, read_comparison
from mbnas.study.run import OpenStudy
from mbnas.study.study import Study


def compare(arguments: argparse.Namespace) -> int:
    """Train the best network and the U-Net anew, and print both."""
    if arguments.initialisations < 1:
        raise UsageError(f"--initialisations (={arguments.initialisations}) must be 1 or more.")
    study = Study.open(arguments.study)
    if arguments.workers is not None:
        configuration = study.configuration
        running = replace(configuration.run, workers=arguments.workers)
        study = replace(study, configuration=replace(configuration, run=running))
    with holding(study) as held:
        contenders = compare_networks(
            held,
            [network_named(text) for text in arguments.network],
            initialisations=arguments.initialisations,
        )
        class_names = json.loads(held.ledger.facts()["classes"])
        print_comparison(contenders, class_names, as_json=arguments.json)
    return 0


def compare_networks(
    held: OpenStudy, more: Sequence[Architecture], *, initialisations: int
) -> tuple[Contender, ...]:
    """Train a study's best network, the U-Net and others on fresh initialisations.

    Raises:
        StudyError: if no network of the study has a score.
    """
    standing = standing_of(held)
    if standing.best is None:
        raise StudyError(
            f"{held.study.path} has no network with a score yet: let its search run first."
        )
    unet = unet_genotype(held.study.configuration.space.num_levels)
    contenders = tuple(dict.fromkeys([standing.best.genotype, unet, *more]))
    with training_bar("Training anew") as watch:
        train_anew(held, contenders, initialisations=initialisations, watch=watch)
    write_report(collect(held.study, held.ledger), held.study.report)
    return read_comparison(held.ledger, standing)
