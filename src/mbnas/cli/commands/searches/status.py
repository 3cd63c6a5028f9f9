"""``mbnas status``."""

from __future__ import annotations

import argparse
from dataclasses import replace

from mbnas.cli.show.front_display import print_front
from mbnas.cli.show.printing import print_json
from mbnas.cli.show.status_display import (
    ChosenPrecision,
    chosen_precision,
    print_evaluations,
    print_status_summary,
    status_as_json,
)
from mbnas.cli.show.status_watch import watch
from mbnas.errors import UsageError
from mbnas.results.choice.network_decision import read_chosen_network
from mbnas.results.fronts.search_front import objective_front
from mbnas.results.standing.evaluation_rows import evaluations_of
from mbnas.results.standing.read_standing import Standing, standing_of, was_killed
from mbnas.study.directory import Study
from mbnas.study.ledger.ledger import Ledger
from mbnas.study.ledger.snapshot import Snapshot
from mbnas.study.progress.knowledge.known_networks import MOST_TRAININGS
from mbnas.study.progress.search_status import SearchStatus, search_status
from mbnas.study.progress.status_summary import read_status_summary, status_summary_of

_INTERVAL_S = 2.0


def status(arguments: argparse.Namespace) -> int:
    """Print the status of a search, once or until it ends; the search may be running."""
    study = Study.open(arguments.study)
    if arguments.watch:
        if arguments.csv:
            raise UsageError("--csv lists networks once: leave out --watch, or use --json.")
        interval_s = _INTERVAL_S if arguments.interval is None else arguments.interval
        return watch(study, interval_s=interval_s, as_json=arguments.json)
    if arguments.interval is not None:
        raise UsageError("--interval has no effect without --watch: add it, or leave it out.")
    machine_readable = arguments.csv or arguments.json
    with Ledger.open(study.ledger, read_only=True) as ledger, ledger.one_state():
        if not machine_readable and ledger.num_searched() > MOST_TRAININGS:
            _print_large(study, ledger)
            return 0
        snapshot = ledger.read(fresh=True)
    found = standing_of(study, snapshot)
    print_standing(study, found, as_json=arguments.json, as_csv=arguments.csv)
    if not machine_readable:
        _print_front(study, snapshot, found.status)
    return 0


def print_standing(
    study: Study, found: Standing, *, as_json: bool = False, as_csv: bool = False
) -> None:
    """Print the status of a search and the network that it stands for.

    Args:
        study: As named by the user.
        found: Where it stands.
        as_json: As one JSON value, with what is known of every network.
        as_csv: As one row for each network.
    """
    status, chosen = found.status, found.chosen
    if as_csv:
        print_evaluations(evaluations_of(found))
    elif as_json:
        print_json(status_as_json(study.path, status, chosen, found.known))
    else:
        precision = chosen_precision(status, chosen, num_folds=study.configuration.protocol.folds)
        print_status_summary(study, status_summary_of(status), chosen, precision)


def _print_large(study: Study, ledger: Ledger) -> None:
    """Print the status of a search that is too large to be read for every look at it."""
    summary = read_status_summary(ledger, study.configuration)
    chosen = read_chosen_network(ledger, summary, study.configuration)
    if summary.state == "running" and was_killed(study):
        summary = replace(summary, state="stopped")
    precision = ChosenPrecision(
        spread=f"Spread of the networks: mbnas status --json computes it, with more than "
        f"{MOST_TRAININGS:,} trainings."
    )
    print_status_summary(study, summary, chosen, precision)
    if study.configuration.search.costs:
        snapshot = ledger.read()
        _print_front(study, snapshot, search_status(snapshot, study.configuration))


def _print_front(study: Study, snapshot: Snapshot, found: SearchStatus) -> None:
    if (front := objective_front(study.configuration, snapshot, found)) is not None:
        print_front(front)
