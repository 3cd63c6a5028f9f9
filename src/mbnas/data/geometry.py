"""The voxel grid of a file, and how it maps to canonical orientation (RAS+).

In canonical orientation the first axis runs from left to right, the second from
posterior to anterior, the third from inferior to superior.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Shaped

ANATOMICAL_AXES = ("left-right", "posterior-anterior", "inferior-superior")
"""What the three canonical axes run along, in their order."""

AFFINE_TOLERANCE = 1e-3
"""How far entries of two affines of one grid may differ, in mm."""

Affine = tuple[tuple[float, ...], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Geometry:
    """The voxel grid of a file, and how it maps to canonical orientation.

    Attributes:
        shape_xyz: Number of voxels along the file's own three axes.
        affine: Four rows of four: the file's voxel indices to millimetres in RAS+.
        orientation: For each axis of the file, the canonical axis that it runs
            along, and 1, or -1 where it runs the other way.
    """

    shape_xyz: tuple[int, int, int]
    affine: Affine
    orientation: tuple[tuple[int, int], ...]

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> Geometry:
        """Return the geometry whose ``dataclasses.asdict`` went through JSON."""
        x, y, z = fields["shape_xyz"]
        return cls(
            shape_xyz=(x, y, z),
            affine=tuple(map(tuple, fields["affine"])),
            orientation=tuple((axis, flip) for axis, flip in fields["orientation"]),
        )

    @classmethod
    def canonical(
        cls, shape_xyz: tuple[int, int, int], spacing_mm: tuple[float, float, float]
    ) -> Geometry:
        """Return the grid of an array in canonical orientation that lies nowhere in particular.

        >>> Geometry.canonical((4, 5, 6), (1.0, 1.0, 3.0)).spacing_mm
        (1.0, 1.0, 3.0)
        """
        x, y, z = spacing_mm
        rows = ((x, 0.0, 0.0, 0.0), (0.0, y, 0.0, 0.0), (0.0, 0.0, z, 0.0), (0.0, 0.0, 0.0, 1.0))
        return cls(shape_xyz=shape_xyz, affine=rows, orientation=((0, 1), (1, 1), (2, 1)))

    @property
    def spacing_mm(self) -> tuple[float, float, float]:
        """Distance between voxel centres along each canonical axis."""
        lengths = np.linalg.norm(np.asarray(self.affine)[:3, :3], axis=0)
        x, y, z = (round(float(lengths[source]), 6) for source in self._sources())
        return x, y, z

    @property
    def canonical_shape(self) -> tuple[int, int, int]:
        """Number of voxels along each canonical axis."""
        x, y, z = (self.shape_xyz[source] for source in self._sources())
        return x, y, z

    def matches(self, other: Geometry) -> bool:
        """Say whether both describe one grid: the same shape, affines within tolerance."""
        close = np.allclose(self.affine, other.affine, rtol=1e-5, atol=AFFINE_TOLERANCE)
        return self.shape_xyz == other.shape_xyz and bool(close)

    @property
    def canonical_affine(self) -> np.ndarray:
        """Voxel indices in canonical orientation to millimetres in RAS+, 4×4."""
        to_file = np.eye(4)
        to_file[:3, :3] = 0
        for source, (axis, flip) in enumerate(self.orientation):
            to_file[source, axis] = flip
            to_file[source, 3] = 0 if flip == 1 else self.shape_xyz[source] - 1
        turned: np.ndarray = np.asarray(self.affine) @ to_file
        return turned

    def has_voxels_of(self, other: Geometry) -> bool:
        """Say whether both have the same voxels, be they stored in another order or not."""
        return self.canonical_shape == other.canonical_shape and np.allclose(
            self.canonical_affine, other.canonical_affine, rtol=1e-5, atol=AFFINE_TOLERANCE
        )

    def to_canonical(self, array: Shaped[np.ndarray, "*axes"]) -> Shaped[np.ndarray, "*turned"]:
        """Return ``array``, whose first three axes are the file's, in canonical orientation."""
        flips = tuple(slice(None, None, flip) for _, flip in self.orientation)
        rest = range(3, array.ndim)
        return array[flips].transpose([*self._sources(), *rest])

    def from_canonical(self, array: Shaped[np.ndarray, "*axes"]) -> Shaped[np.ndarray, "*turned"]:
        """Return a canonical ``array`` along the file's own axes; undoes ``to_canonical``."""
        flips = tuple(slice(None, None, flip) for _, flip in self.orientation)
        rest = range(3, array.ndim)
        return array.transpose([*(axis for axis, _ in self.orientation), *rest])[flips]

    def _sources(self) -> Sequence[int]:
        """Return for each canonical axis the file's axis that runs along it."""
        axes = [axis for axis, _ in self.orientation]
        return [axes.index(axis) for axis in range(3)]
