"""``mbnas status`` and ``mbnas report``, which read a study that may be running."""

from __future__ import annotations

import argparse
from dataclasses import replace

from mbnas.cli.display import say
from mbnas.cli.tables import print_standing
from mbnas.report.collect import collect
from mbnas.report.page import write_report
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


def report(arguments: argparse.Namespace) -> int:
    """Write the study's page and print where it is."""
    study = Study.open(arguments.study)
    with Ledger.open(study.ledger, read_only=True) as ledger:
        write_report(collect(study, ledger), study.report)
    say("Open it in a browser; it needs no network.")
    print(study.report)
    return 0


def _standing(study: Study, ledger: Ledger) -> Standing:
    """Return where a search stands; one that was killed is stopped, whatever it last wrote."""
    protocol = study.configuration.protocol
    standing = read_standing(ledger, folds=protocol.folds, initialisations=protocol.initialisations)
    if standing.state == "running" and holder_of(study.path) is None:
        return replace(standing, state="stopped")
    return standing
