"""Voxels with their place in space, as values that know no file format.

NIfTI describes where voxels lie up to three times: by a matrix (sform), by a quaternion (qform)
and by the voxel sizes, each with a code for the space it refers to. Rebuilding these fields from
a matrix can change their last digits. A file that must lie exactly where another does therefore
gets that file's fields unchanged: its :class:`Placement`.
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
"""The fields of a NIfTI header that place its voxels."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """What a header says of where its voxels lie.

    Attributes:
        header_bytes: 348 for NIfTI-1, whose numbers have 32 bits, and 540 for NIfTI-2.
        fields: Each of :data:`FIELDS` as it stands there.
    """

    header_bytes: int
    fields: Mapping[str, float | tuple[float, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Volume:
    """An image: voxels in canonical orientation, and the grid of the file they came from.

    Attributes:
        voxels: In canonical orientation.
        geometry: The grid of its file, of the first where there are several.
        placement: The same as that file's header says it.
    """

    voxels: Float32[np.ndarray, "channel x y z"]
    geometry: Geometry
    placement: Placement


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """What a file says about its voxels without reading them.

    Attributes:
        geometry: Their grid.
        num_channels: How many there are along the fourth axis, 1 without one.
        number_type: Of the numbers stored, with their byte order.
        offset: Bytes before the first of them.
        scale: What these are multiplied by and added to; ``None`` if they are meant as stored.
        placement: Where the voxels lie, in the header's own words.
    """

    geometry: Geometry
    num_channels: int
    number_type: np.dtype[Any]
    offset: int
    scale: Scale | None
    placement: Placement

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """Number of voxels along the file's own three axes, and of channels."""
        return (*self.geometry.shape_xyz, self.num_channels)

    @property
    def stored_bytes(self) -> int:
        """How many bytes the numbers stored take, unpacked."""
        return math.prod(self.shape) * self.number_type.itemsize
