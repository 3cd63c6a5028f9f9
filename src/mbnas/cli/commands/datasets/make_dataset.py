"""``mbnas dataset``: a dataset from a folder of pictures and a folder of masks."""

from __future__ import annotations

import argparse
import os
import shlex

from mbnas.cli.show.dataset_display import found_as_json, print_found
from mbnas.cli.show.messages import counting, note
from mbnas.cli.show.printing import print_json, print_path
from mbnas.data.assembly.picture_folders import SurveyOptions, survey
from mbnas.data.assembly.write_pictures import PATIENTS, write_pictures
from mbnas.errors import UsageError


def make_dataset(arguments: argparse.Namespace) -> int:
    """Show what two folders of pictures hold, and write them as a dataset."""
    if arguments.output is None and not arguments.dry_run:
        raise UsageError("mbnas dataset needs OUT, the folder to write, or --dry-run.")
    options = SurveyOptions(
        patient_pattern=arguments.patient_pattern,
        background=arguments.background,
        ignored=arguments.ignore,
        class_names=tuple(each.strip() for each in arguments.classes.split(","))
        if arguments.classes
        else None,
    )
    workers = os.cpu_count() or 1
    with counting("Reading pictures") as progress:
        found = survey(
            arguments.images, arguments.masks, options, workers=workers, progress=progress
        )
    if arguments.json:
        print_json(found_as_json(found))
    else:
        print_found(found)
    if arguments.dry_run:
        return 0
    with counting("Writing pictures") as progress:
        root = write_pictures(
            found, arguments.output, name=arguments.name, workers=workers, progress=progress
        )
    if not arguments.json:
        print_path(root)
    table = ["--set", f"data.patient_table={root / PATIENTS}"] if found.patients else []
    note(f"Next: {shlex.join(['mbnas', 'check', str(root), *table])}")
    return 0
