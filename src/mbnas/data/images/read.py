"""Reads image files of every format into volumes in canonical orientation.

Arrays are ``[channel, x, y, z]`` in canonical orientation (RAS+).
:class:`~mbnas.data.images.geometry.Geometry` has what is needed to undo the reorientation, so
that a label is written on the grid of the file that it belongs to; with the
:class:`~mbnas.data.images.volume.Placement` of that file, it is written with identical bits.

The files of one case, channels or label map, are brought to the orientation of the first if they
have its voxels (:meth:`~mbnas.data.images.geometry.Geometry.has_voxels_of`).

A header is checked against the available memory before voxels are read.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float32, Integer

from mbnas.data.images.formats.image_format import ImageFile
from mbnas.data.images.formats.registry import format_of
from mbnas.data.images.geometry import Geometry
from mbnas.data.images.integer_labels import whole_labels
from mbnas.data.images.memory_limit import check_memory
from mbnas.data.images.volume import Header, Volume
from mbnas.errors import DatasetError


def read_image(paths: tuple[Path, ...]) -> Volume:
    """Return the image of one file, or of several files that share its channels.

    Args:
        paths: One file with all channels, or a file for each channel, in order; of DICOM, the
            files of one series in any order, or a folder with one series for each channel.

    Raises:
        DatasetError: if a file cannot be read, or if the files differ in grid.
    """
    if not paths:
        raise DatasetError("A case needs at least one image file. List its files.")
    if len(paths) > 1 and (together := format_of(paths[0]).open_together) and paths[0].is_file():
        files, paths = [together(paths)], paths[:1]
    else:
        files = [_open(path) for path in paths]
    headers = [file.header for file in files]
    grid = headers[0].geometry
    for path, header in zip(paths[1:], headers[1:], strict=True):
        if difference := header.geometry.difference_from(grid):
            raise DatasetError(
                f"{path} is not on the grid of {paths[0].name}: {difference}. The channels of a "
                "case share one grid. Resample them onto one."
            )
    _check_memory_of_image(paths[0], headers)
    num_channels = [header.num_channels for header in headers]
    voxels_CXYZ = _empty(sum(num_channels), grid)
    parts = np.split(voxels_CXYZ, np.cumsum(num_channels)[:-1])
    for file, part in zip(files, parts, strict=True):
        _fill(part, file, file.header.geometry.turned_like(grid))
    return Volume(voxels=voxels_CXYZ, geometry=grid, placement=headers[0].placement)


def read_label(path: Path) -> tuple[Integer[np.ndarray, "x y z"], Geometry]:
    """Return the labels of a file in canonical orientation.

    Stored integers keep their type. Other numbers, and integers with a scale, become int32 by
    :func:`~mbnas.data.images.integer_labels.whole_labels`.

    Raises:
        LabelError: if it has values that are not integers.
        DatasetError: if the file cannot be read or has more than one channel.
    """
    file_format = format_of(path)
    file = _open(path, file_format.open_label or file_format.open)
    header = file.header
    if header.num_channels != 1:
        raise DatasetError(
            f"{path} holds {header.num_channels} channels: labels are one "
            + (
                "number for each pixel. `mbnas dataset` turns colours into classes."
                if file_format.is_picture
                else "3D volume. Merge them into one volume of class numbers."
            )
        )
    labels_IJK = file.stored()[..., 0]
    if header.scale is not None or header.number_type.kind == "f":
        planes = (file.scaled(labels_IJK[:, :, k]) for k in range(labels_IJK.shape[2]))
        labels_IJK = whole_labels(path, planes, header.geometry.shape_xyz, header.scale)
    labels_XYZ = header.geometry.to_canonical(labels_IJK)
    return labels_XYZ.astype(labels_XYZ.dtype.newbyteorder("="), order="C"), header.geometry


def read_header(path: Path) -> Header:
    """Return the header of a file, after checking that its voxels can be read and fit in memory.

    Raises:
        DatasetError: if they cannot be read, or do not fit.
    """
    return _open(path).header


def _open(path: Path, opened: Callable[[Path], ImageFile] | None = None) -> ImageFile:
    """Return a file whose voxels fit in memory, opened by its format or as given."""
    file = (opened or format_of(path).open)(path)
    _check_memory_of_image(path, [file.header])
    return file


def _check_memory_of_image(path: Path, headers: Sequence[Header]) -> None:
    """Check that the voxels as float32 and the stored values of one file fit in memory."""
    kept = sum(4 * math.prod(header.shape) for header in headers)
    shape = headers[0].shape[:3] if headers[0].num_channels == 1 else headers[0].shape
    check_memory(path, shape, kept + max(header.stored_bytes for header in headers))


def _empty(num_channels: int, grid: Geometry) -> Float32[np.ndarray, "channel x y z"]:
    """Return an empty image whose memory layout follows the order of its file."""
    axes = [axis for axis, _ in reversed(grid.orientation)]  # slowest first
    empty = np.empty([num_channels, *(grid.canonical_shape[axis] for axis in axes)], np.float32)
    return empty.transpose(0, *(1 + axes.index(axis) for axis in range(3)))


def _fill(
    voxels_CXYZ: Float32[np.ndarray, "channel x y z"], file: ImageFile, geometry: Geometry
) -> None:
    """Read voxels into an array, plane by plane, since scaled values take more memory.

    Args:
        voxels_CXYZ: The array to fill.
        file: The file.
        geometry: Its grid, with the orientation to apply.
    """
    stored_IJKC = file.stored()
    for channel, voxels_XYZ in enumerate(voxels_CXYZ):
        voxels_IJK = geometry.from_canonical(voxels_XYZ)
        for k in range(voxels_IJK.shape[2]):
            with np.errstate(over="ignore"):  # values too large for float32 become infinite
                voxels_IJK[:, :, k] = file.scaled(stored_IJKC[:, :, k, channel])
