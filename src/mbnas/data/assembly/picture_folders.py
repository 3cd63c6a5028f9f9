"""A folder of pictures and a folder of their masks: what they hold, as one value."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mbnas.data.assembly.file_pairs import FilePair, FilePairs, pair_files
from mbnas.data.assembly.mask_classes import MaskClasses, check_names, find_classes, shows_a_class
from mbnas.data.assembly.mask_file import MaskContents, read_mask
from mbnas.data.datasets.case_rules import listed
from mbnas.data.datasets.patients import group_by_patient
from mbnas.data.images.file_names import PassedOver, is_image
from mbnas.data.images.formats.registry import format_of
from mbnas.data.images.image_folder import images_in, is_volume
from mbnas.data.images.memory_limit import check_memory
from mbnas.errors import DatasetError, MbnasError
from mbnas.machine.processes import ProgressCallback, map_in_processes

GREY, COLOURS = ("grey",), ("R", "G", "B")
_IMAGE_FOLDERS = ("images", "image", "imgs", "img")
_MASK_FOLDERS = ("masks", "mask", "labels", "label", "annotations", "segmentations", "gt")


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageContents:
    """What is known of one picture.

    Attributes:
        size: Width and height as it is shown.
        num_channels: Of the file.
        is_grey: Whether all its channels are equal.
        low: Smallest value.
        high: Largest value.
        is_whole: Whether its values are whole numbers.
    """

    size: tuple[int, int]
    num_channels: int
    is_grey: bool
    low: float
    high: float
    is_whole: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SurveyOptions:
    """What the user says of the folders.

    Attributes:
        patient_pattern: Regular expression for the patient in the name of a picture.
        background: Value or colour of the background.
        ignored: Value or colour of what is learnt and scored nowhere.
        class_names: Of the classes, by ascending value.

    Raises:
        UsageError: if a name cannot be that of a class.
    """

    patient_pattern: str | None = None
    background: str | None = None
    ignored: str | None = None
    class_names: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        check_names(self.class_names or ())


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundPictures:
    """Pictures with their masks.

    Attributes:
        images: Their folder.
        masks: The folder of the masks.
        pairing: Which image belongs to which mask.
        contents: Of each image, in the order of the pairs.
        classes: How masks become label maps.
        channels: Names of the channels.
        patients: Patient of each case; ``None`` without a pattern.
        num_soft: Masks whose values were only near 0 and 255.
        empty: Cases whose masks show no class.
        passed_over: Files that look like images and are not used.
    """

    images: Path
    masks: Path
    pairing: FilePairs
    contents: tuple[ImageContents, ...]
    classes: MaskClasses
    channels: tuple[str, ...]
    patients: dict[str, str] | None
    num_soft: int
    empty: tuple[str, ...]
    passed_over: tuple[PassedOver, ...]

    @property
    def ending(self) -> str:
        """The suffix of all files of the dataset: PNG, unless it cannot hold the values."""
        largest = 65_535 if len(self.channels) == 1 else 255
        fits = all(e.is_whole and e.low >= 0 and e.high <= largest for e in self.contents)
        return ".png" if fits and len(self.channels) in (1, len(COLOURS)) else ".tif"

    @property
    def num_as_grey(self) -> int:
        """Coloured pictures whose channels are all equal and of which one is kept."""
        if self.channels != GREY:
            return 0
        return sum(each.num_channels > 1 for each in self.contents)

    @property
    def num_as_colours(self) -> int:
        """Grey pictures that get three equal channels, as others are coloured."""
        if self.channels != COLOURS:
            return 0
        return sum(each.num_channels == 1 for each in self.contents)

    @property
    def sizes(self) -> Counter[tuple[int, int]]:
        """How many pictures have each width and height."""
        return Counter(each.size for each in self.contents)


def folders_in(root: Path) -> tuple[Path, Path] | None:
    """Return the folders of images and of masks in a folder, if there is one of each."""
    if not root.is_dir():
        return None
    folders = {each.name.lower(): each for each in sorted(root.iterdir()) if each.is_dir()}
    images = [folders[name] for name in _IMAGE_FOLDERS if name in folders]
    masks = [folders[name] for name in _MASK_FOLDERS if name in folders]
    return (images[0], masks[0]) if len(images) == len(masks) == 1 else None


def survey(
    images: Path,
    masks: Path,
    options: SurveyOptions,
    *,
    workers: int = 1,
    progress: ProgressCallback | None = None,
) -> FoundPictures:
    """Return what a folder of images and a folder of masks hold; all files are read.

    Args:
        images: The folder of images.
        masks: The folder of masks.
        options: What the user says of them.
        workers: Number of processes that read files.
        progress: Called after each pair.

    Raises:
        DatasetError: if files cannot be paired or read, or do not fit together.
        UsageError: if an option does not fit the masks.
        ConfigurationError: if the pattern is not a regular expression.
    """
    (image_names, unread), (mask_names, unread_masks) = _pictures(images), _pictures(masks)
    pairing = pair_files(image_names, mask_names)
    patients = None
    if options.patient_pattern is not None:
        cases = [each.case for each in pairing.pairs]
        patients = group_by_patient(cases, options.patient_pattern, None)
    tasks = [(images / each.image, masks / each.mask) for each in pairing.pairs]
    read = map_in_processes(_read_pair, tasks, workers=workers, progress=progress)
    _refuse(pairing.pairs, read)
    contents = tuple(each[0] for each in read if not isinstance(each, str))
    of_masks = [each[1] for each in read if not isinstance(each, str)]
    classes = find_classes(
        of_masks,
        background=options.background,
        ignored=options.ignored,
        names=options.class_names,
    )
    return FoundPictures(
        images=images,
        masks=masks,
        pairing=pairing,
        contents=contents,
        classes=classes,
        channels=_channels(pairing.pairs, contents),
        patients=patients,
        num_soft=sum(each.is_soft for each in of_masks),
        empty=tuple(
            pair.case
            for pair, mask in zip(pairing.pairs, of_masks, strict=True)
            if not shows_a_class(mask, classes)
        ),
        passed_over=(*unread, *unread_masks),
    )


def _pictures(folder: Path) -> tuple[tuple[str, ...], tuple[PassedOver, ...]]:
    if not folder.is_dir():
        raise DatasetError(f"{folder} is not a folder. Give a folder of pictures.")
    names, passed_over = images_in(folder)
    if not names:
        below = next((each for each in sorted(folder.iterdir()) if _holds_images(each)), None)
        remedy = (
            "Give a folder with .png, .jpg, .bmp or .tif files"
            if below is None
            else f"Folders below it do, such as {below}: give that one, or put all into one folder"
        )
        raise DatasetError(f"{folder} holds no pictures. {remedy}.")
    if is_volume(folder / names[0]):
        raise DatasetError(
            f"{folder} holds volumes, such as {names[0]}: mbnas dataset is for pictures. Write a "
            "dataset.json for volumes, in Decathlon or nnU-Net raw layout."
        )
    return names, passed_over


def _holds_images(folder: Path) -> bool:
    return folder.is_dir() and any(is_image(each.name) for each in folder.iterdir())


def _read_pair(files: tuple[Path, Path]) -> tuple[ImageContents, MaskContents] | str:
    """Return what an image and its mask hold, or why they cannot be used."""
    image, mask = files
    try:
        contents, found = read_contents(image), read_mask(mask)
    except MbnasError as error:
        return str(error)
    columns, rows, _ = found.geometry.shape_xyz
    if contents.size != (columns, rows):
        width, height = contents.size
        turned = " EXIF turns one of them." if contents.size == (rows, columns) else ""
        return (
            f"{mask} has {columns}×{rows} pixels and its image {image.name} {width}×{height}, "
            f"width by height.{turned} Make both of one size."
        )
    return contents, found


def read_contents(image: Path) -> ImageContents:
    """Return what is known of a picture.

    Raises:
        DatasetError: if it cannot be read, or holds values that are not finite.
    """
    file = format_of(image).open(image)
    header = file.header
    check_memory(image, header.shape, 2 * header.stored_bytes)
    pixels = file.stored()
    if not np.isfinite(pixels).all():
        raise DatasetError(f"{image} holds values that are not finite. Replace them.")
    width, height, _ = header.geometry.shape_xyz
    return ImageContents(
        size=(width, height),
        num_channels=header.num_channels,
        is_grey=bool((pixels == pixels[..., :1]).all()),
        low=float(pixels.min()),
        high=float(pixels.max()),
        is_whole=header.number_type.kind in "ui",
    )


def _refuse(pairs: Sequence[FilePair], read: Sequence[object]) -> None:
    """Raise if pairs cannot be used, with the first reason and the names of others."""
    reasons = {
        pair.case: each for pair, each in zip(pairs, read, strict=True) if isinstance(each, str)
    }
    if reasons:
        first, *others = reasons
        more = f" Also refused: {listed(others)}." if others else ""
        raise DatasetError(reasons[first] + more)


def _channels(pairs: Sequence[FilePair], contents: Sequence[ImageContents]) -> tuple[str, ...]:
    """Return the names of the channels of all pictures, colours if one of them has any."""
    if all(each.is_grey for each in contents):
        return GREY
    numbers = {each.num_channels for each in contents}
    if numbers <= {1, len(COLOURS)}:
        return COLOURS
    if len(numbers) == 1:
        return tuple(f"channel {number}" for number in range(numbers.pop()))
    first = {each.num_channels: pair.image for pair, each in zip(pairs, contents, strict=True)}
    raise DatasetError(
        "Pictures differ in channels: "
        + ", ".join(f"{name} has {number}" for number, name in sorted(first.items()))
        + ". Make them alike."
    )
