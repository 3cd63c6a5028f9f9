"""``mbnas explain``: which choices mattered in a search, and which cannot be told."""

from __future__ import annotations

import argparse

from mbnas.cli.show.explanation_display import explanation_as_json, print_explanation
from mbnas.cli.show.printing import print_json
from mbnas.errors import StudyError
from mbnas.results.choice.network_decision import chosen_network
from mbnas.results.explanation.read_explanation import explanation_of
from mbnas.study.directory import Study
from mbnas.study.ledger.ledger import Ledger
from mbnas.study.progress.search_status import search_status


def explain(arguments: argparse.Namespace) -> int:
    """Print what mattered in a search; it may be running."""
    study = Study.open(arguments.study)
    configuration = study.configuration
    with Ledger.open(study.ledger, read_only=True) as ledger:
        snapshot = ledger.read(fresh=True)
    status = search_status(snapshot, configuration)
    chosen = chosen_network(snapshot, status, configuration)
    found = explanation_of(snapshot, configuration, None if chosen is None else chosen.genotype)
    if found is None:
        raise StudyError(
            f"{study.path} has no network with a score, so nothing can be explained. Run mbnas "
            "search first, or wait for its first networks."
        )
    if arguments.json:
        print_json({"study": str(study.path), **explanation_as_json(found)})
    else:
        print_explanation(found)
    return 0
