"""``mbnas check``."""

from __future__ import annotations

import argparse
import os
import shlex
from dataclasses import asdict
from pathlib import Path

from mbnas.actions.asked_study import default_protocol
from mbnas.cli.configuration_options import options_layer
from mbnas.cli.show.check_display import FINDING_COLUMNS, check_as_json, print_check
from mbnas.cli.show.dataset_display import found_as_json, print_found
from mbnas.cli.show.messages import counting, note
from mbnas.cli.show.printing import print_csv, print_json
from mbnas.data.assembly.picture_folders import SurveyOptions, folders_in, survey
from mbnas.data.augmentation.laterality import flips_of
from mbnas.data.checks.dataset_check import check_dataset
from mbnas.data.datasets.patient_table import read_patient_table
from mbnas.errors import UsageError
from mbnas.study.configuration_layers import asked_over, build, merge, preset_layer


def check(arguments: argparse.Namespace) -> int:
    """Print the contents of a dataset and all findings; return 1 if a search would refuse it.

    Of a folder of pictures and a folder of masks without ``dataset.json``, print what they hold.
    """
    folders = folders_in(arguments.dataset)
    if folders is not None and not (arguments.dataset / "dataset.json").exists():
        return _check_folders(arguments, *folders)
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


def _check_folders(arguments: argparse.Namespace, images: Path, masks: Path) -> int:
    """Print what two folders of pictures hold, and how they become a dataset; return 1."""
    if arguments.csv:
        raise UsageError(
            f"{arguments.dataset} has no dataset.json, so there are no findings to list. Make a "
            "dataset of its folders with mbnas dataset."
        )
    pattern = build(merge(options_layer(arguments), {"dataset": str(images)})).data.patient_pattern
    with counting("Reading pictures") as progress:
        found = survey(
            images,
            masks,
            SurveyOptions(patient_pattern=pattern),
            workers=os.cpu_count() or 1,
            progress=progress,
        )
    if arguments.json:
        print_json(found_as_json(found))
    else:
        print_found(found)
    given = ["--patient-pattern", pattern] if pattern else []
    command = shlex.join(["mbnas", "dataset", str(images), str(masks), "OUT", *given])
    note(f"{arguments.dataset} has no dataset.json. Write a dataset with: {command}")
    return 1
