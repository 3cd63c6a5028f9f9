"""``mbnas compare``: networks retrained on new initialisations, with tests of differences."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from mbnas.bounds import check_bound
from mbnas.cli.configuration_options import check_address
from mbnas.cli.held_study import holding
from mbnas.cli.network_names import networks_named, read_chosen
from mbnas.cli.show.comparison_display import print_comparison
from mbnas.cli.show.forecast_message import say_forecast
from mbnas.cli.show.live_log import check_log, logged
from mbnas.cli.show.load_warning import warn_of_load
from mbnas.cli.show.messages import say, say_next
from mbnas.cli.show.printing import print_csv, print_json
from mbnas.cli.show.search_display import training_bar
from mbnas.network.architecture import Architecture
from mbnas.report.page.study_page import write_report
from mbnas.report.tables.comparison_files import TABLE_COLUMNS, table_rows, write_comparison
from mbnas.report.tables.comparison_values import comparison_values
from mbnas.results.comparison import Comparison
from mbnas.results.read_search import read_search
from mbnas.study.cost.training_speed import retraining_forecast
from mbnas.study.directory import Study
from mbnas.study.open_study import OpenStudy
from mbnas.study.retraining.found_networks import retrain
from mbnas.training.training_record import MOST_FRESH

NETWORKS = ("best", "unet-genotype", "unet", "resunet")
"""The default networks: those of the paper's Table 1."""


def compare(arguments: argparse.Namespace) -> int:
    """Retrain networks; print, write and report their comparison."""
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
    _others(names, study)  # refuses unknown networks before anything is prepared
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
        reference = str(study.configuration.reference)
        print_comparison(comparison, reference=reference, with_notes=arguments.notes)
    say(f"Files: {arguments.output or study.comparison}")
    say_next(train_a_model=("train", study.path), draw_figures=("figures", study.path))
    return 0


def compare_networks(
    held: OpenStudy, names: Sequence[str], *, initialisations: int, output: Path | None = None
) -> Comparison:
    """Retrain networks on new initialisations, and write their comparison and the report.

    Args:
        held: The study, held by this process.
        names: Names of the networks; ``best`` is the one that the study stands for.
        initialisations: Number of new initialisations.
        output: Where files go; the study's comparison folder by default.

    Raises:
        StudyError: if ``best`` is among the names and no network of the study has a score.
    """
    study, others = held.study, _others(names, held.study)
    networks = [
        others[each] if each in others else read_chosen(study, held.ledger).genotype
        for each in names
    ]
    say_forecast(lambda: retraining_forecast(held, networks, initialisations=initialisations))
    with logged(held) as log, training_bar("Retraining", log) as watch:
        retrain(held, networks, initialisations=initialisations, watch=watch)
    summary = read_search(study, held.ledger)
    assert summary.comparison is not None
    write_report(summary, study.report)
    write_comparison(
        summary.comparison, output or study.comparison, heading=f"Comparison: {summary.study_name}"
    )
    return summary.comparison


def _others(names: Sequence[str], study: Study) -> dict[str, Architecture]:
    """Return all networks but ``best``, which takes an open study to find."""
    return networks_named(
        (name for name in names if name != "best"),
        num_levels=study.configuration.space.num_levels,
    )
