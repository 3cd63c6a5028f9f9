"""Turns a volume into slices for networks, and predicted slices back into a volume.

A volume is cut across one axis (:mod:`mbnas.data.slices.slice_axis`). Whole slices keep their
physical aspect ratio: the larger side in millimetres fills a square, the other side is padded
equally at both ends. Slices for patches keep their resolution, and are padded likewise where they
are smaller than a patch. :class:`PlaneTransform` has all values of the inverse, and can be stored
as JSON.

Shape suffixes: C channels, XYZ canonical voxels, N slices, S side of a square slice. The height of
a slice is the lower of the two axes that remain, its width the higher. A prepared slice that need
not be square has the same suffixes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import EllipsisType
from typing import Any

import numpy as np
from jaxtyping import Float32, Integer, Shaped, UInt8
from PIL import Image

from mbnas.data.datasets.normalisation import Normalisation, normalise, of_volume
from mbnas.data.images.geometry import Geometry
from mbnas.data.slices.neighbours import neighbour_indices


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaneTransform:
    """How the slices of one volume are resized and padded, and the inverse.

    Attributes:
        slice_axis: Canonical axis across which the volume is cut, 0, 1 or 2.
        frame: Height and width of a prepared slice, in pixels.
        shape_xyz: Canonical shape of the volume.
        fitted: Height and width of the resized slice inside the frame.
        offset: Number of rows above it and of columns left of it.
    """

    slice_axis: int
    frame: tuple[int, int]
    shape_xyz: tuple[int, int, int]
    fitted: tuple[int, int]
    offset: tuple[int, int]

    @classmethod
    def of(
        cls,
        geometry: Geometry,
        slice_axis: int,
        *,
        slice_size: int | None,
        patch_size: int | None,
        spacing_mm: tuple[float, float, float],
    ) -> PlaneTransform:
        """Return the transform of whole slices, or of slices for patches.

        Args:
            geometry: The grid of the volume.
            slice_axis: Canonical axis across which it is cut.
            slice_size: Side of the square that slices are fitted into; ``None`` with patches.
            patch_size: Side of the patches; ``None`` for whole slices.
            spacing_mm: As for :meth:`keep`.
        """
        if patch_size is not None:
            return cls.keep(geometry, slice_axis, patch_size, spacing_mm)
        assert slice_size is not None  # one of them is set
        return cls.fit(geometry, slice_axis, slice_size)

    @classmethod
    def fit(cls, geometry: Geometry, slice_axis: int, slice_size: int) -> PlaneTransform:
        """Return the transform that fits the slices of a volume into a square."""
        shape, spacing = geometry.canonical_shape, geometry.spacing_mm
        extents_mm = [shape[axis] * spacing[axis] for axis in _plane(slice_axis)]
        scale = slice_size / max(extents_mm)
        height, width = (max(1, round(extent * scale)) for extent in extents_mm)
        return cls._padded(geometry, slice_axis, (height, width), (slice_size, slice_size))

    @classmethod
    def keep(
        cls,
        geometry: Geometry,
        slice_axis: int,
        patch_size: int,
        spacing_mm: tuple[float, float, float],
    ) -> PlaneTransform:
        """Return the transform that brings the slices of a volume to a spacing.

        Slices that have the spacing stay as they are. A slice is padded along the sides on which
        it is smaller than a patch.

        Args:
            geometry: The grid of the volume.
            slice_axis: Canonical axis across which it is cut.
            patch_size: Side of the patches in pixels.
            spacing_mm: Along the canonical axes; that along the slice axis does not matter.
        """
        shape, spacing = geometry.canonical_shape, geometry.spacing_mm
        height, width = (
            max(1, round(shape[axis] * (spacing[axis] / spacing_mm[axis])))
            for axis in _plane(slice_axis)
        )
        frame = (max(height, patch_size), max(width, patch_size))
        return cls._padded(geometry, slice_axis, (height, width), frame)

    @classmethod
    def _padded(
        cls, geometry: Geometry, slice_axis: int, fitted: tuple[int, int], frame: tuple[int, int]
    ) -> PlaneTransform:
        return cls(
            slice_axis=slice_axis,
            frame=frame,
            shape_xyz=geometry.canonical_shape,
            fitted=fitted,
            offset=((frame[0] - fitted[0]) // 2, (frame[1] - fitted[1]) // 2),
        )

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> PlaneTransform:
        """Return the transform from :meth:`to_json`."""
        x, y, z = fields["shape_xyz"]
        height, width = fields["fitted"]
        top, left = fields["offset"]
        size = fields["slice_size"]
        frame_height, frame_width = (size, size) if isinstance(size, int) else size
        return cls(
            slice_axis=fields["slice_axis"],
            frame=(frame_height, frame_width),
            shape_xyz=(x, y, z),
            fitted=(height, width),
            offset=(top, left),
        )

    def to_json(self) -> dict[str, Any]:
        """Return the values for JSON; ``slice_size`` is one number if slices are square."""
        height, width = self.frame
        return {
            "slice_axis": self.slice_axis,
            "slice_size": height if height == width else self.frame,
            "shape_xyz": self.shape_xyz,
            "fitted": self.fitted,
            "offset": self.offset,
        }

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
    ) -> Float32[np.ndarray, "slice channel height width"]:
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
    ) -> UInt8[np.ndarray, "slice height width"]:
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
        self, slices_NSS: Shaped[np.ndarray, "slice frame_height frame_width"]
    ) -> Shaped[np.ndarray, "x y z"]:
        """Return prepared or predicted labels on the canonical voxel grid.

        This is exact without resampling; otherwise each voxel has the class of its nearest pixel.
        """
        rows, columns = map(_nearest, self.fitted, self.plane_shape)
        slices_NHW = slices_NSS[self._window][:, rows][:, :, columns]
        return np.ascontiguousarray(np.moveaxis(slices_NHW, 0, self.slice_axis))

    def restore(
        self, maps_NKSS: Float32[np.ndarray, "slice classes frame_height frame_width"]
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
        return np.zeros((*leading, *self.frame), number_type)


def _plane(slice_axis: int) -> list[int]:
    """Return the two axes of a slice, the lower first."""
    return [axis for axis in range(3) if axis != slice_axis]


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


def image_blocks(
    voxels_CXYZ: Float32[np.ndarray, "channel x y z"],
    normalisation: Normalisation,
    plane: PlaneTransform,
    *,
    at_once: int,
    context: int = 0,
) -> Iterator[tuple[slice, Float32[np.ndarray, "slice channel height width"]]]:
    """Yield consecutive image slices of a volume: normalised, resized, padded with zeros.

    Convolutions and augmentation also use 0 outside a slice. It is the mean of a
    ``zscore`` channel and of the foreground of CT, the smallest value of a ``rescale_to_0_1``
    channel, black under ``rgb_to_0_1``, and zero under ``noNorm``, as nnU-Net pads it.

    Args:
        voxels_CXYZ: Intensities in canonical orientation.
        normalisation: How each channel is normalised.
        plane: The transform of the volume's slices.
        at_once: Slices in a block.
        context: How many slices before and after a slice follow as further channels.
    """
    scalings = of_volume(voxels_CXYZ, normalisation)
    bounds = np.array([0, plane.num_slices])
    for start in range(0, plane.num_slices, at_once):
        place = slice(start, min(start + at_once, plane.num_slices))
        seen_BN = neighbour_indices(bounds, np.arange(place.start, place.stop), context)
        first, last = int(seen_BN.min()), int(seen_BN.max())
        block_NCHW = slices_across(voxels_CXYZ, plane.slice_axis + 1, slice(first, last + 1))
        block_CXYZ = np.moveaxis(block_NCHW, 0, plane.slice_axis + 1)
        images_NCHW = plane.images(normalise(block_CXYZ, scalings))
        if context:
            images_NCHW = images_NCHW[seen_BN - first].reshape(len(seen_BN), -1, *plane.frame)
        yield place, images_NCHW


def slices_across(array: np.ndarray, axis: int, place: slice) -> np.ndarray:
    """Return consecutive slices across an axis as a view, with that axis first."""
    return np.moveaxis(array, axis, 0)[place]
