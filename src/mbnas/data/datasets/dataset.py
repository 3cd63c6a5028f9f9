"""Datasets on disk, in the layout of the Decathlon (MSD) or of nnU-Net.

A case is named after its label file in all layouts, so that a copy in another layout has the
same cases. Files are not opened here; :mod:`mbnas.data.checks.dataset_check` checks their
contents.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from mbnas.data.datasets.case_files import Case, Listing, found_cases, inside, listed_cases
from mbnas.data.datasets.dataset_json import channels_of, malformed, read_json
from mbnas.data.datasets.declared_labels import labels_of
from mbnas.data.datasets.label_scheme import MAX_CLASSES, LabelClass, LabelScheme
from mbnas.data.datasets.patient_table import read_patient_table
from mbnas.data.datasets.patients import group_by_patient
from mbnas.data.images.file_names import PassedOver, passed_over_sentences
from mbnas.errors import DatasetError

__all__ = [
    "MAX_CLASSES",
    "Case",
    "Dataset",
    "LabelClass",
    "LabelScheme",
    "Layout",
    "read_dataset",
]

Layout = Literal["msd", "nnunet", "nnunet-v1"]
"""That of the Decathlon, of nnU-Net v2 or of nnU-Net v1."""
PATIENT_TABLE = "patient_table"
"""The key of ``dataset.json`` that names the dataset's table of patients. Only mbnas knows it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset:
    """What a dataset declares.

    Attributes:
        root: The folder with ``dataset.json``.
        name: The declared name, or the name of the folder.
        layout: The layout of the folder.
        channels: Modality of each image channel, such as ``"CT"``.
        classes: Foreground classes by ascending value, or regions as they are declared.
        cases: Sorted by name.
        num_declared: Declared number of cases (``numTraining``), if any.
        passed_over: Images in the same folders that belong to no case.
        ignore: The label of ignored voxels; ``None`` if there is none.
        patients: Patient of each case by the table that ``dataset.json`` names as
            ``patient_table``; ``None`` if it names none.
    """

    root: Path
    name: str
    layout: Layout
    channels: tuple[str, ...]
    classes: tuple[LabelClass, ...]
    cases: tuple[Case, ...]
    num_declared: int | None = None
    passed_over: tuple[PassedOver, ...] = ()
    ignore: int | None = None
    patients: Mapping[str, str] | None = None

    def patient_of_case(
        self, pattern: str | None, table: Mapping[str, str] | None
    ) -> dict[str, str]:
        """Return the patient of every case: by settings, or else by the dataset's own table.

        Args:
            pattern: Regular expression for the patient in the name of a case.
            table: Patient of each case; takes precedence over the pattern.

        Raises:
            DatasetError: if the table lacks a case or the pattern does not match one.
            ConfigurationError: if the pattern is not a regular expression.
        """
        if pattern is None and table is None:
            table = self.patients
        return group_by_patient([case.name for case in self.cases], pattern, table)

    @property
    def labels(self) -> LabelScheme:
        """The declared labels."""
        return LabelScheme(classes=self.classes, ignore=self.ignore)

    @property
    def remarks(self) -> tuple[str, ...]:
        """Remarks on cases that may be missing, a sentence each."""
        found = passed_over_sentences(self.passed_over)
        if self.num_declared in (None, len(self.cases)):
            return found
        return (
            (
                f"numTraining in {self.root / 'dataset.json'} is {self.num_declared}, and there "
                f"are {len(self.cases)} cases. Complete the dataset, or correct the number."
            ),
            *found,
        )


def read_dataset(root: Path) -> Dataset:
    """Return the dataset in a folder, in any of the layouts.

    Raises:
        DatasetError: if ``dataset.json`` is missing, malformed or inconsistent, or the table of
            patients that it names cannot be read.
    """
    facts = read_json(root)
    if not facts.keys() & {"channel_names", "modality", "training", "file_ending"}:
        raise DatasetError(
            f"{root / 'dataset.json'} has an unknown layout: a Decathlon or nnU-Net v1 "
            "dataset has the keys modality and training, an nnU-Net v2 dataset channel_names and "
            f"file_ending. It has {', '.join(sorted(facts)) or 'none'}."
        )
    channels = channels_of(root, facts)
    listing, layout = _listing(root, facts, len(channels))
    names = [case.name for case in listing.cases]
    if not names:
        remarks = "".join(f" {each}" for each in passed_over_sentences(listing.passed_over))
        raise DatasetError(f"{root} has no training cases. A search needs labelled cases.{remarks}")
    if len(set(names)) < len(names):
        twice = min(name for name in names if names.count(name) > 1)
        raise DatasetError(
            f"{root / 'dataset.json'} lists the case {twice} more than once: each label file "
            "belongs to one case. Remove the repetition, or list a case's channels together, as "
            "'image': [FIRST, SECOND]."
        )
    declared, labels = facts.get("numTraining"), labels_of(root, facts)
    return Dataset(
        root=root,
        name=str(facts.get("name") or root.resolve().name),
        layout=layout,
        channels=channels,
        classes=labels.classes,
        cases=tuple(sorted(listing.cases, key=lambda case: case.name)),
        num_declared=declared if type(declared) is int else None,
        passed_over=listing.passed_over,
        ignore=labels.ignore,
        patients=_patients(root, facts.get(PATIENT_TABLE)),
    )


def _patients(root: Path, table: object) -> dict[str, str] | None:
    """Return the patients of the table that is declared, if any."""
    if table is None:
        return None
    if not isinstance(table, str):
        raise malformed(root, f"needs {PATIENT_TABLE!r} as the name of a CSV file, not {table!r}")
    return read_patient_table(inside(root, table))


def _listing(root: Path, facts: dict[str, Any], num_channels: int) -> tuple[Listing, Layout]:
    """Return the cases and their layout.

    Only nnU-Net v2 has ``file_ending``, and it uses folders instead of a list. Additional keys of
    another layout are left over from a conversion, unless no image is named as in v2.
    """
    if "file_ending" in facts or "training" not in facts:
        listing = found_cases(root, facts, num_channels)
        if not isinstance(facts.get("training"), list) or _has_images(listing):
            return listing, "nnunet"
    listing = listed_cases(root, facts, num_channels)
    return listing, "nnunet-v1" if listing.has_channel_files else "msd"


def _has_images(listing: Listing) -> bool:
    return any(path.exists() for case in listing.cases for path in case.images)
