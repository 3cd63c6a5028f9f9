"""``mbnas dataset``: a dataset from pictures and masks, or from DICOM series and references."""

from __future__ import annotations

import argparse
import os
import shlex
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

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
from mbnas.data.assembly.write_dataset import check_new
from mbnas.data.assembly.write_pictures import write_pictures
from mbnas.data.assembly.write_series import write_series
from mbnas.errors import UsageError


def make_dataset(arguments: argparse.Namespace) -> int:
    """Show what two folders hold, and write it as a dataset."""
    if arguments.output is None and not arguments.dry_run:
        raise UsageError("mbnas dataset needs OUT, the folder to write, or --dry-run.")
    if not arguments.dry_run:
        check_new(arguments.output)
    kind = _series if holds_series(arguments.images) else _pictures
    noun, survey_folders, as_json, show, write = kind(arguments)
    workers = os.cpu_count() or 1
    with counting(f"Reading {noun}") as progress:
        found = survey_folders(workers=workers, progress=progress)
    if arguments.json:
        print_json(as_json(found))
    else:
        show(found)
    if arguments.dry_run:
        return 0
    with counting(f"Writing {noun}") as progress:
        root = write(
            found, arguments.output, name=arguments.name, workers=workers, progress=progress
        )
    if not arguments.json:
        print_path(root)
    note(f"Next: {shlex.join(['mbnas', 'check', str(root)])}")
    return 0


class _Kind(NamedTuple):
    """How one kind of input becomes a dataset; ``survey`` lacks workers and progress only."""

    noun: str
    survey: Callable[..., Any]
    as_json: Callable[[Any], dict[str, Any]]
    show: Callable[[Any], None]
    write: Callable[..., Path]


def _pictures(arguments: argparse.Namespace) -> _Kind:
    """Return how pictures and masks become a dataset."""
    options = SurveyOptions(
        patient_pattern=arguments.patient_pattern,
        background=arguments.background,
        ignored=arguments.ignore,
        class_names=_class_names(arguments),
    )
    found = partial(survey, arguments.images, arguments.masks, options)
    return _Kind("pictures", found, found_as_json, print_found, write_pictures)


def _series(arguments: argparse.Namespace) -> _Kind:
    """Return how DICOM series and their references become a dataset."""
    for option in ("background", "ignore"):
        if getattr(arguments, option) is not None:
            raise UsageError(
                f"--{option} is for masks of pictures, and {arguments.images} holds DICOM series. "
                "Leave it out."
            )
    found = partial(
        survey_series,
        arguments.images,
        arguments.masks,
        class_names=_class_names(arguments),
        patient_pattern=arguments.patient_pattern,
    )
    return _Kind("series", found, references_as_json, print_references, write_series)


def _class_names(arguments: argparse.Namespace) -> tuple[str, ...] | None:
    if not arguments.classes:
        return None
    return tuple(each.strip() for each in arguments.classes.split(","))
