"""``mbnas report``."""

from __future__ import annotations

import argparse

from mbnas.actions.report_study import report_study
from mbnas.cli.show.messages import say
from mbnas.cli.show.printing import print_path
from mbnas.study.directory import Study


def report(arguments: argparse.Namespace) -> int:
    """Write a study's report and print its path; a search may be running."""
    path = report_study(Study.open(arguments.study))
    say("Open it in a browser; it needs no network.")
    print_path(path)
    return 0
