"""Temporary studies of synthetic patients, on which commands and searches run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mbnas.data.phantom import write_phantom
from mbnas.study.begin_or_resume import opened
from mbnas.study.open_study import OpenStudy
from mbnas.study.resolve_study import resolve

Settings = dict[str, dict[str, Any]]
"""Settings of a configuration, by section."""

TINY: Settings = {
    "protocol": {"folds": 3, "initialisations": 1},
    "training": {
        "epochs": 1,
        "steps_per_epoch": 4,
        "warmup_steps": 0,
        "collapse_repeats": 0,
        "threads": 1,
    },
    "preparation": {"slice_size": 48},
    "run": {"device": "cpu"},
}
"""Trainings that take almost no time and learn nothing."""


def patients(directory: Path, number: int) -> Path:
    """Return the folder of a dataset of synthetic prostates; write it if it does not exist."""
    root = directory / f"prostates-{number}"
    return root if root.exists() else write_phantom("prostate", root, num_patients=number)


@contextmanager
def held_study(
    path: Path,
    dataset: Path,
    settings: Mapping[str, Mapping[str, Any]],
    *,
    preset: str = "quick",
) -> Iterator[OpenStudy]:
    """Yield a new study, open for trainings.

    Args:
        path: The study's directory, which need not exist.
        dataset: The dataset's folder.
        settings: Settings that differ from the preset.
        preset: The protocol's preset.
    """
    study = resolve(
        path,
        dataset,
        protocol=preset,
        default_protocol=preset,
        options={section: dict(values) for section, values in settings.items()},
    )
    with opened(study, command="a benchmark") as held:
        yield held
