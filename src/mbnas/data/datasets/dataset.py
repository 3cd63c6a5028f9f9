"""Datasets on disk: the Decathlon (MSD) and nnU-Net raw layouts become cases.

A case is named after its label file in all layouts, so that a copy in another layout has the
same cases. Files are listed here, not opened: :mod:`mbnas.data.checks.dataset_check` looks at
what they hold.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from mbnas.data.datasets.case_files import Case, Listing, found_cases, listed_cases
from mbnas.data.datasets.dataset_json import (
    MAX_CLASSES,
    LabelClass,
    channels_of,
    classes_of,
    read_json,
)
from mbnas.data.images.file_names import PassedOver, passed_over_sentences
from mbnas.errors import DatasetError

__all__ = ["MAX_CLASSES", "Case", "Dataset", "LabelClass", "Layout", "read_dataset"]

Layout = Literal["msd", "nnunet", "nnunet-v1"]
"""The Decathlon's, nnU-Net v2's or nnU-Net v1's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset:
    """What a dataset declares.

    Attributes:
        root: The folder that holds ``dataset.json``.
        name: The declared name, or else the folder's.
        layout: Which of the layouts the folder is in.
        channels: Modality of each image channel, such as ``"CT"``.
        classes: Foreground classes by ascending value.
        cases: Sorted by name.
        num_declared: How many cases there are to be (``numTraining``), if that is declared.
        passed_over: Images beside those of the cases that are of no case.
    """

    root: Path
    name: str
    layout: Layout
    channels: tuple[str, ...]
    classes: tuple[LabelClass, ...]
    cases: tuple[Case, ...]
    num_declared: int | None = None
    passed_over: tuple[PassedOver, ...] = ()

    @property
    def remarks(self) -> tuple[str, ...]:
        """What someone should know of cases that may be missing, a sentence each."""
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
    """Return the dataset in ``root``, whichever of the layouts it is in.

    Raises:
        DatasetError: if ``dataset.json`` is missing, malformed or declares what cannot be.
    """
    facts = read_json(root)
    if not facts.keys() & {"channel_names", "modality", "training", "file_ending"}:
        raise DatasetError(
            f"{root / 'dataset.json'} is in no layout that is known: a Decathlon or nnU-Net v1 "
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
    declared = facts.get("numTraining")
    return Dataset(
        root=root,
        name=str(facts.get("name") or root.resolve().name),
        layout=layout,
        channels=channels,
        classes=classes_of(root, facts),
        cases=tuple(sorted(listing.cases, key=lambda case: case.name)),
        num_declared=declared if type(declared) is int else None,
        passed_over=listing.passed_over,
    )


def _listing(root: Path, facts: dict[str, Any], num_channels: int) -> tuple[Listing, Layout]:
    """Return the cases, and the layout that they are in.

    ``file_ending`` is nnU-Net v2's alone, which looks into folders and at no list. Keys of the
    other layout beside it are left over from a conversion, unless no image has v2's name.
    """
    if "file_ending" in facts or "training" not in facts:
        listing = found_cases(root, facts, num_channels)
        if not isinstance(facts.get("training"), list) or _has_images(listing):
            return listing, "nnunet"
    listing = listed_cases(root, facts, num_channels)
    return listing, "nnunet-v1" if listing.has_channel_files else "msd"


def _has_images(listing: Listing) -> bool:
    return any(path.exists() for case in listing.cases for path in case.images)
