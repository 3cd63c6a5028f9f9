"""Voxels with their place in space, as values that do not depend on a library for files.

A format describes the position of voxels in its own way: NIfTI by a matrix, by a quaternion and by
the voxel sizes, MetaImage and NRRD by an origin, directions and spacings. Rebuilding these fields
from a matrix can change their last digits. A file that must have exactly the position of another
therefore gets the fields of that file unchanged: its :class:`Placement`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float32

from mbnas.data.images.geometry import Geometry
from mbnas.data.images.integer_labels import Scale


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """The position of voxels, as fields of the header of a file.

    Attributes:
        format: Name of the file's format; only files of this format can use the fields.
        fields: The value of each field.
        num_axes: Number of axes of the array in the file.
    """

    format: str
    fields: Mapping[str, Any]
    num_axes: int = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Volume:
    """An image: voxels in canonical orientation, and the grid of the file they came from.

    Attributes:
        voxels: Voxels in canonical orientation.
        geometry: The grid of the file, or of the first if there are several.
        placement: The placement of the same file.
    """

    voxels: Float32[np.ndarray, "channel x y z"]
    geometry: Geometry
    placement: Placement


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """The header of a file: what is known of its voxels without reading them.

    Attributes:
        geometry: Their grid.
        num_channels: Size of the fourth axis, 1 without one.
        number_type: Type of the stored values, with their byte order.
        scale: Scale of the stored values; ``None`` if they are used as stored.
        placement: The position of the voxels, as fields of the header.
    """

    geometry: Geometry
    num_channels: int
    number_type: np.dtype[Any]
    scale: Scale | None
    placement: Placement

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """Number of voxels along the three axes of the file, and of channels."""
        return (*self.geometry.shape_xyz, self.num_channels)

    @property
    def stored_bytes(self) -> int:
        """Size of the stored values, uncompressed."""
        return math.prod(self.shape) * self.number_type.itemsize
