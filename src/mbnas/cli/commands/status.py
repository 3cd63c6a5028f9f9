"""``mbnas status`` and ``mbnas report``, which read a study that may be running."""

from __future__ import annotations

import argparse
from dataclasses import replace

from mbnas.cli.show.messages import say
from mbnas.cli.show.result_tables import (
    print_evaluations,
    print_path,
    print_status,
    print_status_summary,
)
from mbnas.cli.show.status_watch import watch
from mbnas.errors import UsageError
from mbnas.study.directory import Study
from mbnas.study.ledger.ledger import Ledger
from mbnas.study.lock import holder_of
from mbnas.study.progress.search_status import read_status
from mbnas.study.progress.status_summary import read_status_summary


def status(arguments: argparse.Namespace) -> int:
    """Print where a running or finished search stands, once or for as long as it runs."""
    study = Study.open(arguments.study)
    if arguments.watch:
        if arguments.csv:
            raise UsageError("--csv lists networks once: leave out --watch, or take --json.")
        return watch(study, interval_s=arguments.interval, as_json=arguments.json)
    with Ledger.open(study.ledger, read_only=True) as ledger:
        if not (arguments.csv or arguments.json):
            brief = read_status_summary(ledger, study.configuration)
            if brief.state == "running" and _was_killed(study):
                brief = replace(brief, state="stopped")
            print_status_summary(study, brief)
            return 0
        standing = read_status(ledger, study.configuration)
    if standing.state == "running" and _was_killed(study):
        standing = replace(standing, state="stopped")
    if arguments.csv:
        print_evaluations(standing)
    else:
        print_status(study, standing, as_json=arguments.json)
    return 0


def report(arguments: argparse.Namespace) -> int:
    """Write the study's page and print where it is."""
    # Imported here: the statistics of a comparison take a second to load, and status has none.
    from mbnas.report.page.study_page import write_report
    from mbnas.results.read_search import collect

    study = Study.open(arguments.study)
    with Ledger.open(study.ledger, read_only=True) as ledger:
        summary = collect(study, ledger)
    if summary.state == "running" and _was_killed(study):
        summary = replace(summary, state="stopped")
    write_report(summary, study.report)
    say("Open it in a browser; it needs no network.")
    print_path(study.report)
    return 0


def _was_killed(study: Study) -> bool:
    """Whether nobody runs a search that says that it runs."""
    return holder_of(study.path) is None
