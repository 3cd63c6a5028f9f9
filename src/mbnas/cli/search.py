"""``mbnas search``."""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from mbnas.cli.display import counting, say, warn
from mbnas.cli.live_log import check_log, logged
from mbnas.cli.options import announce_preset, default_protocol, options_layer, preset_asked_for
from mbnas.cli.search_display import SearchDisplay
from mbnas.cli.tables import print_standing
from mbnas.report.collect import collect
from mbnas.report.page import write_report
from mbnas.report.summary import SearchSummary
from mbnas.report.thrift import Thrift
from mbnas.study import run
from mbnas.study.dispatcher import Elsewhere, nowhere
from mbnas.study.driver import Moment
from mbnas.study.standing import Standing, read_standing
from mbnas.study.study import Study, resolve
from mbnas.study.way import told
from mbnas.study.workplace import default_workers


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
    standing = run_search(study)
    print_standing(study, standing, as_json=arguments.json)
    return 0


def show_nothing(summary: SearchSummary) -> None:
    """Show a search nowhere but on its own page."""


def run_search(
    study: Study,
    *,
    elsewhere: Elsewhere = nowhere,
    show: Callable[[SearchSummary], None] = show_nothing,
) -> Standing:
    """Run a search with its progress on standard error; return where it ends.

    Args:
        study: To begin or resume.
        elsewhere: Finds trainings that other studies hold.
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
            show(summary)

        page = Thrift(tell)
        configuration = study.configuration
        display = SearchDisplay(
            budget=configuration.search.evaluations,
            per_evaluation=protocol.folds * protocol.initialisations,
            workers=configuration.run.workers or default_workers(configuration),
        )

        def watch(moment: Moment) -> None:
            display.watch(moment)
            log(moment.progress)
            if moment.progress.complete is not None:
                page.write_if_cheap()

        try:
            with logged(held) as log, display:
                run.search(held, watch=watch, elsewhere=elsewhere, begun=page.write)
        finally:
            page.write()
        return standing_of(held)


@contextmanager
def holding(study: Study) -> Iterator[run.OpenStudy]:
    """Hold a study, with the progress of its preparation on standard error."""
    with ExitStack() as stack:
        with counting("Preparing volumes") as progress:
            held = stack.enter_context(
                run.opened(study, command=command_line(), progress=progress, warn=warn, tell=say)
            )
        yield held


def standing_of(held: run.OpenStudy) -> Standing:
    """Return where an open study stands."""
    return read_standing(held.ledger, held.study.configuration)


def command_line() -> str:
    """Return what the user started."""
    return shlex.join(["mbnas", *sys.argv[1:]])
