"""A digest of all that prepared slices depend on: they are made anew when it changes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path

from mbnas.data.dataset import Dataset
from mbnas.data.slices import FORMAT_VERSION, PreparationSettings
from mbnas.errors import DatasetError

_THREADS = 4
_BYTES = 16


def preparation_digest(
    dataset: Dataset,
    settings: PreparationSettings,
    patients: Mapping[str, str],
    *,
    held_out: frozenset[str],
    allow_empty_cases: bool,
) -> str:
    """Return 32 hexadecimal digits that change with the data, its meaning or the settings.

    Where the dataset lies, its name and its layout make no difference: a copy whose files
    hold the same bytes has the same digest. What was prepared with empty cases allowed is
    not taken for what was prepared without.

    Args:
        dataset: Whose files are read in full.
        settings: How volumes become slices.
        patients: Patient of each case.
        held_out: Patients that are kept out of all folds.
        allow_empty_cases: Whether cases may be without foreground.

    Raises:
        DatasetError: if a file cannot be read.
    """
    files = [path for case in dataset.cases for path in case.files]
    with ThreadPoolExecutor(_THREADS) as pool:
        contents = dict(zip(files, pool.map(_file_digest, files), strict=True))
    facts: dict[str, object] = {
        "format_version": FORMAT_VERSION,
        "settings": asdict(settings),
        "channels": dataset.channels,
        "classes": [asdict(label) for label in dataset.classes],
        "cases": [
            [case.name, patients[case.name], [contents[path] for path in case.files]]
            for case in dataset.cases
        ],
    }
    if held_out:
        facts["held_out"] = sorted(held_out)
    if allow_empty_cases:
        facts["allow_empty_cases"] = True
    return hashlib.blake2b(json.dumps(facts).encode(), digest_size=_BYTES).hexdigest()


def _file_digest(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "blake2b").hexdigest()
    except OSError as error:
        raise DatasetError(f"{path} could not be read: {error.strerror}.") from error
