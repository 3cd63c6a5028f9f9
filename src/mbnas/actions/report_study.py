"""The page of a study, written from what its ledger holds now."""

from __future__ import annotations

from pathlib import Path

from mbnas.report.page.study_page import write_report
from mbnas.results.read_search import read_search
from mbnas.study.directory import Study
from mbnas.study.ledger.ledger import Ledger


def report_study(study: Study) -> Path:
    """Write a study's report and return its path; a search may be running.

    Raises:
        MbnasError: if the ledger cannot be read, or the page cannot be written.
    """
    with Ledger.open(study.ledger, read_only=True) as ledger:
        summary = read_search(study, ledger)
    write_report(summary, study.report)
    return study.report
