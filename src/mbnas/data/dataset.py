"""Datasets on disk: the Decathlon (MSD) and nnU-Net v2 raw layouts become cases.

The two layouts are told apart by what ``dataset.json`` declares. A case is named after
its label file in both, so that a copy in the other layout has the same cases. Files are
listed here, not opened: what they hold is for :mod:`mbnas.data.check`.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Literal

from mbnas.data.naming import SUFFIXES, without_suffix
from mbnas.errors import DatasetError

Layout = Literal["msd", "nnunet"]
MAX_CLASSES = 255
"""Prepared labels are bytes, and zero is the background."""

_MAX_BYTES = 2**26
_LARGEST_LABEL = 2**31 - 1

_NNUNET_IMAGE = re.compile(r"(?P<case>.+)_(?P<channel>\d{4})")


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelClass:
    """A foreground class: the number that label files hold, and what it means."""

    value: int
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One volume with its reference: an image file, or one per channel, and a label file."""

    name: str
    images: tuple[Path, ...]
    label: Path

    @property
    def files(self) -> tuple[Path, ...]:
        """All files of the case, the label last."""
        return (*self.images, self.label)


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset:
    """What a dataset declares.

    Attributes:
        root: The folder that holds ``dataset.json``.
        name: The declared name, or else the folder's.
        layout: Which of the two layouts the folder is in.
        channels: Modality of each image channel, such as ``"CT"``.
        classes: Foreground classes by ascending value.
        cases: Sorted by name.
    """

    root: Path
    name: str
    layout: Layout
    channels: tuple[str, ...]
    classes: tuple[LabelClass, ...]
    cases: tuple[Case, ...]


def read_dataset(root: Path) -> Dataset:
    """Return the dataset in ``root``, whichever of the two layouts it is in.

    Raises:
        DatasetError: if ``dataset.json`` is missing, malformed or declares what cannot be.
    """
    facts = _read_facts(root)
    is_nnunet, is_msd = "channel_names" in facts, "training" in facts or "modality" in facts
    if is_nnunet == is_msd:
        raise DatasetError(
            f"{root / 'dataset.json'} is in no one layout: a Decathlon dataset has the keys "
            "modality and training, an nnU-Net v2 dataset channel_names and file_ending. "
            f"It has {', '.join(sorted(facts)) or 'none'}."
        )
    cases = _nnunet_cases(root, facts) if is_nnunet else _msd_cases(root, facts)
    if not cases:
        raise DatasetError(f"{root} has no training cases. A search needs labelled cases.")
    names = [case.name for case in cases]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise DatasetError(
            f"{root / 'dataset.json'} lists the case {twice[0]} more than once: each label file "
            "belongs to one case. Remove the repetition."
        )
    return Dataset(
        root=root,
        name=str(facts.get("name") or root.resolve().name),
        layout="nnunet" if is_nnunet else "msd",
        channels=_channels(root, facts, "channel_names" if is_nnunet else "modality"),
        classes=_nnunet_classes(root, facts) if is_nnunet else _msd_classes(root, facts),
        cases=tuple(sorted(cases, key=lambda case: case.name)),
    )


def _read_facts(root: Path) -> dict[str, Any]:
    path = root / "dataset.json"
    if not root.is_dir():
        raise DatasetError(
            f"{root} is not a folder. Give the folder that holds the dataset's dataset.json."
        )
    try:
        if (num_bytes := path.stat().st_size) > _MAX_BYTES:
            raise _malformed(root, f"has {num_bytes} bytes, more than the {_MAX_BYTES} it may")
        facts = json.loads(path.read_bytes())
        json.dumps(facts, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise _malformed(root, f"holds text that is none ({error.reason})") from error
    except FileNotFoundError:
        raise DatasetError(
            f"{root} has no dataset.json. Give a folder in Decathlon or nnU-Net v2 raw layout."
        ) from None
    except (ValueError, RecursionError) as error:
        raise _malformed(root, f"is not valid JSON ({error})") from error
    except OSError as error:
        raise DatasetError(f"{path} could not be read: {error.strerror}.") from error
    if not isinstance(facts, dict):
        raise _malformed(root, f"holds a {type(facts).__name__}, not an object with keys")
    return facts


def _malformed(root: Path, what: str) -> DatasetError:
    return DatasetError(
        f"{root / 'dataset.json'} {what}. Correct it by the layout's documentation."
    )


def _mapping(root: Path, facts: dict[str, Any], key: str) -> dict[str, Any]:
    value = facts.get(key)
    if not isinstance(value, dict) or not value:
        raise _malformed(root, f"needs {key!r} as an object with entries, not {value!r}")
    return value


def _channels(root: Path, facts: dict[str, Any], key: str) -> tuple[str, ...]:
    names = _mapping(root, facts, key)
    expected = [str(number) for number in range(len(names))]
    if sorted(names) != sorted(expected):
        raise _malformed(root, f"numbers its channels {list(names)} in {key!r}, not {expected}")
    return tuple(str(names[number]) for number in expected)


def _msd_classes(root: Path, facts: dict[str, Any]) -> tuple[LabelClass, ...]:
    labels = _mapping(root, facts, "labels")
    if bad := [value for value in labels if not (value.isdecimal() and len(value) <= 10)]:
        raise _malformed(
            root,
            f"names a label {bad[0][:20]!r}: keys of 'labels' are whole numbers of up to 10 digits",
        )
    return _foreground(root, ((int(value), str(name)) for value, name in labels.items()))


def _nnunet_classes(root: Path, facts: dict[str, Any]) -> tuple[LabelClass, ...]:
    labels = _mapping(root, facts, "labels")
    for name, value in labels.items():
        if isinstance(value, list):
            raise DatasetError(
                f"{root / 'dataset.json'} declares {name!r} as a region of labels {value}: mbnas "
                "needs one number per class. Merge or split the labels into classes."
            )
        if type(value) is not int or value < 0:
            raise _malformed(root, f"gives label {name!r} the value {value!r}, not a whole number")
    if "ignore" in labels:
        raise DatasetError(
            f"{root / 'dataset.json'} declares an ignore label: mbnas scores every voxel. "
            "Give these voxels a class, or make them background."
        )
    return _foreground(root, ((value, name) for name, value in labels.items()))


def _foreground(root: Path, labels: Iterable[tuple[int, str]]) -> tuple[LabelClass, ...]:
    classes = [LabelClass(value=value, name=name) for value, name in sorted(labels) if value != 0]
    if not 1 <= len({label.value for label in classes}) == len(classes) <= MAX_CLASSES:
        raise _malformed(
            root,
            f"declares {len(classes)} foreground labels: there must be 1 to {MAX_CLASSES}, each "
            "with a value of its own",
        )
    if classes[-1].value > _LARGEST_LABEL:
        raise _malformed(root, f"declares a label larger than {_LARGEST_LABEL}")
    return tuple(classes)


def _msd_cases(root: Path, facts: dict[str, Any]) -> list[Case]:
    training = facts.get("training")
    if not isinstance(training, list):
        raise _malformed(root, "needs 'training' as a list of images with their labels")
    cases = []
    for number, entry in enumerate(training, start=1):
        match entry:
            case {"image": str(image_name), "label": str(label_name)}:
                image, label = _inside(root, image_name), _inside(root, label_name)
            case _:
                raise _malformed(root, f"needs one 'image' and one 'label' in training {number}")
        cases.append(Case(name=without_suffix(label.name), images=(image,), label=label))
    return cases


def _inside(root: Path, listed: str) -> Path:
    """Return a listed file's path, which must not lead out of the dataset.

    A link in the dataset's folder may: whoever put it there had the folder, not just its list.
    """
    if "\0" in listed or not listed.strip("./"):
        raise _malformed(root, f"lists {listed!r}, which names no file")
    normal = PurePosixPath(os.path.normpath(listed))
    if normal.is_absolute() or ".." in normal.parts:
        raise DatasetError(
            f"{root / 'dataset.json'} lists {listed!r}, which lies outside the dataset: paths are "
            "relative to its folder. Move or link the file inside."
        )
    return root / normal


def _nnunet_cases(root: Path, facts: dict[str, Any]) -> list[Case]:
    ending = facts.get("file_ending")
    if ending not in SUFFIXES:
        raise DatasetError(
            f"{root / 'dataset.json'} declares file_ending {ending!r}: mbnas reads "
            f"{' and '.join(SUFFIXES)}. Convert the dataset to NIfTI."
        )
    if "dataset" in facts:
        raise DatasetError(
            f"{root / 'dataset.json'} lists its files under 'dataset': mbnas reads imagesTr and "
            "labelsTr. Copy or link the files there and remove the key."
        )
    declared = set(range(len(_channels(root, facts, "channel_names"))))
    found = {name: set[int]() for name in _names(root / "labelsTr", ending)}
    for name in _names(root / "imagesTr", ending):
        if match := _NNUNET_IMAGE.fullmatch(name):
            found.setdefault(match["case"], set()).add(int(match["channel"]))
    return [
        Case(
            name=name,
            images=tuple(
                _inside(root, f"imagesTr/{name}_{channel:04d}{ending}")
                for channel in sorted(channels | declared)
            ),
            label=_inside(root, f"labelsTr/{name}{ending}"),
        )
        for name, channels in found.items()
    ]


def _names(folder: Path, ending: str) -> list[str]:
    """Return the names, without ``ending``, of a folder's visible files that end so."""
    if not folder.is_dir():
        raise DatasetError(
            f"{folder} is not a folder: nnU-Net's layout keeps training files there. Restore it."
        )
    names = (path.name for path in folder.iterdir() if not path.name.startswith("."))
    return [name.removesuffix(ending) for name in names if name.endswith(ending)]
