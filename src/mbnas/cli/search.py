"""``mbnas search``."""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from mbnas.cli.display import counting, say, warn
from mbnas.cli.options import default_protocol, options_layer
from mbnas.cli.search_display import SearchDisplay
from mbnas.cli.tables import print_standing
from mbnas.report.collect import collect
from mbnas.report.page import write_report
from mbnas.study import run
from mbnas.study.driver import Moment
from mbnas.study.standing import Standing, read_standing
from mbnas.study.study import Study, resolve


def search(arguments: argparse.Namespace) -> int:
    """Begin or resume a search, keep its report fresh, and print where it ends."""
    study = resolve(
        arguments.study,
        arguments.dataset,
        protocol=arguments.protocol,
        default_protocol=default_protocol(),
        options=options_layer(arguments),
    )
    standing = run_search(study)
    print_standing(study, standing, as_json=arguments.json)
    return 0


def run_search(study: Study) -> Standing:
    """Run a search with its progress on standard error; return where it ends."""
    protocol = study.configuration.protocol
    say(
        f"Protocol [bold]{protocol.name}[/]: {protocol.folds} folds × "
        f"{protocol.initialisations} initialisations per network."
    )
    with holding(study) as held:
        study = held.study
        write_report(collect(study, held.ledger), study.report)
        configuration = study.configuration
        display = SearchDisplay(
            budget=configuration.search.evaluations,
            per_evaluation=protocol.folds * protocol.initialisations,
            workers=configuration.run.workers or run.default_workers(configuration),
            standing=lambda: standing_of(held),
        )

        def watch(moment: Moment) -> None:
            display.watch(moment)
            if moment.progress.complete is not None:
                write_report(collect(study, held.ledger), study.report)

        try:
            with display:
                run.search(held, watch=watch)
        finally:
            write_report(collect(study, held.ledger), study.report)
        return standing_of(held)


@contextmanager
def holding(study: Study) -> Iterator[run.OpenStudy]:
    """Hold a study, with the progress of its preparation on standard error."""
    with ExitStack() as stack:
        with counting("Preparing volumes") as progress:
            held = stack.enter_context(
                run.opened(study, command=command_line(), progress=progress, warn=warn)
            )
        yield held


def standing_of(held: run.OpenStudy) -> Standing:
    """Return where an open study stands."""
    protocol = held.study.configuration.protocol
    return read_standing(
        held.ledger, folds=protocol.folds, initialisations=protocol.initialisations
    )


def command_line() -> str:
    """Return what the user started."""
    return shlex.join(["mbnas", *sys.argv[1:]])
