"""``mbnas check``."""

from __future__ import annotations

import argparse
import os
import shlex
from dataclasses import asdict
from pathlib import Path

from mbnas.cli.configuration_options import default_protocol, options_layer
from mbnas.cli.show.check_display import FINDING_COLUMNS, check_as_json, print_check
from mbnas.cli.show.messages import counting, moving_bytes, note, say
from mbnas.cli.show.result_tables import print_csv, print_json, print_path
from mbnas.data.datasets.dataset_check import check_dataset
from mbnas.data.datasets.laterality import flips_of
from mbnas.data.datasets.patient_table import read_patient_table
from mbnas.data.fetch.decathlon import download_task, find_task
from mbnas.study.configuration import build, merge, preset_layer


def check(arguments: argparse.Namespace) -> int:
    """Print what a dataset holds and all findings; 1 if any would stop a search."""
    protocol = preset_layer(arguments.protocol or default_protocol())
    options = options_layer(arguments)
    configuration = build(merge(protocol, options, {"dataset": str(arguments.dataset)}))
    data = configuration.data
    with counting("Reading volumes") as progress:
        checked = check_dataset(
            arguments.dataset,
            num_folds=configuration.protocol.folds,
            test_fraction=configuration.protocol.test_fraction,
            seed=configuration.seed,
            patient_pattern=data.patient_pattern,
            patient_table=read_patient_table(Path(data.patient_table))
            if data.patient_table
            else None,
            allow_empty_cases=data.allow_empty_cases,
            preparation=configuration.preparation,
            workers=os.cpu_count() or 1,
            progress=progress,
        )
    names = [] if checked.contents is None else [each.name for each in checked.contents.classes]
    flips = flips_of(configuration.augmentation, names)
    if arguments.json:
        print_json(check_as_json(checked, flips))
    elif arguments.csv:
        print_csv(FINDING_COLUMNS, map(asdict, checked.findings))
    else:
        print_check(arguments.dataset, checked, flips)
    return 0 if checked.is_sound else 1


def download(arguments: argparse.Namespace) -> int:
    """Fetch a task of the Decathlon unless it is there, and print its folder."""
    directory: Path = arguments.directory
    say("Loading MONAI, which knows where the archives are.")
    task = find_task(arguments.task)
    if arguments.mirror is not None:
        task = task.at(arguments.mirror)
    with moving_bytes() as watch:
        is_new = download_task(task, directory, watch=watch)
    folder = directory / task.name
    if not is_new:
        note(f"{folder} is there already: nothing was fetched.")
    print_path(folder)
    note(f"Next: {shlex.join(['mbnas', 'check', str(folder)])}")
    return 0
