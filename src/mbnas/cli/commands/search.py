"""``mbnas search``."""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from mbnas.cli.configuration_options import (
    announce_preset,
    default_protocol,
    options_layer,
    preset_asked_for,
)
from mbnas.cli.show.live_log import check_log, logged
from mbnas.cli.show.messages import counting, say, warn
from mbnas.cli.show.result_tables import print_status
from mbnas.cli.show.search_display import SearchDisplay
from mbnas.report.live.rewrite_interval import RewriteInterval
from mbnas.report.page.study_page import write_report
from mbnas.results.read_search import collect
from mbnas.results.search_summary import SearchSummary
from mbnas.study.begin_or_resume import opened
from mbnas.study.directory import Study, resolve
from mbnas.study.drive.dispatcher import FindTraining
from mbnas.study.drive.driver import SearchProgress
from mbnas.study.drive.run_search import run_search
from mbnas.study.drive.training_mode import told
from mbnas.study.drive.worker_pool import default_workers
from mbnas.study.open_study import OpenStudy
from mbnas.study.progress.search_status import SearchStatus, read_status


def search(arguments: argparse.Namespace) -> int:
    """Begin or resume a search, keep its report fresh, and print where it ends."""
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
    standing = search_and_report(study)
    print_status(study, standing, as_json=arguments.json)
    return 0


def search_and_report(
    study: Study,
    *,
    find_training: FindTraining | None = None,
    show: Callable[[SearchSummary], None] | None = None,
) -> SearchStatus:
    """Run a search with its progress on standard error; return where it ends.

    Args:
        study: To begin or resume.
        find_training: Finds trainings that other studies hold.
        show: Given what the search has to tell whenever its page is written, which is as often
            as is cheap.
    """
    protocol = study.configuration.protocol
    check_log(study.configuration)
    say(
        f"Protocol {protocol.name}: {protocol.folds} folds × "
        f"{protocol.initialisations} initialisations per network."
    )
    with holding(study) as held:
        study = held.study
        if measured := told(held.ledger.facts()):
            say(f"Trains with {measured}.")

        def tell() -> None:
            summary = collect(study, held.ledger)
            write_report(summary, study.report)
            if show is not None:
                show(summary)

        page = RewriteInterval(tell)
        configuration = study.configuration
        display = SearchDisplay(
            budget=configuration.search.evaluations,
            per_evaluation=protocol.folds * protocol.initialisations,
            workers=configuration.run.workers or default_workers(configuration),
        )

        def watch(progress: SearchProgress) -> None:
            display.watch(progress)
            if log is not None:
                log(progress.trainings)
            if progress.trainings.complete is not None:
                page.write_if_cheap()

        try:
            with logged(held) as log, display:
                run_search(held, watch=watch, find_training=find_training, begun=page.write)
        finally:
            page.write()
        return status_of(held)


@contextmanager
def holding(study: Study) -> Iterator[OpenStudy]:
    """Hold a study, with the progress of its preparation on standard error."""
    with ExitStack() as stack:
        with counting("Preparing volumes") as progress:
            held = stack.enter_context(
                opened(study, command=command_line(), progress=progress, warn=warn, tell=say)
            )
        yield held


def status_of(held: OpenStudy) -> SearchStatus:
    """Return where an open study stands."""
    return read_status(held.ledger, held.configuration)


def command_line() -> str:
    """Return what the user started."""
    return shlex.join(["mbnas", *sys.argv[1:]])
