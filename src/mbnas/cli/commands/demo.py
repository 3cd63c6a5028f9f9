"""``mbnas demo``: a synthetic study end to end, small enough for two cores and five minutes."""

from __future__ import annotations

import argparse
from pathlib import Path

from mbnas.cli.commands.compare import compare_networks
from mbnas.cli.commands.search import holding, search_and_report
from mbnas.cli.show.comparison_display import print_comparison
from mbnas.cli.show.messages import say
from mbnas.cli.show.result_tables import console
from mbnas.data.phantom.phantom_dataset import write_phantom
from mbnas.escaping import visible
from mbnas.study.directory import resolve

NUM_PATIENTS = 12
FRESH_INITIALISATIONS = 2
SETTINGS = {
    "preparation": {"slice_size": 32},
    "protocol": {"folds": 2, "initialisations": 1},
    "training": {"epochs": 10, "steps_per_epoch": 30, "base_channels": 8},
    "space": {"num_nodes": 8, "num_levels": 4},
    "search": {"evaluations": 10},
}


def demo(arguments: argparse.Namespace) -> int:
    """Make a phantom dataset, search it, train the best network and the U-Net anew."""
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
    search_and_report(study)
    say("Training the best network and the U-Net anew, on fresh initialisations.", step="3")
    with holding(study) as held:
        comparison = compare_networks(
            held, ("best", "unet-genotype"), initialisations=FRESH_INITIALISATIONS
        )
        print_comparison(comparison)
    console().print(f"\nReport: {visible(str(study.report.resolve()))}")
    return 0
