"""``mbnas demo``: a synthetic study that takes five minutes on two cores."""

from __future__ import annotations

import argparse
from pathlib import Path

from mbnas.actions.compare_networks import compare_networks
from mbnas.actions.hold_study import holding
from mbnas.cli.commands.searches.search import search_and_report
from mbnas.cli.show.comparison_display import print_comparison
from mbnas.cli.show.event_display import EventDisplay
from mbnas.cli.show.messages import say, say_next
from mbnas.cli.show.printing import console
from mbnas.cli.typed_command import command_line
from mbnas.data.phantom.phantom_dataset import write_phantom
from mbnas.escaping import visible
from mbnas.results.choice.next_steps import step_of
from mbnas.results.standing.read_standing import read_standing
from mbnas.study.resolve_study import resolve

NUM_PATIENTS = 12
NEW_INITIALISATIONS = 2
SETTINGS = {
    "preparation": {"slice_size": 32},
    "protocol": {"folds": 2, "initialisations": 1},
    "training": {"epochs": 10, "steps_per_epoch": 30, "base_channels": 8},
    "space": {"num_nodes": 8, "num_levels": 4},
    "search": {"evaluations": 12},
}


def demo(arguments: argparse.Namespace) -> int:
    """Write a phantom dataset, search it, and compare the best network with the U-Net."""
    directory: Path = arguments.directory
    dataset, study_path = directory / "prostate", directory / "study"
    if not dataset.exists():
        say(f"Writing {NUM_PATIENTS} synthetic patients to {dataset}.", step="1")
        write_phantom("prostate", dataset, num_patients=NUM_PATIENTS, seed=arguments.seed)
    say("Searching.", step="2")
    study = resolve(
        study_path,
        dataset,
        protocol="quick",
        default_protocol="quick",
        options={"seed": arguments.seed, **SETTINGS},
    )
    status = search_and_report(study)
    say("Retraining the leader of the search and the U-Net on new initialisations.", step="3")
    leader = () if status.best is None else (str(status.best.genotype),)
    with EventDisplay() as display, holding(study, command=command_line(), watch=display) as held:
        comparison = compare_networks(
            held,
            ("best", *leader, "unet-genotype"),
            initialisations=NEW_INITIALISATIONS,
            watch=display,
            forecast=display.is_seen,
        )
    print_comparison(
        comparison, reference=str(study.configuration.reference), with_notes=arguments.notes
    )
    console().print(f"\nReport: {visible(str(study.report.resolve()))}")
    own = step_of("Search your own dataset", "search", "DATASET", "STUDY", "--hours", "2")
    say_next((*read_standing(study).next_steps[:1], own))
    return 0
