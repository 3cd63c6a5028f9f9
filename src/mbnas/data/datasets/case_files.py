"""The files of a dataset's cases: those listed in ``dataset.json``, or all files of two folders.

The Decathlon and nnU-Net v1 list them under ``training``; nnU-Net v2 uses all files in
``imagesTr`` and ``labelsTr``. In both layouts of nnU-Net the names of image files end in the
number of their channel, ``case_0000.nii.gz``, which the list of v1 omits. A case is named after
its label file. Files are not opened here.
"""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from mbnas.data.datasets.dataset_json import malformed
from mbnas.data.images.file_names import (
    CHANNEL_NAME,
    IMAGE_NAMES,
    SUFFIXES,
    PassedOver,
    is_hidden,
    is_image,
    is_picture,
    suffix_of,
    unreadable_images,
    without_suffix,
)
from mbnas.errors import DatasetError
from mbnas.escaping import in_utf8

_WINDOWS = re.compile(r"[A-Za-z]:[/\\]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One volume with its labels: an image file, or one per channel, and a label file."""

    name: str
    images: tuple[Path, ...]
    label: Path

    @property
    def files(self) -> tuple[Path, ...]:
        """All files of the case, the label last."""
        return (*self.images, self.label)


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """The files of a dataset.

    Attributes:
        cases: In arbitrary order.
        passed_over: Images in the same folders that belong to no case.
        has_channel_files: Whether names of images end in the number of their channel.
    """

    cases: tuple[Case, ...]
    passed_over: tuple[PassedOver, ...]
    has_channel_files: bool


def listed_cases(root: Path, facts: dict[str, Any], num_channels: int) -> Listing:
    """Return the cases that ``training`` lists.

    Args:
        root: The dataset's folder.
        facts: Contents of its ``dataset.json``.
        num_channels: Number of declared channels.

    Raises:
        DatasetError: if an entry is invalid, or names a file outside the folder.
    """
    training = facts.get("training")
    if not isinstance(training, list):
        raise malformed(root, "needs 'training' as a list of images with their labels")
    cases, has_channel_files = [], False
    for number, entry in enumerate(training, start=1):
        match entry:
            case {"image": str(image), "label": str(label)}:
                label_path = inside(root, label)
                images = _channel_files(inside(root, image), label_path, num_channels)
                first = f"{without_suffix(label_path.name)}_0000{suffix_of(images[0].name)}"
                has_channel_files |= images[0].name == first
            case {"image": [str(), *_] as images_listed, "label": str(label)} if all(
                isinstance(each, str) for each in images_listed
            ):
                label_path = inside(root, label)
                images = tuple(inside(root, each) for each in images_listed)
            case _:
                raise malformed(
                    root,
                    f"needs one 'image', or a list with an image for each channel, and one 'label' "
                    f"in training {number}",
                )
        cases.append(Case(name=without_suffix(label_path.name), images=images, label=label_path))
    return Listing(
        cases=tuple(cases),
        passed_over=_unlisted(root, cases, facts.get("test")),
        has_channel_files=has_channel_files,
    )


def _channel_files(image: Path, label: Path, num_channels: int) -> tuple[Path, ...]:
    """Return the files of a listed image, possibly one per channel.

    nnU-Net v1 lists ``case.nii.gz`` for ``case_0000.nii.gz``, ``case_0001.nii.gz`` and so on.
    Others list the first of these. An existing file with exactly the listed name is the image,
    unless its name is that of the label followed by the number of a channel.
    """
    suffix = suffix_of(image.name)
    stem = without_suffix(image.name)
    if _exists(image):
        if stem != f"{without_suffix(label.name)}_0000":
            return (image,)
        stem = stem.removesuffix("_0000")
    elif not _exists(image.with_name(f"{stem}_0000{suffix}")):
        return (image,)
    existing = 1
    while _exists(image.with_name(f"{stem}_{existing:04d}{suffix}")):
        existing += 1
    if existing == 1 and _exists(image):
        return (image,)  # one channel, or all channels along a fourth axis
    return tuple(
        image.with_name(f"{stem}_{channel:04d}{suffix}")
        for channel in range(max(existing, num_channels))
    )


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # such as a name that is too long
        return False


def _unlisted(root: Path, cases: Iterable[Case], test: object) -> tuple[PassedOver, ...]:
    """Return the images in the folders of listed files that are not listed."""
    listed = {path for case in cases for path in case.files}
    folders = {path.parent for path in listed}
    for entry in test if isinstance(test, list) else []:
        name = entry.get("image") if isinstance(entry, dict) else entry
        if isinstance(name, str):
            listed.add(root / os.path.normpath(name.replace("\\", "/")))
    found: list[PassedOver] = []
    for folder in sorted(each for each in folders if each.is_dir()):
        names = sorted(each.name for each in folder.iterdir() if each.is_file())
        within = folder.relative_to(root) if folder.is_relative_to(root) else folder
        prefix = "" if within == Path() else f"{within}/"
        found += [
            PassedOver(file=prefix + name, reason="is not listed in dataset.json")
            for name in names
            if is_image(name) and not is_hidden(name) and folder / name not in listed
        ]
        found += unreadable_images(names, prefix)
    return tuple(found)


def inside(root: Path, listed: str) -> Path:
    """Return the path of a listed file, which must be inside the dataset.

    A link in the folder may lead outside, since only the owner of the folder can create it.
    Backslashes separate folders unless a file has backslashes in its name.
    """
    if "\0" in listed or not listed.strip("./\\"):
        raise malformed(root, f"lists {listed!r}, which names no file")
    if "\\" in listed and not _exists(root / listed):
        listed = listed.replace("\\", "/")
    normal = Path(os.path.normpath(listed))
    if normal.is_absolute():
        normal = next(
            (
                normal.relative_to(each)
                for each in (Path(os.path.abspath(root)), root.resolve())  # noqa: PTH100
                if normal.is_relative_to(each)
            ),
            normal,
        )
    if normal.is_absolute() or ".." in normal.parts or _WINDOWS.match(listed):
        raise DatasetError(
            f"{root / 'dataset.json'} lists {listed!r}, which is outside the dataset: files must "
            "be in its folder. Move or link the file there, and give its path relative to it."
        )
    return root / PurePosixPath(normal)


def found_cases(root: Path, facts: dict[str, Any], num_channels: int) -> Listing:
    """Return the cases of ``imagesTr`` and ``labelsTr``, as nnU-Net v2 names their files.

    Args:
        root: The dataset's folder.
        facts: Contents of its ``dataset.json``.
        num_channels: Number of declared channels.

    Raises:
        DatasetError: if a folder is missing, if file_ending is not that of images, or if files are
            listed elsewhere.
    """
    ending = facts.get("file_ending")
    if not isinstance(ending, str) or ending.lower() not in SUFFIXES:
        raise DatasetError(
            f"{root / 'dataset.json'} declares file_ending {ending!r}: mbnas reads "
            f"{IMAGE_NAMES}. Convert the dataset to one of these."
        )
    if "dataset" in facts:
        raise DatasetError(
            f"{root / 'dataset.json'} lists its files under 'dataset': mbnas reads imagesTr and "
            "labelsTr. Copy or link the files there and remove the key."
        )
    images, labels = (_Folder.of(root, name, ending) for name in ("imagesTr", "labelsTr"))
    channels: dict[str, dict[int, Path]] = defaultdict(dict, {name: {} for name in labels.files})
    whole: dict[str, Path] = {}  # named like their label, not like a channel
    passed_over = [*images.passed_over, *labels.passed_over]
    for name, path in images.files.items():
        match = CHANNEL_NAME.fullmatch(name)
        if name in labels.files and f"{name}_0000" not in images.files:
            whole[name] = path
        elif match is not None and (
            match["case"] in labels.files or int(match["channel"]) < num_channels
        ):
            channels[match["case"]][int(match["channel"])] = path
        else:
            reason = "is named neither like a label file nor like a channel of one, such as _0000"
            passed_over.append(PassedOver(file=f"imagesTr/{path.name}", reason=reason))
    cases = tuple(
        Case(
            name=in_utf8(name),
            images=(whole[name],)
            if name in whole
            else tuple(
                of_case.get(channel, root / "imagesTr" / f"{name}_{channel:04d}{ending}")
                for channel in _channel_numbers(of_case, num_channels, ending)
            ),
            label=labels.files.get(name, root / "labelsTr" / f"{name}{ending}"),
        )
        for name, of_case in channels.items()
    )
    return Listing(cases=cases, passed_over=tuple(passed_over), has_channel_files=True)


def _channel_numbers(found: Iterable[int], num_channels: int, ending: str) -> list[int]:
    """Return the numbers of a case's files; one picture has all channels, such as colours."""
    numbers = set(found)
    if is_picture(ending) and numbers == {0}:
        return [0]
    return sorted(numbers | set(range(num_channels)))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Folder:
    """The visible files of a folder by their names without suffix, and other images."""

    files: dict[str, Path]
    passed_over: tuple[PassedOver, ...]

    @classmethod
    def of(cls, root: Path, name: str, ending: str) -> _Folder:
        folder = root / name
        if not folder.is_dir():
            raise DatasetError(
                f"{folder} is not a folder: nnU-Net's layout keeps training files there. Restore "
                "it."
            )
        files: dict[str, Path] = {}
        others: list[PassedOver] = []
        names = sorted(each.name for each in folder.iterdir() if not is_hidden(each.name))
        for file in names:
            if not suffix_of(file).lower().endswith(ending.lower()):  # .seg.nrrd is .nrrd
                if is_image(file):
                    reason = f"does not end in {ending}, the file_ending of dataset.json"
                    others.append(PassedOver(file=f"{name}/{file}", reason=reason))
                continue
            stem = without_suffix(file)
            if stem in files:
                raise DatasetError(
                    f"{folder} holds {files[stem].name} and {file}: a case has one file. Remove "
                    "one."
                )
            files[stem] = folder / file
        return cls(files=files, passed_over=(*others, *unreadable_images(names, f"{name}/")))
