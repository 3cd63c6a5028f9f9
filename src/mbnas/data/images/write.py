"""Writes volumes to files in the format of their name, completely or not at all."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from jaxtyping import Float32, Integer, Num

from mbnas.data.images.formats.file_geometry import file_geometry
from mbnas.data.images.formats.registry import format_of
from mbnas.data.images.geometry import Geometry
from mbnas.data.images.volume import Placement
from mbnas.errors import DatasetError


def write_label(
    path: Path,
    labels_XYZ: Integer[np.ndarray, "x y z"],
    geometry: Geometry,
    placement: Placement | None = None,
) -> None:
    """Write labels in the orientation, shape and affine of ``geometry``, completely or not at all.

    Args:
        path: File to write; its suffix gives the format.
        labels_XYZ: Class numbers in canonical orientation.
        geometry: The grid of the image that the labels belong to.
        placement: The placement of that image, which is copied to the header unchanged if both
            files have one format.

    Raises:
        DatasetError: if the shape is not that of the grid.
        WriteError: if the file cannot be written.
    """
    _check_fit(path, "Labels", labels_XYZ.shape, geometry)
    fitting = np.result_type(*map(np.min_scalar_type, (labels_XYZ.min(), labels_XYZ.max())))
    number_type = next(t for t in (np.uint8, np.int16, np.int32) if np.can_cast(fitting, t))
    labels_IJK = geometry.from_canonical(labels_XYZ.astype(number_type, copy=False))
    _write(path, labels_IJK, geometry, placement)


def write_map(
    path: Path,
    values_XYZK: Float32[np.ndarray, "x y z *maps"],
    geometry: Geometry,
    placement: Placement | None = None,
) -> None:
    """Write one value per voxel, or several along a fourth axis, as :func:`write_label` does.

    Raises:
        DatasetError: if the shape is not that of the grid.
        WriteError: if the file cannot be written.
    """
    _check_fit(path, "Values", values_XYZK.shape[:3], geometry)
    _write(path, geometry.from_canonical(values_XYZK), geometry, placement)


def write_image(
    path: Path, voxels_CIJK: Num[np.ndarray, "channel i j k"], affine: Num[np.ndarray, "4 4"]
) -> None:
    """Write an image, completely or not at all.

    Args:
        path: File to write; its suffix gives the format.
        voxels_CIJK: Voxels along the axes of ``affine``; their number type is kept.
        affine: Voxel indices to millimetres in RAS+, of shape (4, 4).

    Raises:
        DatasetError: if the format cannot hold the voxels, or the affine is invalid.
        WriteError: if the file cannot be written.
    """
    array = voxels_CIJK[0] if len(voxels_CIJK) == 1 else np.moveaxis(voxels_CIJK, 0, -1)
    if array.dtype == np.int64:
        array = array.astype(np.int32)
    i, j, k = array.shape[:3]
    _write(path, array, file_geometry(path, (i, j, k), affine), None)


def _check_fit(path: Path, what: str, shape: tuple[int, ...], geometry: Geometry) -> None:
    if shape != geometry.canonical_shape:
        raise DatasetError(
            f"{what} of shape {shape} do not fit {path.name}: its grid is "
            f"{geometry.canonical_shape} in canonical orientation."
        )


def _write(
    path: Path,
    array_IJKC: Num[np.ndarray, "i j k *channel"],
    geometry: Geometry,
    placement: Placement | None,
) -> None:
    file_format = format_of(path)
    fits = placement is not None and placement.format == file_format.name
    file_format.write(path, array_IJKC, geometry, placement if fits else None)
