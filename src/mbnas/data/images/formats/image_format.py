"""What a format of image files provides: files that can be opened, and a way to write them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Num

from mbnas.data.images.file_names import PICTURE_FORMATS
from mbnas.data.images.geometry import Geometry
from mbnas.data.images.volume import Header, Placement

CheckGrid = Callable[[Path, Geometry], None]
"""Raises a ``DatasetError`` if a file cannot hold voxels on a grid."""

Write = Callable[[Path, Num[np.ndarray, "i j k *channel"], Geometry, Placement | None], None]
"""Writes voxels along the axes of a grid, completely or not at all.

The file gets the placement if there is one, else the affine of the grid. It raises a
``DatasetError`` for values that the format cannot hold, and a ``WriteError`` if the file cannot
be written.
"""


@runtime_checkable
class ImageFile(Protocol):
    """A file whose header was read."""

    @property
    def header(self) -> Header:
        """What is known of the voxels."""

    def stored(self) -> Num[np.ndarray, "i j k channel"]:
        """Return the voxels along the axes of the file, without the scale of the header.

        Raises:
            DatasetError: if the file is damaged.
        """

    def scaled(self, stored: Num[np.ndarray, "i j"]) -> Num[np.ndarray, "i j"]:
        """Return stored values of a plane with the scale of the header."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageFormat:
    """A format, or a family of formats that one library reads.

    Attributes:
        name: Its name in :data:`~mbnas.data.images.file_names.SUFFIXES_BY_FORMAT`.
        open: Returns a file with its header; raises a ``DatasetError`` if it cannot be read.
        write: Writes an image or a label map.
        open_together: Opens several files that are one image, such as the slices of a series.
        open_label: Opens a label map, if it is read in another way than an image, such as the
            indices of a palette instead of its colours.
        holds_labels: Whether label maps can be written without loss.
        label_suffix: Suffix of the label map that belongs to an image of this format; its format
            holds every label of the image without loss.
        map_suffix: Suffix of maps of real numbers that belong to an image of this format.
        check_grid: Checks a grid as ``write`` does, if there are some that it refuses.
    """

    name: str
    open: Callable[[Path], ImageFile]
    write: Write
    open_together: Callable[[tuple[Path, ...]], ImageFile] | None = None
    open_label: Callable[[Path], ImageFile] | None = None
    holds_labels: bool = True
    label_suffix: str = ".nii.gz"
    map_suffix: str = ".nii.gz"
    check_grid: CheckGrid | None = None

    @property
    def is_picture(self) -> bool:
        """Whether its files are pictures: one slice, whose lengths are pixels."""
        return self.name in PICTURE_FORMATS
