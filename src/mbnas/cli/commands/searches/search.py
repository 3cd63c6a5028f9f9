"""``mbnas search``."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from mbnas.cli.commands.searches.status import print_standing
from mbnas.cli.configuration_options import (
    announce_preset,
    default_protocol,
    options_layer,
    preset_asked_for,
)
from mbnas.cli.held_study import holding, status_of
from mbnas.cli.show.forecast_message import say_forecast
from mbnas.cli.show.live_log import check_log, logged
from mbnas.cli.show.messages import say, say_next
from mbnas.cli.show.search_display import SearchDisplay
from mbnas.report.live.rate_limited_page import RateLimitedPage
from mbnas.report.page.study_page import write_report
from mbnas.results.read_search import read_search
from mbnas.results.search_summary import SearchSummary
from mbnas.study.cost.training_speed import search_forecast
from mbnas.study.directory import Study
from mbnas.study.drive.dispatcher import FindTraining
from mbnas.study.drive.driver import SearchProgress
from mbnas.study.drive.evaluation_request import Progress
from mbnas.study.drive.run_search import run_search
from mbnas.study.ledger.ledger import Ledger
from mbnas.study.mode.training_mode import describe_choice
from mbnas.study.pool.worker_pool import default_workers
from mbnas.study.progress.search_status import SearchStatus
from mbnas.study.resolve_study import resolve


def search(arguments: argparse.Namespace) -> int:
    """Begin or resume a search, keep its report up to date, and print its final status."""
    protocol, paper_dataset = preset_asked_for(arguments)
    study = resolve(
        arguments.study,
        arguments.dataset,
        protocol=protocol,
        default_protocol=default_protocol(),
        options=options_layer(arguments),
        paper_dataset=paper_dataset,
    )
    announce_preset(study, paper_dataset)
    search_and_report(study)
    with Ledger.open(study.ledger, read_only=True) as ledger:
        snapshot = ledger.read(fresh=True)
    print_standing(study, snapshot, as_json=arguments.json)
    say_next(
        compare_with_baselines=("compare", study.path),
        train_a_model=("train", study.path),
        see_what_mattered=("explain", study.path),
    )
    return 0


def search_and_report(
    study: Study,
    *,
    find_training: FindTraining | None = None,
    show: Callable[[SearchSummary], None] | None = None,
) -> SearchStatus:
    """Run a search with its progress on standard error, and return its final status.

    Args:
        study: To begin or resume.
        find_training: Finds trainings of other studies.
        show: Called with the search's summary each time its report is written.
    """
    protocol = study.configuration.protocol
    check_log(study.configuration)
    say(
        f"Protocol {protocol.name}: {protocol.folds} folds × "
        f"{protocol.initialisations} initialisations per network."
    )
    with holding(study) as held:
        study = held.study
        if measured := describe_choice(held.ledger.facts()):
            say(f"Trains with {measured}.")
        say_forecast(
            lambda: search_forecast(held),
            offer_less=True,
            hours=study.configuration.search.hours,
        )

        def rewrite() -> None:
            summary = read_search(study, held.ledger)
            write_report(summary, study.report)
            if show is not None:
                show(summary)

        page = RateLimitedPage(rewrite)
        configuration = study.configuration
        display = SearchDisplay(
            budget=(
                held.budget().initialisations * protocol.folds
                if configuration.search.hours is None
                else None
            ),
            folds=protocol.folds,
            workers=configuration.run.workers or default_workers(configuration),
        )

        def watch(progress: SearchProgress) -> None:
            display.watch(progress)
            if log is not None:
                log(progress.trainings)
            if progress.trainings.complete is not None:
                page.write_if_due()

        def watch_confirmation(trainings: Progress) -> None:
            display.watch_confirmation(trainings)
            if log is not None:
                log(trainings)
            if trainings.complete is not None:
                page.write_if_due()

        try:
            with logged(held) as log, display:
                run_search(
                    held,
                    watch=watch,
                    watch_confirmation=watch_confirmation,
                    find_training=find_training,
                    begun=page.write,
                )
        finally:
            page.write()
        return status_of(held)
