"""``mbnas search``."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from mbnas.actions.asked_study import asked_study
from mbnas.actions.search_study import search_study
from mbnas.cli.commands.searches.status import print_standing
from mbnas.cli.configuration_options import asked_layer
from mbnas.cli.show.event_display import EventDisplay
from mbnas.cli.show.messages import note, say_next
from mbnas.cli.typed_command import command_line
from mbnas.results.search_summary import SearchSummary
from mbnas.results.standing.read_standing import read_standing
from mbnas.study.configuration_toml import read_toml
from mbnas.study.directory import Study
from mbnas.study.drive.dispatcher import FindTraining
from mbnas.study.progress.search_status import SearchStatus


def search(arguments: argparse.Namespace) -> int:
    """Begin or resume a search, keep its report up to date, and print its final status."""
    study, preset = asked_study(
        arguments.study,
        arguments.dataset,
        protocol=arguments.protocol,
        preset=arguments.preset,
        file={} if arguments.config is None else read_toml(arguments.config),
        options=asked_layer(arguments),
    )
    if preset is not None:
        note(preset)
    search_and_report(study)
    found = read_standing(study)
    print_standing(study, found, as_json=arguments.json)
    say_next(found.next_steps)
    return 0


def search_and_report(
    study: Study,
    *,
    find_training: FindTraining | None = None,
    show: Callable[[SearchSummary], None] | None = None,
) -> SearchStatus:
    """Run a search with its progress on standard error, and return its final status.

    Args:
        study: To begin or resume.
        find_training: Finds trainings of other studies.
        show: Called with the search's summary each time its report is written.
    """
    with EventDisplay() as display:
        return search_study(
            study,
            command=command_line(),
            watch=display,
            find_training=find_training,
            show=show,
            forecast=display.is_seen,
        )
