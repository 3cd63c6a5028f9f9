"""Which images there are to predict: a file, or a folder in one of two ways to name files.

Decathlon datasets have one file a case, ``case.nii.gz``, with its channels along a fourth
axis. nnU-Net has a file for each channel, ``case_0000.nii.gz`` being the first.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mbnas.data.naming import SUFFIXES, without_suffix
from mbnas.errors import DatasetError

_CHANNEL_FILE = re.compile(r"(?P<case>.+)_(?P<channel>\d{4})")


@dataclass(frozen=True, slots=True, kw_only=True)
class InputCase:
    """One volume to predict.

    Attributes:
        name: Of its file, without suffix and number of the channel.
        images: Its file, or a file for each channel in their order.
    """

    name: str
    images: tuple[Path, ...]


def find_cases(source: Path, num_channels: int) -> tuple[InputCase, ...]:
    """Return the cases that a file or a folder holds, sorted by name.

    Of a folder all visible NIfTI files are taken, those of its folders are not. Files are one
    for each channel if every name ends in four digits and for every case these count from 0
    and stay below the number of channels.

    Args:
        source: A file, of which channel 0 stands for all, or a folder.
        num_channels: That the model takes.

    Raises:
        DatasetError: if there are no images, or two of one name.
    """
    if source.is_dir():
        return _in_folder(source, num_channels)
    if not source.exists():
        raise DatasetError(f"{source} does not exist. Give an image, or a folder of images.")
    return (_of_file(source, num_channels),)


def _of_file(file: Path, num_channels: int) -> InputCase:
    name = without_suffix(file.name)
    if num_channels > 1 and name.endswith("_0000"):
        case, suffix = name.removesuffix("_0000"), file.name.removeprefix(name)
        images = [file.with_name(f"{case}_{n:04d}{suffix}") for n in range(num_channels)]
        if any(each.exists() for each in images[1:]):
            return InputCase(name=case, images=tuple(images))
    return InputCase(name=name, images=(file,))


def _in_folder(folder: Path, num_channels: int) -> tuple[InputCase, ...]:
    files = sorted(
        each
        for each in folder.iterdir()
        if each.name.endswith(SUFFIXES) and not each.name.startswith(".") and each.is_file()
    )
    if not files:
        raise DatasetError(
            f"{folder} holds no images: give a file, or a folder with .nii or .nii.gz files, such "
            "as a dataset's imagesTs."
        )
    by_channel = _by_channel(files, num_channels)
    found = by_channel or {without_suffix(each.name): [each] for each in files}
    if not by_channel and len(found) < len(files):
        names = [without_suffix(each.name) for each in files]
        twice = next(name for name in names if names.count(name) > 1)
        raise DatasetError(
            f"{folder} holds {twice} as .nii and as .nii.gz: a case has one image. Remove one."
        )
    return tuple(
        InputCase(name=name, images=tuple(images)) for name, images in sorted(found.items())
    )


def _by_channel(files: Sequence[Path], num_channels: int) -> dict[str, list[Path]] | None:
    """Return each case's files, or ``None`` if files are no channels of cases.

    A file that is absent is listed all the same, so that reading the case says so.
    """
    channels: dict[str, dict[int, Path]] = defaultdict(dict)
    for file in files:
        match = _CHANNEL_FILE.fullmatch(without_suffix(file.name))
        if match is None or int(match["channel"]) >= num_channels:
            return None
        channels[match["case"]][int(match["channel"])] = file
    if not all(0 in each for each in channels.values()):
        return None
    return {
        case: [found.get(n, _absent(found[0], n)) for n in range(num_channels)]
        for case, found in channels.items()
    }


def _absent(first: Path, channel: int) -> Path:
    name = without_suffix(first.name)
    return first.with_name(f"{name[:-4]}{channel:04d}{first.name.removeprefix(name)}")
