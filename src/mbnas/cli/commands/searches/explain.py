"""``mbnas explain``: which choices mattered in a search, and which cannot be told."""

from __future__ import annotations

import argparse

from mbnas.cli.show.explanation_display import explanation_as_json, print_explanation
from mbnas.cli.show.printing import print_json
from mbnas.results.explanation.read_explanation import explain_standing
from mbnas.results.standing.read_standing import read_standing
from mbnas.study.directory import Study


def explain(arguments: argparse.Namespace) -> int:
    """Print what mattered in a search; it may be running."""
    study = Study.open(arguments.study)
    found = explain_standing(read_standing(study))
    if arguments.json:
        print_json({"study": str(study.path), **explanation_as_json(found)})
    else:
        print_explanation(found)
    return 0
