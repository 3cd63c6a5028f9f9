"""``mbnas status``, ``mbnas compare`` and ``mbnas report``."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from mbnas.cli.display import say, training_bar
from mbnas.cli.networks import network_named
from mbnas.cli.search import holding, standing_of
from mbnas.cli.tables import print_comparison, print_standing
from mbnas.errors import StudyError, UsageError
from mbnas.genotype.genotype import Genotype, unet_genotype
from mbnas.report.collect import collect
from mbnas.report.page import write_report
from mbnas.study import comparison, run
from mbnas.study.ledger import Ledger
from mbnas.study.lock import holder_of
from mbnas.study.standing import Standing, read_standing
from mbnas.study.study import Study


def status(arguments: argparse.Namespace) -> int:
    """Print where a running or finished search stands."""
    study = Study.open(arguments.study)
    with Ledger.open(study.ledger, read_only=True) as ledger:
        standing = _standing(study, ledger)
    print_standing(study, standing, as_json=arguments.json)
    return 0


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
    held: run.OpenStudy, more: Sequence[Genotype], *, initialisations: int
) -> tuple[comparison.Contender, ...]:
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
        comparison.compare(held, contenders, initialisations=initialisations, watch=watch)
    write_report(collect(held.study, held.ledger), held.study.report)
    return comparison.read_comparison(held.ledger, standing)


def report(arguments: argparse.Namespace) -> int:
    """Write the study's page and print where it is."""
    study = Study.open(arguments.study)
    path: Path = study.report
    with Ledger.open(study.ledger, read_only=True) as ledger:
        write_report(collect(study, ledger), path)
    say("Open it in a browser; it needs no network.")
    print(path)
    return 0


def _standing(study: Study, ledger: Ledger) -> Standing:
    """Return where a search stands; one that was killed is stopped, whatever it last wrote."""
    protocol = study.configuration.protocol
    standing = read_standing(ledger, folds=protocol.folds, initialisations=protocol.initialisations)
    if standing.state == "running" and holder_of(study.path) is None:
        return replace(standing, state="stopped")
    return standing
