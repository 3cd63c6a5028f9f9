"""What a format of image files provides: files that can be opened, and a way to write them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Num

from mbnas.data.images.geometry import Geometry
from mbnas.data.images.volume import Header, Placement

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
    """

    name: str
    open: Callable[[Path], ImageFile]
    write: Write
    open_together: Callable[[tuple[Path, ...]], ImageFile] | None = None
