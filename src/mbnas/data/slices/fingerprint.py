"""Everything that prepared slices depend on, as a value; a new digest means new slices."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from mbnas.data.datasets.case_rules import listed
from mbnas.data.datasets.dataset import Dataset
from mbnas.data.datasets.label_scheme import LabelClass
from mbnas.data.slices.prepared_slices import FORMAT_VERSION, Index, PreparationSettings
from mbnas.errors import DatasetError

_THREADS = 4
_BYTES = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseFingerprint:
    """Everything about one case that slices depend on.

    Attributes:
        name: Name of the case.
        patient: Its patient.
        contents: A digest of each of its files, the label last.
    """

    name: str
    patient: str
    contents: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fingerprint:
    """Everything that prepared slices depend on.

    The folder, name and layout of the dataset are not included: a copy with identical files has
    the same fingerprint. Slices prepared with and without empty cases allowed are distinguished.

    Attributes:
        settings: How volumes become slices.
        channels: Declared name of each image channel.
        classes: Foreground classes.
        cases: In the order of the dataset.
        held_out: Patients in no fold, sorted.
        allow_empty_cases: Whether cases may have no foreground.
        ignore: The label of ignored voxels; ``None`` if there is none.
    """

    settings: PreparationSettings
    channels: tuple[str, ...]
    classes: tuple[LabelClass, ...]
    cases: tuple[CaseFingerprint, ...]
    held_out: tuple[str, ...]
    allow_empty_cases: bool
    ignore: int | None = None

    @classmethod
    def of_index(cls, index: Index, *, allow_empty_cases: bool) -> Fingerprint:
        """Return the fingerprint of slices that were prepared before."""
        return cls(
            settings=index.settings,
            channels=index.channels,
            classes=index.classes,
            cases=tuple(
                CaseFingerprint(name=each.case, patient=each.patient, contents=each.contents)
                for each in index.volumes
            ),
            held_out=tuple(sorted({each.patient for each in index.volumes if each.held_out})),
            allow_empty_cases=allow_empty_cases,
            ignore=index.ignore,
        )

    @property
    def digest(self) -> str:
        """32 hexadecimal digits that change with the data, its meaning or the settings."""
        facts: dict[str, object] = {
            "format_version": FORMAT_VERSION,
            "settings": self.settings.stored,
            "channels": self.channels,
            "classes": [label.to_json() for label in self.classes],
            "cases": [[case.name, case.patient, case.contents] for case in self.cases],
        }
        if self.held_out:
            facts["held_out"] = self.held_out
        if self.allow_empty_cases:
            facts["allow_empty_cases"] = True
        if self.ignore is not None:
            facts["ignore"] = self.ignore
        return hashlib.blake2b(json.dumps(facts).encode(), digest_size=_BYTES).hexdigest()


def take_fingerprint(
    dataset: Dataset,
    settings: PreparationSettings,
    patients: Mapping[str, str],
    *,
    held_out: frozenset[str],
    allow_empty_cases: bool,
) -> Fingerprint:
    """Return the fingerprint of a dataset.

    Args:
        dataset: The dataset; all its files are read.
        settings: How volumes become slices.
        patients: Patient of each case.
        held_out: Patients in no fold.
        allow_empty_cases: Whether cases may have no foreground.

    Raises:
        DatasetError: if a file cannot be read.
    """
    files = [path for case in dataset.cases for path in case.files]
    with ThreadPoolExecutor(_THREADS) as pool:
        contents = dict(zip(files, pool.map(_file_digest, files), strict=True))
    return Fingerprint(
        settings=settings,
        channels=dataset.channels,
        classes=dataset.classes,
        cases=tuple(
            CaseFingerprint(
                name=case.name,
                patient=patients[case.name],
                contents=tuple(contents[path] for path in case.files),
            )
            for case in dataset.cases
        ),
        held_out=tuple(sorted(held_out)),
        allow_empty_cases=allow_empty_cases,
        ignore=dataset.ignore,
    )


def differences(before: Fingerprint, now: Fingerprint) -> tuple[str, ...]:
    """Return as text how a dataset differs from the prepared one; empty if it does not.

    Args:
        before: Fingerprint of the prepared slices.
        now: Fingerprint of the dataset.
    """
    old = {case.name: case for case in before.cases}
    new = {case.name: case for case in now.cases}
    both = [name for name in old if name in new]
    found = [
        *_cases("lacks {}", [name for name in old if name not in new]),
        *_cases("has {} in addition", [name for name in new if name not in old]),
        *_cases(
            "has other files for {}",
            [name for name in both if old[name].contents != new[name].contents],
        ),
        *_cases(
            "gives {} to another patient",
            [name for name in both if old[name].patient != new[name].patient],
        ),
    ]
    if before.channels != now.channels:
        found.append(f"has the channels {_shown(now.channels)}, not {_shown(before.channels)}")
    if before.classes != now.classes:
        found.append(f"has the classes {_named(now.classes)}, not {_named(before.classes)}")
    if before.ignore != now.ignore:
        found.append(f"ignores {_ignored(now.ignore)}, not {_ignored(before.ignore)}")
    if not found and before.held_out != now.held_out:
        found.append("holds out other patients")
    if before.settings.stored != now.settings.stored:
        found.append(f"would be prepared by {now.settings.stored}, not {before.settings.stored}")
    return tuple(found)


def _cases(sentence: str, names: Sequence[str]) -> list[str]:
    what = "case" if len(names) == 1 else "cases"
    return [sentence.format(f"the {what} {listed(names)}")] if names else []


def _shown(names: Sequence[str]) -> str:
    return ", ".join(names)


def _named(classes: Sequence[LabelClass]) -> str:
    return ", ".join(f"{'+'.join(map(str, each.labels))} ({each.name})" for each in classes)


def _ignored(label: int | None) -> str:
    return "no label" if label is None else f"label {label}"


def _file_digest(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(
                file, lambda: hashlib.blake2b(digest_size=_BYTES)
            ).hexdigest()
    except OSError as error:
        raise DatasetError(f"{path} could not be read: {error.strerror}.") from error
