"""``mbnas check``."""

from __future__ import annotations

import argparse
import os
from dataclasses import asdict
from pathlib import Path

from mbnas.cli.configuration_options import default_protocol, options_layer
from mbnas.cli.show.check_display import FINDING_COLUMNS, check_as_json, print_check
from mbnas.cli.show.messages import counting
from mbnas.cli.show.printing import print_csv, print_json
from mbnas.data.augmentation.laterality import flips_of
from mbnas.data.checks.dataset_check import check_dataset
from mbnas.data.datasets.patient_table import read_patient_table
from mbnas.study.configuration_layers import asked_over, build, merge, preset_layer


def check(arguments: argparse.Namespace) -> int:
    """Print the contents of a dataset and all findings; return 1 if a search would refuse it."""
    protocol = preset_layer(arguments.protocol or default_protocol())
    options = options_layer(arguments)
    configuration = build(merge(asked_over(protocol, options), {"dataset": str(arguments.dataset)}))
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
    contents = checked.contents
    names = [] if contents is None else [each.name for each in contents.classes]
    flips = flips_of(
        configuration.augmentation,
        names,
        has_regions=contents is not None and contents.has_regions,
    )
    if arguments.json:
        print_json(check_as_json(checked, flips))
    elif arguments.csv:
        print_csv(FINDING_COLUMNS, map(asdict, checked.findings))
    else:
        print_check(arguments.dataset, checked, flips)
    return 0 if checked.is_sound else 1
