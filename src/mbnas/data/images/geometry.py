"""The voxel grid of a file, and how it maps to canonical orientation (RAS+).

In canonical orientation the first axis runs from left to right, the second from
posterior to anterior, the third from inferior to superior.

A picture has no place in a patient and no spacing. Its grid is that of one axial slice with
pixels of length 1: its columns run to the left, its rows to the posterior, as an axial slice is
looked at. It is therefore shown as it is stored.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import permutations, product
from typing import Any, Literal

import numpy as np
from jaxtyping import Shaped

ANATOMICAL_AXES = ("left-right", "posterior-anterior", "inferior-superior")
"""Names of the three canonical axes, in order."""

GRID_TOLERANCE = 0.1
"""Largest distance between the corners of two grids that are considered the same, in voxels.

Along an axis of 512 voxels, directions rounded to four decimals displace the far corner by up
to 0.04 voxels, and lengths of 0.703125 mm written as 0.703 by 0.09. Images that were resampled
to another grid usually differ by more, and a shift by half a voxel always does.
"""

Affine = tuple[tuple[float, ...], ...]
Unit = Literal["mm", "pixels"]
"""What lengths on a grid are given in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Offset:
    """The largest distance between corresponding outer corners of two grids.

    Attributes:
        mm: The distance.
        voxels: Its largest component along the axes, in voxel lengths.
    """

    mm: float
    voxels: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Geometry:
    """The voxel grid of a file, and how it maps to canonical orientation.

    Attributes:
        shape_xyz: Number of voxels along the file's own three axes.
        affine: Four rows of four: voxel indices of the file to millimetres in RAS+.
        orientation: For each axis of the file, the canonical axis along which it runs, and
            1, or -1 if it runs in the opposite direction.
        unit: What lengths are given in: pixels for a picture without spacing.
    """

    shape_xyz: tuple[int, int, int]
    affine: Affine
    orientation: tuple[tuple[int, int], ...]
    unit: Unit = "mm"

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> Geometry:
        """Return the geometry from its ``dataclasses.asdict`` after JSON."""
        x, y, z = fields["shape_xyz"]
        return cls(
            shape_xyz=(x, y, z),
            affine=tuple(map(tuple, fields["affine"])),
            orientation=tuple((axis, flip) for axis, flip in fields["orientation"]),
            unit=fields.get("unit", "mm"),
        )

    @classmethod
    def picture(cls, width: int, height: int) -> Geometry:
        """Return the grid of a picture without spacing.

        >>> Geometry.picture(640, 480).canonical_shape
        (640, 480, 1)
        """
        rows = ((-1.0, 0.0, 0.0, 0.0), (0.0, -1.0, 0.0, 0.0), (0.0, 0.0, 1.0, 0.0))
        return cls(
            shape_xyz=(width, height, 1),
            affine=(*rows, (0.0, 0.0, 0.0, 1.0)),
            orientation=((0, -1), (1, -1), (2, 1)),
            unit="pixels",
        )

    @classmethod
    def canonical(
        cls, shape_xyz: tuple[int, int, int], spacing_mm: tuple[float, float, float]
    ) -> Geometry:
        """Return the grid of an array in canonical orientation, at an arbitrary position.

        >>> Geometry.canonical((4, 5, 6), (1.0, 1.0, 3.0)).spacing_mm
        (1.0, 1.0, 3.0)
        """
        x, y, z = spacing_mm
        rows = ((x, 0.0, 0.0, 0.0), (0.0, y, 0.0, 0.0), (0.0, 0.0, z, 0.0), (0.0, 0.0, 0.0, 1.0))
        return cls(shape_xyz=shape_xyz, affine=rows, orientation=((0, 1), (1, 1), (2, 1)))

    @property
    def spacing_mm(self) -> tuple[float, float, float]:
        """Distance between voxel centres along each canonical axis, in the unit of the grid."""
        lengths = np.linalg.norm(np.asarray(self.affine)[:3, :3], axis=0)
        x, y, z = (round(float(lengths[source]), 6) for source in self._sources())
        return x, y, z

    @property
    def canonical_shape(self) -> tuple[int, int, int]:
        """Number of voxels along each canonical axis."""
        x, y, z = (self.shape_xyz[source] for source in self._sources())
        return x, y, z

    def turned_like(self, reference: Geometry) -> Geometry:
        """Return this grid with each axis assigned to the nearest axis of ``reference``.

        If an axis is halfway between two anatomical axes, two files with the same voxels may have
        different canonical orientations. With the orientation returned, both give the same array.
        """
        own, other = (_directions(grid.affine) for grid in (self, reference))
        along = np.linalg.solve(other, own)  # [axis of the reference, axis of this file]
        axes = max(permutations(range(3)), key=lambda order: sum(abs(along[order, range(3)])))
        orientation = tuple(
            (axis, flip if along[source, file_axis] > 0 else -flip)
            for file_axis, source in enumerate(axes)
            for axis, flip in [reference.orientation[source]]
        )
        return replace(self, orientation=orientation)

    def offset_from(self, reference: Geometry) -> Offset | None:
        """Return the distance of this grid from another; ``None`` if their shapes differ.

        The order in which the files store their voxels does not matter. If the shapes agree only
        as stored, as in files that lost their affine, voxels of equal indices are compared.
        """
        turned = self.turned_like(reference)
        if turned.canonical_shape != reference.canonical_shape:
            if self.shape_xyz != reference.shape_xyz:
                return None
            turned = replace(self, orientation=reference.orientation)
        corners = np.array(
            [[*ends, 1] for ends in product(*((-0.5, n - 0.5) for n in turned.canonical_shape))]
        )
        apart_mm = (corners @ (turned.canonical_affine - reference.canonical_affine).T)[:, :3]
        voxels = np.linalg.solve(reference.canonical_affine[:3, :3], apart_mm.T)
        return Offset(
            mm=float(np.linalg.norm(apart_mm, axis=1).max()), voxels=float(np.abs(voxels).max())
        )

    def has_voxels_of(self, reference: Geometry) -> bool:
        """Return whether both have the same voxels, in any storage order."""
        offset = self.offset_from(reference)
        return offset is not None and offset.voxels <= GRID_TOLERANCE

    def is_stored_as(self, reference: Geometry) -> bool:
        """Return whether both have the same voxels in the same storage order."""
        turned = self.turned_like(reference)
        return turned.orientation == reference.orientation and self.has_voxels_of(reference)

    def difference_from(self, reference: Geometry) -> str | None:
        """Return as text how this grid differs from another; ``None`` if it does not."""
        if self.unit != reference.unit:
            return f"lengths in {self.unit} against {reference.unit}"
        if self.unit == "pixels" and self.shape_xyz != reference.shape_xyz:
            (width, height, _), (columns, rows, _) = self.shape_xyz, reference.shape_xyz
            return f"{width}×{height} pixels against {columns}×{rows}, width by height"
        offset = self.offset_from(reference)
        if offset is None:
            own = self.turned_like(reference).canonical_shape
            return f"shape {own} against {reference.canonical_shape}, in canonical orientation"
        if offset.voxels <= GRID_TOLERANCE:
            return None
        return (
            f"corners up to {offset.mm:.3g} mm or {offset.voxels:.3g} voxels apart, where "
            f"{GRID_TOLERANCE:g} voxels are allowed"
        )

    @property
    def canonical_affine(self) -> np.ndarray:
        """Voxel indices in canonical orientation to millimetres in RAS+, of shape (4, 4)."""
        to_file = np.eye(4)
        to_file[:3, :3] = 0
        for source, (axis, flip) in enumerate(self.orientation):
            to_file[source, axis] = flip
            to_file[source, 3] = 0 if flip == 1 else self.shape_xyz[source] - 1
        turned: np.ndarray = np.asarray(self.affine) @ to_file
        return turned

    def to_canonical(self, array: Shaped[np.ndarray, "*axes"]) -> Shaped[np.ndarray, "*turned"]:
        """Return an array, with the axes of the file first, in canonical orientation."""
        flips = tuple(slice(None, None, flip) for _, flip in self.orientation)
        rest = range(3, array.ndim)
        return array[flips].transpose([*self._sources(), *rest])

    def from_canonical(self, array: Shaped[np.ndarray, "*axes"]) -> Shaped[np.ndarray, "*turned"]:
        """Return a canonical array along the axes of the file: the inverse of ``to_canonical``."""
        flips = tuple(slice(None, None, flip) for _, flip in self.orientation)
        rest = range(3, array.ndim)
        return array.transpose([*(axis for axis, _ in self.orientation), *rest])[flips]

    def _sources(self) -> Sequence[int]:
        """Return for each canonical axis the axis of the file that runs along it."""
        axes = [axis for axis, _ in self.orientation]
        return [axes.index(axis) for axis in range(3)]


def aligned(
    array: Shaped[np.ndarray, "*axes"], geometry: Geometry, reference: Geometry
) -> Shaped[np.ndarray, "*turned"]:
    """Return an array in the canonical orientation of another grid with the same voxels.

    Args:
        array: Voxels in the canonical orientation of ``geometry``.
        geometry: Their grid.
        reference: A grid with the same voxels, in any storage order.
    """
    turned = geometry.turned_like(reference)
    if turned.orientation == geometry.orientation:
        return array
    return turned.to_canonical(geometry.from_canonical(array))


def _directions(affine: Affine) -> np.ndarray:
    """Return the directions of the file's axes as columns of length 1."""
    matrix = np.asarray(affine)[:3, :3]
    directions: np.ndarray = matrix / np.linalg.norm(matrix, axis=0)
    return directions
