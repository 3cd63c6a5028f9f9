"""Voxels with their place in space, as values that do not depend on a library for files.

NIfTI describes the position of voxels up to three times: by a matrix (sform), by a quaternion
(qform) and by the voxel sizes, each with a code of the space that it refers to. Rebuilding these
fields from a matrix can change their last digits. A file that must have exactly the position of
another therefore gets the fields of that file unchanged: its :class:`Placement`.
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

FIELDS = (
    *("pixdim", "xyzt_units", "qform_code", "sform_code"),
    *("quatern_b", "quatern_c", "quatern_d", "qoffset_x", "qoffset_y", "qoffset_z"),
    *("srow_x", "srow_y", "srow_z"),
)
"""The fields of a NIfTI header that give the position of its voxels."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """The position of voxels, as fields of a header.

    Attributes:
        header_bytes: 348 for NIfTI-1, whose numbers have 32 bits, and 540 for NIfTI-2.
        fields: The value of each of :data:`FIELDS`.
    """

    header_bytes: int
    fields: Mapping[str, float | tuple[float, ...]]


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
        offset: Number of bytes before the first value.
        scale: Scale of the stored values; ``None`` if they are used as stored.
        placement: The position of the voxels, as fields of the header.
    """

    geometry: Geometry
    num_channels: int
    number_type: np.dtype[Any]
    offset: int
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
