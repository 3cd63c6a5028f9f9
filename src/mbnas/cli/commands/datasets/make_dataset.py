"""``mbnas dataset``: a dataset from pictures and masks, or from DICOM series and references."""

from __future__ import annotations

import argparse
import os
import shlex
from pathlib import Path

from mbnas.cli.show.dataset_display import (
    found_as_json,
    print_found,
    print_references,
    references_as_json,
)
from mbnas.cli.show.messages import counting, note
from mbnas.cli.show.printing import print_json, print_path
from mbnas.data.assembly.picture_folders import SurveyOptions, survey
from mbnas.data.assembly.series_references import holds_series, survey_series
from mbnas.data.assembly.write_pictures import PATIENTS, write_pictures
from mbnas.data.assembly.write_series import write_series
from mbnas.errors import UsageError


def make_dataset(arguments: argparse.Namespace) -> int:
    """Show what two folders hold, and write it as a dataset."""
    if arguments.output is None and not arguments.dry_run:
        raise UsageError("mbnas dataset needs OUT, the folder to write, or --dry-run.")
    if holds_series(arguments.images):
        return _series_dataset(arguments)
    options = SurveyOptions(
        patient_pattern=arguments.patient_pattern,
        background=arguments.background,
        ignored=arguments.ignore,
        class_names=_class_names(arguments),
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
    _tell(arguments, root, has_patients=found.patients is not None)
    return 0


def _series_dataset(arguments: argparse.Namespace) -> int:
    """Show DICOM series and their references, and write them as a dataset."""
    for option in ("background", "ignore"):
        if getattr(arguments, option) is not None:
            raise UsageError(
                f"--{option} is for masks of pictures, and {arguments.images} holds DICOM series. "
                "Leave it out."
            )
    workers = os.cpu_count() or 1
    with counting("Reading series") as progress:
        found = survey_series(
            arguments.images,
            arguments.masks,
            class_names=_class_names(arguments),
            patient_pattern=arguments.patient_pattern,
            workers=workers,
            progress=progress,
        )
    if arguments.json:
        print_json(references_as_json(found))
    else:
        print_references(found)
    if arguments.dry_run:
        return 0
    with counting("Writing series") as progress:
        root = write_series(
            found, arguments.output, name=arguments.name, workers=workers, progress=progress
        )
    _tell(arguments, root, has_patients=found.patients is not None)
    return 0


def _class_names(arguments: argparse.Namespace) -> tuple[str, ...] | None:
    if not arguments.classes:
        return None
    return tuple(each.strip() for each in arguments.classes.split(","))


def _tell(arguments: argparse.Namespace, root: Path, *, has_patients: bool) -> None:
    """Print the folder that was written, and the next command."""
    if not arguments.json:
        print_path(root)
    table = ["--set", f"data.patient_table={root / PATIENTS}"] if has_patients else []
    note(f"Next: {shlex.join(['mbnas', 'check', str(root), *table])}")
