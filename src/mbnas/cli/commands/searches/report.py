"""``mbnas report``."""

from __future__ import annotations

import argparse
from dataclasses import replace

from mbnas.cli.show.messages import say
from mbnas.cli.show.printing import print_path
from mbnas.report.page.study_page import write_report
from mbnas.results.read_search import read_search
from mbnas.study.directory import Study
from mbnas.study.ledger.ledger import Ledger
from mbnas.study.lock import holder_of


def report(arguments: argparse.Namespace) -> int:
    """Write a study's report and print its path; a search may be running."""
    study = Study.open(arguments.study)
    with Ledger.open(study.ledger, read_only=True) as ledger:
        summary = read_search(study, ledger)
    if summary.state == "running" and holder_of(study.path) is None:
        summary = replace(summary, state="stopped")  # it was killed
    write_report(summary, study.report)
    say("Open it in a browser; it needs no network.")
    print_path(study.report)
    return 0
