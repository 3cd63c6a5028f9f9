"""Small studies of synthetic patients, to be thrown away: what commands and searches run on."""

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
"""Of a configuration, by section."""

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
"""A protocol whose trainings take no time and learn nothing."""


def patients(directory: Path, number: int) -> Path:
    """Return a dataset of synthetic prostates, made now unless it is there."""
    root = directory / f"prostates-{number}"
    return root if root.exists() else write_phantom("prostate", root, num_patients=number)


@contextmanager
def held_study(
    path: Path, dataset: Path, settings: Mapping[str, Mapping[str, Any]]
) -> Iterator[OpenStudy]:
    """Yield a new study under ``quick``, open for trainings, with settings laid over it.

    Args:
        path: Its directory, which need not exist.
        dataset: The dataset's folder.
        settings: What differs from ``quick``.
    """
    study = resolve(
        path,
        dataset,
        protocol="quick",
        default_protocol="quick",
        options={section: dict(values) for section, values in settings.items()},
    )
    with opened(study, command="a benchmark") as held:
        yield held
