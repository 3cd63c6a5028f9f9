"""Voxels with their place in space, from NIfTI files and back.

Arrays are ``[channel, x, y, z]`` in canonical orientation (RAS+). What undoes the
reorientation is kept in :class:`~mbnas.data.geometry.Geometry`, so that a label
written comes out on the grid of the file that it was made for; with the
:class:`~mbnas.data.placement.Placement` of that file, bit by bit as that file has it.

Files of one case, be they channels or a label map, are brought to the orientation of the first
if they have its voxels (:meth:`~mbnas.data.geometry.Geometry.has_voxels_of`).

A header is believed only as far as memory goes, and no more bytes are read, or unpacked,
than it promises.

This is the only module that imports nibabel.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from jaxtyping import Float32, Integer, Num, Shaped
from nibabel.filebasedimages import ImageFileError
from nibabel.spatialimages import HeaderDataError, ImageDataError
from nibabel.volumeutils import apply_read_scaling
from nibabel.wrapstruct import WrapStructError

from mbnas.data.geometry import Geometry
from mbnas.data.memory_limit import check_memory
from mbnas.data.naming import is_nifti
from mbnas.data.opening import read_promised, readable
from mbnas.data.placement import FIELDS, Placement
from mbnas.data.whole_labels import Scale, whole_labels
from mbnas.errors import DatasetError
from mbnas.files import replacing
from mbnas.version import __version__

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
RESEARCH_SOFTWARE = f"mbnas {__version__}: research software, no medical device"
"""What the header of a prediction says of it, in at most 80 bytes."""

_MAX_OFFSET = 2**24
_SPACINGS_MM = (1e-5, 1e5)


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
    int32 by :func:`~mbnas.data.whole_labels.whole_labels`.

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


def write_label(
    path: Path,
    labels_XYZ: Integer[np.ndarray, "x y z"],
    geometry: Geometry,
    placement: Placement | None = None,
) -> None:
    """Write labels in the orientation, shape and affine of ``geometry``, whole or not at all.

    Args:
        path: Where to write, ``.nii`` or ``.nii.gz``.
        labels_XYZ: Class numbers in canonical orientation.
        geometry: The grid of the image that the labels belong to.
        placement: What that image's header says of it, which is then said in the same words.

    Raises:
        DatasetError: if the shape is not the grid's.
        WriteError: if the file cannot be written.
    """
    _check_fit(path, "Labels", labels_XYZ.shape, geometry)
    fitting = np.result_type(*map(np.min_scalar_type, (labels_XYZ.min(), labels_XYZ.max())))
    number_type = next(t for t in (np.uint8, np.int16, np.int32) if np.can_cast(fitting, t))
    array = geometry.from_canonical(labels_XYZ.astype(number_type, copy=False))
    _write(path, array, np.array(geometry.affine), placement)


def write_map(
    path: Path,
    values_XYZK: Float32[np.ndarray, "x y z *maps"],
    geometry: Geometry,
    placement: Placement | None = None,
) -> None:
    """Write one value a voxel, or several along a fourth axis, as :func:`write_label` does labels.

    Raises:
        DatasetError: if the shape is not the grid's.
        WriteError: if the file cannot be written.
    """
    _check_fit(path, "Values", values_XYZK.shape[:3], geometry)
    _write(path, geometry.from_canonical(values_XYZK), np.array(geometry.affine), placement)


def write_image(
    path: Path, voxels_CXYZ: Num[np.ndarray, "channel x y z"], affine: Num[np.ndarray, "4 4"]
) -> None:
    """Write an image, whole or not at all: 3D with one channel, else 4D with channels last.

    Args:
        path: Where to write, ``.nii`` or ``.nii.gz``.
        voxels_CXYZ: Voxels along the axes that ``affine`` maps; their number type is kept.
        affine: 4×4, voxel indices to millimetres in RAS+.

    Raises:
        WriteError: if the file cannot be written.
    """
    array = voxels_CXYZ[0] if len(voxels_CXYZ) == 1 else np.moveaxis(voxels_CXYZ, 0, -1)
    if array.dtype == np.int64:
        array = array.astype(np.int32)
    _write(path, array, affine, None)


def _check_fit(path: Path, what: str, shape: tuple[int, ...], geometry: Geometry) -> None:
    if shape != geometry.canonical_shape:
        raise DatasetError(
            f"{what} of shape {shape} do not fit {path.name}: its grid is "
            f"{geometry.canonical_shape} in canonical orientation."
        )


def _write(
    path: Path,
    array: Shaped[np.ndarray, "*axes"],
    affine: Num[np.ndarray, "4 4"],
    placement: Placement | None,
) -> None:
    if not is_nifti(path.name):
        raise DatasetError(f"{path} cannot be written: name it .nii or .nii.gz.")
    image = _placed_as(placement, array) if placement else _placed_by(affine, array)
    with replacing(path) as aside:
        # not nib.save, which would write a.Nii to a.nii
        image.to_file_map({"image": nib.FileHolder(filename=str(aside))})


def _placed_by(affine: Num[np.ndarray, "4 4"], array: Shaped[np.ndarray, "*axes"]) -> Any:
    image = nib.Nifti1Image(array, np.asarray(affine, dtype=np.float64))
    image.header.set_xyzt_units("mm")
    image.set_sform(image.affine, code=1)
    image.set_qform(image.affine, code=1, strip_shears=True)
    return image


def _placed_as(placement: Placement, array: Shaped[np.ndarray, "*axes"]) -> Any:
    """Return an image whose header says where it lies as another file's does."""
    kind = _IMAGE_CLASSES[placement.header_bytes]
    header = kind.header_class()
    header.set_data_dtype(array.dtype)
    header.set_data_shape(array.shape)
    for name, value in placement.fields.items():
        header[name] = value
    header["descrip"] = RESEARCH_SOFTWARE
    return kind(array, None, header)


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
