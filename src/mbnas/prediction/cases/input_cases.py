"""The images to predict: a file, a folder with one of two naming schemes, or DICOM series.

Decathlon datasets have one file per case, ``case.nii.gz``, with its channels along a fourth axis.
nnU-Net has one file per channel; the first is ``case_0000.nii.gz``. Which scheme a file follows
depends only on files with the same name except for the number.

A folder without other images is searched for DICOM series, with all folders below it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from mbnas.data.images.file_names import (
    CHANNEL_NAME,
    IMAGE_NAMES,
    PassedOver,
    is_picture,
    suffix_of,
    without_suffix,
)
from mbnas.data.images.formats.dicom.series import find_series
from mbnas.data.images.image_folder import images_in
from mbnas.data.images.read import read_header
from mbnas.errors import DatasetError


@dataclass(frozen=True, slots=True, kw_only=True)
class InputCase:
    """One volume to predict.

    Attributes:
        name: Name of its file, without suffix and channel number.
        images: Its file, or one file per channel, in order; or the files of a DICOM series.
        is_series: Whether it is a DICOM series.
    """

    name: str
    images: tuple[Path, ...]
    is_series: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundCases:
    """The cases to predict.

    Attributes:
        cases: Sorted by name.
        passed_over: Files that look like images and cannot be read.
    """

    cases: tuple[InputCase, ...]
    passed_over: tuple[PassedOver, ...] = ()


def find_cases(source: Path, num_channels: int, *, made: Collection[Path] = ()) -> FoundCases:
    """Return the cases in a file or a folder.

    In a folder, all visible images are used, of pictures and volumes only the volumes; subfolders
    are not searched. Files whose names differ only in four digits at the end are the channels of
    one case if one of them ends in ``_0000`` and, for a model with one channel, there is no other;
    for a model with more channels, if that file does not have all channels itself. A single picture
    named ``_0000`` has all channels, as in nnU-Net. Every other file is a case.

    Args:
        source: A file, where channel 0 represents all channels, or a folder.
        num_channels: Number of channels that the model takes.
        made: Predictions that may be in the folder and are not images.

    Raises:
        DatasetError: if there are no images, or two with one name.
    """
    if source.is_dir():
        return _in_folder(source, num_channels, frozenset(path.resolve() for path in made))
    check_exists(source)
    return FoundCases(cases=(_of_file(source, num_channels),))


def check_exists(source: Path) -> None:
    """Return if there is an input.

    Raises:
        DatasetError: if there is none.
    """
    if not source.exists():
        raise DatasetError(f"{source} does not exist. Give an image, or a folder of images.")


def _of_file(file: Path, num_channels: int) -> InputCase:
    name = without_suffix(file.name)
    match = CHANNEL_NAME.fullmatch(name)
    if num_channels > 1 and match is not None and int(match["channel"]) == 0:
        siblings = {channel: _sibling(file, channel) for channel in range(num_channels + 1)}
        there = {channel: path for channel, path in siblings.items() if path.exists()}
        if len(there) > 1 and _are_channels(there, num_channels):
            return _case(match["case"], there, num_channels)
    return InputCase(name=name, images=(file,))


def _in_folder(folder: Path, num_channels: int, made: frozenset[Path]) -> FoundCases:
    names, passed_over = images_in(folder, without=made)
    files = [folder / name for name in names]
    if not files and (series := _series_in(folder)).cases:
        return series
    if not files:
        others = f" It holds {passed_over[0].file}, which cannot be read." if passed_over else ""
        raise DatasetError(
            f"{folder} holds no images: give a file, or a folder with files named {IMAGE_NAMES}, "
            f"such as a dataset's imagesTs.{others}"
        )
    numbered: dict[str, dict[int, Path]] = defaultdict(dict)
    cases: dict[str, InputCase] = {}

    def add(case: InputCase) -> None:
        if case.name in cases:
            one, other = cases[case.name].images[0].name, case.images[0].name
            raise DatasetError(
                f"{folder} holds {case.name} as {one} and as {other}: a case has one image. "
                "Remove one."
            )
        cases[case.name] = case

    for file in files:
        match = CHANNEL_NAME.fullmatch(without_suffix(file.name))
        if match is None or int(match["channel"]) in numbered[match["case"]]:
            add(InputCase(name=without_suffix(file.name), images=(file,)))
        else:
            numbered[match["case"]][int(match["channel"])] = file
    for name, of_name in numbered.items():
        if _are_channels(of_name, num_channels):
            add(_case(name, of_name, num_channels))
        else:
            for file in of_name.values():
                add(InputCase(name=without_suffix(file.name), images=(file,)))
    return FoundCases(
        cases=tuple(sorted(cases.values(), key=lambda case: case.name)), passed_over=passed_over
    )


def _series_in(folder: Path) -> FoundCases:
    """Return the DICOM series in a folder and the folders below it."""
    found = find_series(folder)
    cases = (
        InputCase(name=series.name, images=series.files, is_series=True) for series in found.series
    )
    passed_over = (
        PassedOver(file=f"{folder}/{each.file}", reason=each.reason) for each in found.passed_over
    )
    return FoundCases(cases=tuple(cases), passed_over=tuple(passed_over))


def _are_channels(numbered: Mapping[int, Path], num_channels: int) -> bool:
    """Return whether files of one name with several numbers are the channels of one case."""
    if 0 not in numbered:
        return False
    if num_channels == 1 or (len(numbered) == 1 and is_picture(numbered[0].name)):
        return len(numbered) == 1
    try:
        return read_header(numbered[0]).num_channels < num_channels
    except DatasetError:  # reading the case will raise it
        return True


def _case(name: str, numbered: Mapping[int, Path], num_channels: int) -> InputCase:
    """Return a case of channel files.

    Missing and surplus files are listed too, so that reading the case raises an error. One picture
    has all channels.
    """
    if len(numbered) == 1 and is_picture(numbered[0].name):
        return InputCase(name=name, images=(numbered[0],))
    channels = sorted(numbered.keys() | set(range(num_channels)))
    images = (numbered.get(each, _sibling(numbered[0], each)) for each in channels)
    return InputCase(name=name, images=tuple(images))


def _sibling(file: Path, channel: int) -> Path:
    """Return the file of another channel of the same case."""
    return file.with_name(f"{without_suffix(file.name)[:-4]}{channel:04d}{suffix_of(file.name)}")
