"""Turns a volume into square slices, and predicted slices back into a volume.

A volume is cut across one axis (:mod:`mbnas.data.slices.slice_axis`). Each slice keeps its physical
aspect ratio: its larger side in millimetres fills the square, the other side is padded equally at
both ends. :class:`PlaneTransform` has all values of the inverse, and can be stored as JSON.

Shape suffixes: C channels, XYZ canonical voxels, N slices, S side of a slice. The height of
a slice is the lower of the two axes that remain, its width the higher.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import EllipsisType
from typing import Any

import numpy as np
from jaxtyping import Float32, Integer, Shaped, UInt8
from PIL import Image

from mbnas.data.datasets.normalisation import Normalisation, normalise, of_volume
from mbnas.data.images.geometry import Geometry


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaneTransform:
    """How the slices of one volume are fitted into a square, and the inverse.

    Attributes:
        slice_axis: Canonical axis across which the volume is cut, 0, 1 or 2.
        slice_size: Side S of the square, in pixels.
        shape_xyz: Canonical shape of the volume.
        fitted: Height and width of the resized slice inside the square.
        offset: Number of rows above it and of columns left of it.
    """

    slice_axis: int
    slice_size: int
    shape_xyz: tuple[int, int, int]
    fitted: tuple[int, int]
    offset: tuple[int, int]

    @classmethod
    def fit(cls, geometry: Geometry, slice_axis: int, slice_size: int) -> PlaneTransform:
        """Return the transform that fits the slices of a volume into a square."""
        shape, spacing = geometry.canonical_shape, geometry.spacing_mm
        plane = [axis for axis in range(3) if axis != slice_axis]
        extents_mm = [shape[axis] * spacing[axis] for axis in plane]
        scale = slice_size / max(extents_mm)
        height, width = (max(1, round(extent * scale)) for extent in extents_mm)
        return cls(
            slice_axis=slice_axis,
            slice_size=slice_size,
            shape_xyz=shape,
            fitted=(height, width),
            offset=((slice_size - height) // 2, (slice_size - width) // 2),
        )

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> PlaneTransform:
        """Return the transform from its ``dataclasses.asdict`` after JSON."""
        x, y, z = fields["shape_xyz"]
        height, width = fields["fitted"]
        top, left = fields["offset"]
        return cls(
            slice_axis=fields["slice_axis"],
            slice_size=fields["slice_size"],
            shape_xyz=(x, y, z),
            fitted=(height, width),
            offset=(top, left),
        )

    @property
    def num_slices(self) -> int:
        """The number of slices of the volume."""
        return self.shape_xyz[self.slice_axis]

    @property
    def plane_shape(self) -> tuple[int, int]:
        """Height and width of a slice on the grid of the volume."""
        height, width = (n for axis, n in enumerate(self.shape_xyz) if axis != self.slice_axis)
        return height, width

    @property
    def resamples(self) -> bool:
        """Whether pixels differ from voxels; if they do not, the inverse is exact."""
        return self.fitted != self.plane_shape

    def images(
        self, voxels_CXYZ: Float32[np.ndarray, "channel x y z"]
    ) -> Float32[np.ndarray, "slice channel side side"]:
        """Return the image slices, resized by antialiased bilinear interpolation.

        Args:
            voxels_CXYZ: The volume, or some consecutive slices of it.
        """
        slices_NCHW = np.moveaxis(voxels_CXYZ, self.slice_axis + 1, 0)
        squares = self._empty(slices_NCHW.shape[:2], np.float32)
        _resize_into(squares[self._window], slices_NCHW)
        return squares

    def labels(
        self, labels_XYZ: UInt8[np.ndarray, "x y z"], *, outside: int = 0
    ) -> UInt8[np.ndarray, "slice side side"]:
        """Return the label slices; each pixel has the label of the nearest voxel.

        Args:
            labels_XYZ: The labels of the whole volume.
            outside: The label of pixels outside the volume.
        """
        slices_NHW = np.moveaxis(labels_XYZ, self.slice_axis, 0)
        squares = self._empty((self.num_slices,), np.uint8)
        squares[...] = outside
        rows, columns = map(_nearest, self.plane_shape, self.fitted)
        squares[self._window] = slices_NHW[:, rows][:, :, columns]
        return squares

    def undo(
        self, slices_NSS: Shaped[np.ndarray, "slice side side"]
    ) -> Shaped[np.ndarray, "x y z"]:
        """Return prepared or predicted labels on the canonical voxel grid.

        This is exact without resampling; otherwise each voxel has the class of its nearest pixel.
        """
        rows, columns = map(_nearest, self.fitted, self.plane_shape)
        slices_NHW = slices_NSS[self._window][:, rows][:, :, columns]
        return np.ascontiguousarray(np.moveaxis(slices_NHW, 0, self.slice_axis))

    def restore(
        self, maps_NKSS: Float32[np.ndarray, "slice classes side side"]
    ) -> Float32[np.ndarray, "slice classes height width"]:
        """Return the maps that a network predicts for some slices, on the voxels of these slices.

        This is exact without resampling; otherwise the interpolation is that of the slices, so
        that probabilities that sum to 1 still do.
        """
        inner = maps_NKSS[self._window]
        restored = np.empty((*inner.shape[:2], *self.plane_shape), np.float32)
        _resize_into(restored, inner)
        return restored

    @property
    def _window(self) -> tuple[EllipsisType | slice, ...]:
        places = zip(self.offset, self.fitted, strict=True)
        return (..., *(slice(start, start + length) for start, length in places))

    def _empty(self, leading: tuple[int, ...], number_type: type) -> np.ndarray:
        return np.zeros((*leading, self.slice_size, self.slice_size), number_type)


def _resize_into(
    target: Float32[np.ndarray, "slice channel rows columns"],
    source: Float32[np.ndarray, "slice channel height width"],
) -> None:
    """Fill ``target`` with resized images, by antialiased bilinear interpolation."""
    if target.shape == source.shape:
        target[...] = source
        return
    size = (target.shape[3], target.shape[2])
    for index in np.ndindex(source.shape[:2]):
        image = Image.fromarray(np.ascontiguousarray(source[index]))
        target[index] = np.asarray(image.resize(size, Image.Resampling.BILINEAR))


def _nearest(source: int, target: int) -> Integer[np.ndarray, " target"]:
    """Return for each of ``target`` cells the one of ``source`` cells that contains its centre."""
    return (2 * np.arange(target) + 1) * source // (2 * target)


def prepare_image(
    voxels_CXYZ: Float32[np.ndarray, "channel x y z"],
    normalisation: Normalisation,
    plane: PlaneTransform,
) -> Float32[np.ndarray, "slice channel side side"]:
    """Return the image slices of a volume: normalised, resized, padded with zeros.

    Convolutions and augmentation also use 0 outside a slice. It is the mean of a
    ``zscore`` channel and of the foreground of CT, the smallest value of a ``rescale_to_0_1``
    channel, black under ``rgb_to_0_1``, and zero under ``noNorm``, as nnU-Net pads it.
    """
    return plane.images(normalise(voxels_CXYZ, of_volume(voxels_CXYZ, normalisation)))
