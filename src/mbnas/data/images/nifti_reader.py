"""Reads NIfTI files into volumes in canonical orientation.

Arrays are ``[channel, x, y, z]`` in canonical orientation (RAS+).
:class:`~mbnas.data.images.geometry.Geometry` has what is needed to undo the reorientation, so
that a label is written on the grid of the file that it belongs to; with the
:class:`~mbnas.data.images.volume.Placement` of that file, it is written with identical bits.

The files of one case, channels or label map, are brought to the orientation of the first if they
have its voxels (:meth:`~mbnas.data.images.geometry.Geometry.has_voxels_of`).

A header is checked against the available memory, and no more bytes are read or decompressed than
the header announces.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from jaxtyping import Float32, Integer, Num
from nibabel.filebasedimages import ImageFileError
from nibabel.spatialimages import HeaderDataError, ImageDataError
from nibabel.volumeutils import apply_read_scaling
from nibabel.wrapstruct import WrapStructError

from mbnas.data.images.geometry import Geometry
from mbnas.data.images.integer_labels import Scale, whole_labels
from mbnas.data.images.memory_limit import check_memory
from mbnas.data.images.raw_bytes import read_announced, readable
from mbnas.data.images.volume import FIELDS, Header, Placement, Volume
from mbnas.errors import DatasetError

_IMAGE_CLASSES = {348: nib.Nifti1Image, 540: nib.Nifti2Image}
_HEADER_BYTES = 540
_SINGLE_FILE_MAGICS = (b"n+1", b"n+2")
_NIBABEL_ERRORS = (
    ImageFileError,
    HeaderDataError,
    ImageDataError,
    WrapStructError,
    ValueError,
    OverflowError,
)
_MAX_OFFSET = 2**24
_SPACINGS_MM = (1e-5, 1e5)


def read_image(paths: tuple[Path, ...]) -> Volume:
    """Return the image of one file, or of several files with one channel each.

    Args:
        paths: One 3D file, one 4D file with the channels last, or a 3D file per channel.

    Raises:
        DatasetError: if a file cannot be read, or if the files differ in grid.
    """
    if not paths:
        raise DatasetError("A case needs at least one image file. List its files.")
    headers = [read_header(path) for path in paths]
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
    for path, header, part in zip(paths, headers, parts, strict=True):
        _fill(part, path, header, header.geometry.turned_like(grid))
    return Volume(voxels=voxels_CXYZ, geometry=grid, placement=headers[0].placement)


def read_label(path: Path) -> tuple[Integer[np.ndarray, "x y z"], Geometry]:
    """Return the labels of a file in canonical orientation.

    Stored integers keep their type. Other numbers, and integers with a scale, become int32 by
    :func:`~mbnas.data.images.integer_labels.whole_labels`.

    Raises:
        LabelError: if it has values that are not integers.
        DatasetError: if the file cannot be read or has more than one channel.
    """
    header = read_header(path)
    if header.num_channels != 1:
        raise DatasetError(
            f"{path} holds {header.num_channels} channels: labels are one 3D volume. "
            "Merge them into one volume of class numbers."
        )
    labels_IJK = _stored_values(path, header)[..., 0]
    if header.scale is not None or header.number_type.kind == "f":
        planes = (_scaled(labels_IJK[:, :, k], header) for k in range(labels_IJK.shape[2]))
        labels_IJK = whole_labels(path, planes, header.geometry.shape_xyz, header.scale)
    labels_XYZ = header.geometry.to_canonical(labels_IJK)
    return labels_XYZ.astype(labels_XYZ.dtype.newbyteorder("="), order="C"), header.geometry


def read_header(path: Path) -> Header:
    """Return the header of a file, after checking that its voxels can be read and fit in memory.

    Raises:
        DatasetError: if they cannot be read, or do not fit.
    """
    with readable(path) as stream, _explained(path):
        header = _header(path, stream.read(_HEADER_BYTES))
        x, y, z, *channels = _shape(path, header)
        number_type = header.get_data_dtype()
        if number_type.kind not in "iuf":
            raise DatasetError(
                f"{path} holds {number_type} voxels: they must be integers or real "
                "numbers. Convert it to one of these."
            )
        offset = header.get_data_offset()
        if not 0 <= offset <= _MAX_OFFSET:
            raise HeaderDataError(f"its voxels start at byte {offset}")
        found = Header(
            geometry=_geometry(path, (x, y, z), header.get_best_affine()),
            num_channels=math.prod(channels),
            number_type=number_type,
            offset=int(offset),
            scale=_scale(header),
            placement=_placement(header),
        )
    _check_memory_of_image(path, [found])
    return found


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
    voxels_CXYZ: Float32[np.ndarray, "channel x y z"],
    path: Path,
    header: Header,
    geometry: Geometry,
) -> None:
    """Read voxels into an array, plane by plane, since scaled values take more memory.

    Args:
        voxels_CXYZ: The array to fill.
        path: The file.
        header: Its header.
        geometry: Its grid, with the orientation to apply.
    """
    stored_IJKC = _stored_values(path, header)
    for channel, voxels_XYZ in enumerate(voxels_CXYZ):
        voxels_IJK = geometry.from_canonical(voxels_XYZ)
        for k in range(voxels_IJK.shape[2]):
            with np.errstate(over="ignore"):  # values too large for float32 become infinite
                voxels_IJK[:, :, k] = _scaled(stored_IJKC[:, :, k, channel], header)


def _stored_values(path: Path, header: Header) -> Num[np.ndarray, "i j k channel"]:
    """Return the values that a file stores, without their scale."""
    with readable(path) as stream:
        content = read_announced(path, stream, header.offset + header.stored_bytes)
    numbers = np.frombuffer(
        content, header.number_type, offset=header.offset, count=math.prod(header.shape)
    )
    return numbers.reshape(header.shape, order="F")


def _scaled(stored: Num[np.ndarray, "i j"], header: Header) -> Num[np.ndarray, "i j"]:
    """Return stored values multiplied and shifted by the scale of the header."""
    if header.scale is None:
        return stored
    with np.errstate(all="ignore"):  # overflow is checked afterwards
        scale = (np.float64(header.scale.slope), np.float64(header.scale.intercept))
        scaled: np.ndarray = apply_read_scaling(stored, *scale)
    return scaled


def _scale(header: Any) -> Scale | None:
    slope, intercept = (
        default if value is None else float(value)
        for value, default in zip(header.get_slope_inter(), (1.0, 0.0), strict=True)
    )
    return None if (slope, intercept) == (1, 0) else Scale(slope=slope, intercept=intercept)


def _header(path: Path, start: bytes) -> Any:
    """Return the header from the first bytes of a file."""
    header_class = _image_class(path, start).header_class
    return header_class(start[: header_class.template_dtype.itemsize])


def _shape(path: Path, header: Any) -> tuple[int, ...]:
    """Return the number of voxels along each axis."""
    shape = tuple(map(int, header.get_data_shape()))
    if len(shape) not in (3, 4) or min(shape) < 1:
        raise DatasetError(
            f"{path} has shape {shape}: a volume has three axes, or four with the channels last, "
            "and at least one voxel along each."
        )
    return shape


def _placement(header: Any) -> Placement:
    return Placement(
        header_bytes=int(header["sizeof_hdr"]),
        fields={
            name: tuple(value.tolist()) if value.ndim else value.item()
            for name in FIELDS
            for value in [np.asarray(header[name])]
        },
    )


def _geometry(path: Path, shape: tuple[int, int, int], affine: Num[np.ndarray, "4 4"]) -> Geometry:
    matrix = np.asarray(affine, dtype=np.float64)
    if not np.isfinite(matrix).all() or abs(np.linalg.det(matrix[:3, :3])) < 1e-12:
        raise DatasetError(
            f"{path} has an affine without a valid position in space: its three axes must be "
            "finite and independent. Correct the header."
        )
    lengths_mm = np.linalg.norm(matrix[:3, :3], axis=0)
    low, high = _SPACINGS_MM
    if not ((low <= lengths_mm) & (lengths_mm <= high)).all():
        raise DatasetError(
            f"{path} has voxels of {lengths_mm.min():g} to {lengths_mm.max():g} mm: lengths from "
            f"{low:g} to {high:g} mm are read. Correct the header."
        )
    orientation = tuple((int(axis), int(flip)) for axis, flip in nib.io_orientation(matrix))
    rows = tuple(tuple(map(float, row)) for row in matrix)
    return Geometry(shape_xyz=shape, affine=rows, orientation=orientation)


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Turn an error of nibabel about a header into a :class:`DatasetError`."""
    try:
        with np.errstate(all="ignore"):  # overflow is checked afterwards
            yield
    except _NIBABEL_ERRORS as error:
        raise DatasetError(
            f"{path} has an invalid NIfTI header ({error}). Write the file again with another "
            "program."
        ) from error


def _image_class(path: Path, start: bytes) -> Any:
    """Return nibabel's class for the version of NIfTI that the first bytes announce."""
    sizes = [int.from_bytes(start[:4], order) for order in ("little", "big")]
    image_class = next((_IMAGE_CLASSES[size] for size in sizes if size in _IMAGE_CLASSES), None)
    magic = start[4:7] if 540 in sizes else start[344:347]
    if image_class is None or magic not in _SINGLE_FILE_MAGICS:
        raise DatasetError(
            f"{path} is not NIfTI: it does not start with a NIfTI header. "
            "Convert it to .nii or .nii.gz."
        )
    return image_class
