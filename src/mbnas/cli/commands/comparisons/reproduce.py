"""``mbnas reproduce``: the paper's whole experiment on one dataset."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Mapping, Sequence

from mbnas.actions.asked_study import asked_preset, default_protocol, preset_sentence
from mbnas.actions.compare_networks import watching_trainings
from mbnas.actions.forecast_message import forecast_message
from mbnas.actions.hold_study import holding
from mbnas.actions.named_networks import networks_named
from mbnas.bounds import check_bound
from mbnas.cli.commands.comparisons.experiment_outputs import (
    ExperimentPage,
    check_outputs,
    write_outputs,
)
from mbnas.cli.commands.searches.search import search_and_report
from mbnas.cli.configuration_options import options_layer
from mbnas.cli.show.comparison_display import print_comparison
from mbnas.cli.show.event_display import EventDisplay
from mbnas.cli.show.messages import note, say, warn
from mbnas.cli.show.printing import console
from mbnas.cli.typed_command import command_line
from mbnas.data.datasets.dataset import Dataset, read_dataset
from mbnas.errors import UsageError
from mbnas.escaping import visible
from mbnas.network.architecture import Architecture
from mbnas.report.live.study_log import check_log, logged
from mbnas.report.page.study_page import write_report
from mbnas.report.tables.published_table import published_notes
from mbnas.results.comparison import Comparison, compare_in_study
from mbnas.results.read_search import read_search
from mbnas.results.search_summary import SearchSummary
from mbnas.space.four_spaces import SPACE_NAMES, SpaceName
from mbnas.study.check_beginning import check_networks, check_new_study
from mbnas.study.cost.training_speed import retraining_forecast
from mbnas.study.experiment import COMPARISON, Experiment, resolve_experiment
from mbnas.study.progress.search_status import SearchStatus
from mbnas.study.retraining.found_networks import (
    FoundNetwork,
    best_networks,
    compare_found,
)
from mbnas.training.training_record import MOST_FRESH

BASELINES = ("unet", "resunet", "unet-genotype")
"""The default networks with which those found are compared."""

_SEARCHED = {
    "mixed": "levels, blocks, kernels and skips together",
    "macro": "levels and skips, with VGG 3 in every node",
    "micro": "blocks and kernels, on the U-Net's levels and skips",
    "bilevel": "levels and skips first, then kernels on the best of them",
}


def reproduce(arguments: argparse.Namespace) -> int:
    """Search the paper's spaces, compare the networks found, and write one report."""
    _check(arguments)
    protocol, paper_dataset = asked_preset(
        arguments.dataset, protocol=arguments.protocol, preset=arguments.preset
    )
    experiment = resolve_experiment(
        arguments.directory,
        arguments.dataset,
        spaces=_spaces(arguments.spaces),
        protocol=protocol,
        default_protocol=default_protocol(),
        options=options_layer(arguments),
        paper_dataset=paper_dataset,
    )
    check_log(experiment.configuration)
    num_levels = experiment.configuration.space.num_levels
    baselines = networks_named(arguments.network or BASELINES, num_levels=num_levels)
    _check_all(experiment, baselines.values(), read_dataset(arguments.dataset))
    if preset := preset_sentence(experiment.comparison, paper_dataset):
        note(preset)
    check_outputs(experiment.directory)
    page = ExperimentPage(experiment, paper_dataset)
    statuses = _search_all(experiment, page)
    experiment = experiment.settled()
    found = best_networks(statuses)
    comparison = _compare(
        experiment, page, found, baselines, initialisations=arguments.initialisations
    )
    published = write_outputs(
        experiment, page, comparison, found=found, baselines=baselines, statuses=statuses
    )
    notes = published_notes(paper_dataset) if paper_dataset else ()
    print_comparison(
        comparison,
        reference=str(experiment.configuration.reference),
        with_notes=arguments.notes,
        more=published,
        more_notes=notes,
    )
    console().print(f"\nReport: {visible(str(page.path.resolve()))}")
    return 0


def _search_all(experiment: Experiment, page: ExperimentPage) -> dict[SpaceName, SearchStatus]:
    statuses = {}
    num_stages = len(experiment.searches) + 1
    for number, space in enumerate(experiment.searches, start=1):
        say(f"Searching the {space} space: {_SEARCHED[space]}.", step=f"{number} of {num_stages}")
        page.begin(f"searching the {space} space")

        def show(summary: SearchSummary, space: SpaceName = space) -> None:
            page.show_search(space, summary)

        study = experiment.settled().searches[space]
        statuses[space] = search_and_report(
            study, find_training=experiment.find_in_others(space), show=show
        )
    return statuses


def _compare(
    experiment: Experiment,
    page: ExperimentPage,
    found: Sequence[FoundNetwork],
    baselines: Mapping[str, Architecture],
    *,
    initialisations: int,
) -> Comparison:
    """Retrain the networks found and the baselines, and return their comparison."""
    num_stages = len(experiment.searches) + 1
    say(
        "Retraining the networks found and the baselines on new initialisations, because the "
        "score of a search's best network is optimistic.",
        step=f"{num_stages} of {num_stages}",
    )
    page.begin("retraining the networks found and the baselines")
    page.write()
    study = experiment.comparison
    with EventDisplay() as display, holding(study, command=command_line(), watch=display) as held:
        networks = (*(each.genotype for each in found), *baselines.values())
        if display.is_seen:
            forecast = retraining_forecast(held, networks, initialisations=initialisations)
            if forecast is not None:
                say(forecast_message(forecast))
        try:
            with logged(held, warn=warn) as log:
                contenders = compare_found(
                    held,
                    found,
                    tuple(baselines.values()),
                    initialisations=initialisations,
                    find_training=experiment.find_in_others(COMPARISON),
                    watch=watching_trainings(display, log),
                )
        finally:
            summary = read_search(held.study, held.ledger)
            write_report(summary, held.study.report)
    # No search is passed: there are several, and the page has the optimism of each.
    return compare_in_study(
        contenders,
        experiment.configuration,
        class_names=summary.class_names,
        unit=summary.unit,
    )


def _spaces(text: str) -> tuple[SpaceName, ...]:
    asked = text.split(",")
    unknown = [name for name in asked if name not in SPACE_NAMES]
    if unknown:
        raise UsageError(
            f"--spaces (={text}) contains {unknown[0]!r}, which is not a space: use "
            f"{', '.join(SPACE_NAMES)}, separated by commas."
        )
    return tuple(name for name in SPACE_NAMES if name in asked)


def _check_all(experiment: Experiment, baselines: Iterable[Architecture], dataset: Dataset) -> None:
    """Raise if a later study could not begin, before days are spent on searches."""
    check_networks(baselines, experiment.configuration, dataset)
    for study in experiment.searches.values():
        if not study.is_begun:
            check_new_study(study.configuration, dataset)


def _check(arguments: argparse.Namespace) -> None:
    check_bound("--initialisations", arguments.initialisations, 1, MOST_FRESH)
    for assignment in arguments.set:
        if assignment.partition("=")[0].strip() == "space.name":
            raise UsageError(
                f"--set {assignment} names one space, and reproduce searches several: choose them "
                "with --spaces."
            )
