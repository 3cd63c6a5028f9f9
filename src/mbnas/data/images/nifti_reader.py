"""Reading NIfTI files into volumes in canonical orientation.

Arrays are ``[channel, x, y, z]`` in canonical orientation (RAS+).
:class:`~mbnas.data.images.geometry.Geometry` keeps what undoes the reorientation, so that a label
is written back on the grid of the file it was made for; with the
:class:`~mbnas.data.images.volume.Placement` of that file, bit by bit.

The files of one case, channels or label map, are brought to the orientation of the first if they
have its voxels (:meth:`~mbnas.data.images.geometry.Geometry.has_voxels_of`).

A header is checked against the memory that is available, and no more bytes are read or
decompressed than the header announces.
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
from mbnas.data.images.raw_bytes import read_promised, readable
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
    """Return the image that one file holds, or several with one channel each.

    Args:
        paths: One 3D file, one 4D file with the channels last, or a 3D file per channel.

    Raises:
        DatasetError: if a file cannot be read, or if the files differ in grid.
    """
    if not paths:
        raise DatasetError("A case without image files has no image. List at least one.")
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
    """Return a file's labels in canonical orientation.

    Integers that are stored keep their type. Other numbers, and integers with a scale, become
    int32 by :func:`~mbnas.data.images.integer_labels.whole_labels`.

    Raises:
        LabelError: if it holds numbers that are not whole.
        DatasetError: if the file cannot be read or holds more than one channel.
    """
    header = read_header(path)
    if header.num_channels != 1:
        raise DatasetError(
            f"{path} holds {header.num_channels} channels: labels are one 3D volume. "
            "Merge them into one volume of class numbers."
        )
    labels_IJK = _stored(path, header)[..., 0]
    if header.scale is not None or header.number_type.kind == "f":
        planes = (_meant(labels_IJK[:, :, k], header) for k in range(labels_IJK.shape[2]))
        labels_IJK = whole_labels(path, planes, header.geometry.shape_xyz, header.scale)
    labels_XYZ = header.geometry.to_canonical(labels_IJK)
    return labels_XYZ.astype(labels_XYZ.dtype.newbyteorder("="), order="C"), header.geometry


def read_header(path: Path) -> Header:
    """Return what a file's header says, if the voxels can be read and memory holds them.

    Raises:
        DatasetError: if they cannot.
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
            raise HeaderDataError(f"its voxels begin at byte {offset}")
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
    """Raise if voxels as float32 and one file's stored numbers are more than memory holds."""
    kept = sum(4 * math.prod(header.shape) for header in headers)
    shape = headers[0].shape[:3] if headers[0].num_channels == 1 else headers[0].shape
    check_memory(path, shape, kept + max(header.stored_bytes for header in headers))


def _empty(num_channels: int, grid: Geometry) -> Float32[np.ndarray, "channel x y z"]:
    """Return room for an image, which lies in memory in the order of its file."""
    axes = [axis for axis, _ in reversed(grid.orientation)]  # slowest first
    room = np.empty([num_channels, *(grid.canonical_shape[axis] for axis in axes)], np.float32)
    return room.transpose(0, *(1 + axes.index(axis) for axis in range(3)))


def _fill(
    voxels_CXYZ: Float32[np.ndarray, "channel x y z"],
    path: Path,
    header: Header,
    geometry: Geometry,
) -> None:
    """Read a file's voxels into their place, a plane at a time: what is meant may take more room.

    Args:
        voxels_CXYZ: Where to.
        path: The file.
        header: Its header.
        geometry: Its grid, with the orientation to turn it by.
    """
    stored_IJKC = _stored(path, header)
    for channel, voxels_XYZ in enumerate(voxels_CXYZ):
        voxels_IJK = geometry.from_canonical(voxels_XYZ)
        for k in range(voxels_IJK.shape[2]):
            with np.errstate(over="ignore"):  # what float32 cannot hold becomes infinite
                voxels_IJK[:, :, k] = _meant(stored_IJKC[:, :, k, channel], header)


def _stored(path: Path, header: Header) -> Num[np.ndarray, "i j k channel"]:
    """Return the numbers that a file stores."""
    with readable(path) as stream:
        content = read_promised(path, stream, header.offset + header.stored_bytes)
    numbers = np.frombuffer(
        content, header.number_type, offset=header.offset, count=math.prod(header.shape)
    )
    return numbers.reshape(header.shape, order="F")


def _meant(stored: Num[np.ndarray, "i j"], header: Header) -> Num[np.ndarray, "i j"]:
    """Return what stored numbers mean by the header's scale."""
    if header.scale is None:
        return stored
    with np.errstate(all="ignore"):  # what overflows is looked at afterwards
        scale = (np.float64(header.scale.slope), np.float64(header.scale.intercept))
        meant: np.ndarray = apply_read_scaling(stored, *scale)
    return meant


def _scale(header: Any) -> Scale | None:
    slope, intercept = (
        default if value is None else float(value)
        for value, default in zip(header.get_slope_inter(), (1.0, 0.0), strict=True)
    )
    return None if (slope, intercept) == (1, 0) else Scale(slope=slope, intercept=intercept)


def _header(path: Path, start: bytes) -> Any:
    """Return the header that a file's first bytes are."""
    header_class = _image_class(path, start).header_class
    return header_class(start[: header_class.template_dtype.itemsize])


def _shape(path: Path, header: Any) -> tuple[int, ...]:
    """Return how many voxels there are along each axis."""
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
            f"{path} has an affine that maps voxels to no place in space: its three axes must be "
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
    """Turn nibabel's objections to a header into one sentence."""
    try:
        with np.errstate(all="ignore"):  # what overflows is looked at afterwards
            yield
    except _NIBABEL_ERRORS as error:
        raise DatasetError(
            f"{path} has a NIfTI header that cannot be right ({error}). Write it anew with "
            "another program."
        ) from error


def _image_class(path: Path, start: bytes) -> Any:
    """Return nibabel's class for the kind of NIfTI that the first bytes announce."""
    sizes = [int.from_bytes(start[:4], order) for order in ("little", "big")]
    image_class = next((_IMAGE_CLASSES[size] for size in sizes if size in _IMAGE_CLASSES), None)
    magic = start[4:7] if 540 in sizes else start[344:347]
    if image_class is None or magic not in _SINGLE_FILE_MAGICS:
        raise DatasetError(
            f"{path} is not NIfTI: it does not begin with a NIfTI header. "
            "Convert it to .nii or .nii.gz."
        )
    return image_class
