"""Writes pictures and their masks as a dataset in nnU-Net's raw layout.

nnU-Net reads pictures as PNG, BMP and TIFF, of one suffix in a dataset. All are written anew, with
the values that they are read as: upright, without alpha channel, JPEG without further loss.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from mbnas.data.assembly.file_pairs import FilePair
from mbnas.data.assembly.mask_classes import MaskClasses, as_colour
from mbnas.data.assembly.mask_file import mask_pixels
from mbnas.data.assembly.picture_folders import COLOURS, FoundPictures
from mbnas.data.assembly.write_dataset import patient_facts, write_dataset
from mbnas.data.images.formats.registry import format_of
from mbnas.data.images.write import write_label
from mbnas.errors import DatasetError
from mbnas.machine.processes import ProgressCallback


def write_pictures(
    found: FoundPictures,
    root: Path,
    *,
    name: str | None = None,
    workers: int = 1,
    progress: ProgressCallback | None = None,
) -> Path:
    """Write a complete dataset, or nothing; return its folder.

    Args:
        found: The pictures with their masks.
        root: The folder to create; it may exist if it is empty.
        name: Of the dataset; by default that of its folder.
        workers: Number of processes that write files.
        progress: Called after each case.

    Raises:
        DatasetError: if the folder is not empty, or a file changed meanwhile.
        WriteError: if it cannot be written.
    """
    return write_dataset(
        root,
        found.pairing.pairs,
        partial(_write_case, found=found),
        facts=dataset_facts(found, name or root.absolute().name),
        patients=found.patients,
        workers=workers,
        progress=progress,
    )


def dataset_facts(found: FoundPictures, name: str) -> dict[str, Any]:
    """Return the contents of ``dataset.json``, as nnU-Net v2 reads it."""
    classes = found.classes
    labels: dict[str, int] = {"background": 0}
    labels |= {each.name: each.label for each in classes.classes}
    if classes.ignored is not None:
        labels["ignore"] = classes.ignored.label
    return {
        "name": name,
        "channel_names": {str(number): each for number, each in enumerate(found.channels)},
        "labels": labels,
        "numTraining": len(found.pairing.pairs),
        "file_ending": found.ending,
        **patient_facts(found.patients),
    }


def _write_case(pair: FilePair, *, found: FoundPictures, root: Path) -> None:
    image = root / "imagesTr" / f"{pair.case}_0000{found.ending}"
    _write_image(found.images / pair.image, image, len(found.channels))
    label = root / "labelsTr" / f"{pair.case}{found.ending}"
    _write_label(found.masks / pair.mask, label, found.classes)


def _write_image(source: Path, target: Path, num_channels: int) -> None:
    """Write an image with the channels of the dataset: one of equal channels, or equal ones."""
    file = format_of(source).open(source)
    header = file.header
    pixels_IJKC = file.stored()
    if header.num_channels > num_channels:
        pixels_IJKC = pixels_IJKC[..., :1]
    elif header.num_channels < num_channels:
        pixels_IJKC = np.repeat(pixels_IJKC, num_channels, axis=3)
    format_of(target).write(target, pixels_IJKC, header.geometry, None)


def _write_label(source: Path, target: Path, classes: MaskClasses) -> None:
    """Write a mask as the labels of its values or colours."""
    keys_IJC, geometry = mask_pixels(source, as_seen=classes.as_seen)
    labels, width = classes.labels, keys_IJC.shape[2]
    wide = max(map(len, labels))
    if wide > width:
        keys_IJC = np.repeat(keys_IJC, wide, axis=2)
    labels_IJ = np.full(keys_IJC.shape[:2], -1, np.int64)
    for key, label in labels.items():
        full = as_colour(key) if wide == len(COLOURS) else key
        labels_IJ[(keys_IJC == np.array(full)).all(axis=2)] = label
    if (labels_IJ < 0).any():
        labels_IJ[labels_IJ < 0] = _rounded(source, keys_IJC[labels_IJ < 0], labels)
    write_label(target, geometry.to_canonical(labels_IJ[..., None]), geometry)


def _rounded(source: Path, keys_PC: np.ndarray, labels: dict[tuple[int, ...], int]) -> np.ndarray:
    """Return the labels of values that are near 0 or 255."""
    low, high = (labels.get((each,) * keys_PC.shape[1]) for each in (0, 255))
    if low is None or high is None:
        raise DatasetError(f"{source} changed while the dataset was written. Start again.")
    return np.where(keys_PC[:, 0] >= 128, high, low)
