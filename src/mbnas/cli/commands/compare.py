"""``mbnas compare``: networks trained anew, side by side, and what the differences are worth."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from mbnas.bounds import check_bound
from mbnas.cli.commands.networks import best_network, networks_named
from mbnas.cli.commands.search import holding, status_of
from mbnas.cli.configuration_options import check_address
from mbnas.cli.show.comparison_display import print_comparison
from mbnas.cli.show.live_log import check_log, logged
from mbnas.cli.show.load_warning import warn_of_load
from mbnas.cli.show.messages import say
from mbnas.cli.show.result_tables import print_csv, print_json
from mbnas.cli.show.search_display import training_bar
from mbnas.network.architecture import Architecture
from mbnas.report.page.study_page import write_report
from mbnas.report.tables.comparison_files import TABLE_COLUMNS, table_rows, write_comparison
from mbnas.report.tables.comparison_values import comparison_values
from mbnas.results.comparison import Comparison
from mbnas.results.read_search import collect
from mbnas.study.directory import Study
from mbnas.study.open_study import OpenStudy
from mbnas.study.retraining.found_networks import train_anew
from mbnas.training.training_record import MOST_FRESH

NETWORKS = ("best", "unet-genotype", "unet", "resunet")
"""What is compared where nobody says otherwise: the paper's Table 1."""


def compare(arguments: argparse.Namespace) -> int:
    """Train networks anew; print, write and report what they say of one another."""
    check_bound("--initialisations", arguments.initialisations, 1, MOST_FRESH)
    check_address(arguments)
    study = Study.open(arguments.study).with_dataset(arguments.dataset)
    asked = {name: getattr(arguments, name) for name in ("workers", "executor", "address", "log")}
    running = {name: value for name, value in asked.items() if value is not None}
    configuration = study.configuration
    configuration = replace(configuration, run=replace(configuration.run, **running))
    check_log(configuration)
    study = replace(study, configuration=configuration)
    names = tuple(arguments.network) or NETWORKS
    _others(names, study)  # what cannot be is refused before anything is prepared
    warn_of_load()
    with holding(study) as held:
        comparison = compare_networks(
            held, names, initialisations=arguments.initialisations, output=arguments.output
        )
    if arguments.json:
        print_json(comparison_values(comparison))
    elif arguments.csv:
        print_csv(TABLE_COLUMNS, table_rows(comparison))
    else:
        print_comparison(comparison)
    say(f"Files: {arguments.output or study.comparison}")
    return 0


def compare_networks(
    held: OpenStudy, names: Sequence[str], *, initialisations: int, output: Path | None = None
) -> Comparison:
    """Train networks on fresh initialisations, and write what they say of one another.

    Args:
        held: The study, held by this process.
        names: Of the networks; ``best`` is the best that the search found.
        initialisations: How many fresh ones.
        output: Where files go, the study's own folder by default.

    Raises:
        StudyError: if the best is asked for, and no network of the study has a score.
    """
    study, others = held.study, _others(names, held.study)
    networks = [
        others[each] if each in others else best_network(status_of(held), study.path)
        for each in names
    ]
    with logged(held) as log, training_bar("Training anew", log) as watch:
        train_anew(held, networks, initialisations=initialisations, watch=watch)
    summary = collect(study, held.ledger)
    assert summary.comparison is not None
    write_report(summary, study.report)
    write_comparison(
        summary.comparison, output or study.comparison, heading=f"Comparison: {summary.study_name}"
    )
    return summary.comparison


def _others(names: Sequence[str], study: Study) -> dict[str, Architecture]:
    """Return the networks that are known by their name alone, all but the best."""
    return networks_named(
        (name for name in names if name != "best"),
        num_levels=study.configuration.space.num_levels,
    )
