"""``mbnas compare``: networks retrained on new initialisations, with tests of differences."""

from __future__ import annotations

import argparse

from mbnas.actions.compare_networks import NETWORKS, compare_study
from mbnas.actions.named_options import layer_of, running_as
from mbnas.cli.show.comparison_display import print_comparison
from mbnas.cli.show.event_display import EventDisplay
from mbnas.cli.show.messages import say, say_next
from mbnas.cli.show.printing import print_csv, print_json
from mbnas.cli.typed_command import command_line
from mbnas.report.tables.comparison_files import TABLE_COLUMNS, table_rows
from mbnas.report.tables.comparison_values import comparison_values
from mbnas.results.standing.read_standing import read_standing
from mbnas.study.directory import Study


def compare(arguments: argparse.Namespace) -> int:
    """Retrain networks; print, write and report their comparison."""
    options = ("workers", "executor", "address", "log")
    running = layer_of({name: getattr(arguments, name) for name in options})
    study = running_as(Study.open(arguments.study).with_dataset(arguments.dataset), running)
    with EventDisplay() as display:
        comparison = compare_study(
            study,
            tuple(arguments.network) or NETWORKS,
            initialisations=arguments.initialisations,
            output=arguments.output,
            command=command_line(),
            watch=display,
            forecast=display.is_seen,
        )
    if arguments.json:
        print_json(comparison_values(comparison))
    elif arguments.csv:
        print_csv(TABLE_COLUMNS, table_rows(comparison))
    else:
        reference = str(study.configuration.reference)
        print_comparison(comparison, reference=reference, with_notes=arguments.notes)
    say(f"Files: {arguments.output or study.comparison}")
    say_next(read_standing(study).next_steps)
    return 0
