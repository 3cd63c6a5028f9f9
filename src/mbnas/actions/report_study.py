"""The page of a study, written from what its ledger holds now."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from mbnas.report.page.study_page import write_report
from mbnas.results.read_search import read_search
from mbnas.results.standing.read_standing import was_killed
from mbnas.study.directory import Study
from mbnas.study.ledger.ledger import Ledger


def report_study(study: Study) -> Path:
    """Write a study's report and return its path; a search may be running.

    Raises:
        MbnasError: if the ledger cannot be read, or the page cannot be written.
    """
    with Ledger.open(study.ledger, read_only=True) as ledger:
        summary = read_search(study, ledger)
    if summary.state == "running" and was_killed(study):
        summary = replace(summary, state="stopped")
    write_report(summary, study.report)
    return study.report
