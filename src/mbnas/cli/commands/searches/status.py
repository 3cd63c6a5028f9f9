"""``mbnas status``."""

from __future__ import annotations

import argparse
from dataclasses import replace

from mbnas.cli.show.front_display import print_front
from mbnas.cli.show.status_display import (
    ChosenPrecision,
    print_evaluations,
    print_status,
    print_status_summary,
)
from mbnas.cli.show.status_watch import watch
from mbnas.errors import UsageError
from mbnas.results.choice.chosen_network import ChosenNetwork
from mbnas.results.choice.network_decision import chosen_network, read_chosen_network
from mbnas.results.fronts.search_front import read_front
from mbnas.study.configuration import Configuration
from mbnas.study.directory import Study
from mbnas.study.ledger.ledger import Ledger
from mbnas.study.lock import holder_of
from mbnas.study.progress.knowledge.known_networks import (
    MOST_TRAININGS,
    score_precision,
    search_knowledge,
)
from mbnas.study.progress.knowledge.search_noise import search_noise
from mbnas.study.progress.search_status import read_status, search_status
from mbnas.study.progress.status_summary import StatusSummary, read_status_summary


def status(arguments: argparse.Namespace) -> int:
    """Print the status of a search, once or until it ends; the search may be running."""
    study = Study.open(arguments.study)
    if arguments.watch:
        if arguments.csv:
            raise UsageError("--csv lists networks once: leave out --watch, or use --json.")
        return watch(study, interval_s=arguments.interval, as_json=arguments.json)
    with Ledger.open(study.ledger, read_only=True) as ledger:
        if not (arguments.csv or arguments.json):
            with ledger.one_state():
                summary = read_status_summary(ledger, study.configuration)
                chosen = read_chosen_network(ledger, summary, study.configuration)
                precision = _precision(ledger, summary, chosen, study.configuration)
            if summary.state == "running" and _was_killed(study):
                summary = replace(summary, state="stopped")
            print_status_summary(study, summary, chosen, precision)
            if study.configuration.search.costs:
                print_front(read_front(ledger, study.configuration))
            return 0
        snapshot = ledger.read(fresh=True)
    status_now = search_status(snapshot, study.configuration)
    chosen = chosen_network(snapshot, status_now, study.configuration)
    if status_now.state == "running" and _was_killed(study):
        status_now = replace(status_now, state="stopped")
    known = search_knowledge(snapshot, status_now, study.configuration)
    if arguments.csv:
        print_evaluations(status_now, known)
    else:
        print_status(study, status_now, chosen, known, as_json=arguments.json)
    return 0


def _precision(
    ledger: Ledger,
    summary: StatusSummary,
    chosen: ChosenNetwork | None,
    configuration: Configuration,
) -> ChosenPrecision:
    """Return how sure the score of the chosen network is, where that is quick to compute."""
    if summary.counts.trainings > MOST_TRAININGS:
        return ChosenPrecision(
            spread=f"Spread of the networks: mbnas status --json computes it, with more than "
            f"{MOST_TRAININGS:,} trainings."
        )
    num_folds = configuration.protocol.folds
    evaluations = read_status(ledger, configuration).evaluations
    noise = search_noise(evaluations, num_folds)
    for each in evaluations:
        if chosen is not None and each.genotype == chosen.genotype:
            num_trainings, standard_error = score_precision(each, noise, num_folds)
            return ChosenPrecision(
                spread=noise.sentence, num_trainings=num_trainings, standard_error=standard_error
            )
    return ChosenPrecision(spread=noise.sentence)


def _was_killed(study: Study) -> bool:
    """Return whether no process holds a study whose search should be running."""
    return holder_of(study.path) is None
