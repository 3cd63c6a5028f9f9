"""Voxels with their place in space, from NIfTI files and back.

Arrays are ``[channel, x, y, z]`` in canonical orientation (RAS+). What undoes the
reorientation is kept in :class:`~mbnas.data.geometry.Geometry`, so that a label
written comes out on the grid of the file that it was made for.

This is the only module that imports nibabel.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from jaxtyping import Float32, Integer, Num, Shaped
from nibabel.filebasedimages import ImageFileError
from nibabel.spatialimages import HeaderDataError, ImageDataError

from mbnas.data.geometry import Geometry
from mbnas.data.opening import SUFFIXES, readable
from mbnas.errors import DatasetError
from mbnas.files import replacing

_IMAGE_CLASSES = {348: nib.Nifti1Image, 540: nib.Nifti2Image}
_SINGLE_FILE_MAGICS = (b"n+1", b"n+2")
_NIBABEL_ERRORS = (ImageFileError, HeaderDataError, ImageDataError, ValueError)


@dataclass(frozen=True, slots=True, kw_only=True)
class Volume:
    """An image: voxels in canonical orientation, and the grid of the file they came from."""

    voxels: Float32[np.ndarray, "channel x y z"]
    geometry: Geometry


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """What a file says about its voxels without reading them."""

    geometry: Geometry
    num_channels: int


def read_image(paths: tuple[Path, ...]) -> Volume:
    """Return the image that one file holds, or several with one channel each.

    Args:
        paths: One 3D file, one 4D file with the channels last, or a 3D file per channel.

    Raises:
        DatasetError: if a file cannot be read, or if the files differ in grid.
    """
    parts, first = [], None
    for path in paths:
        array, geometry = _read(path)
        first = first or geometry
        if not geometry.matches(first):
            raise DatasetError(
                f"{path} is not on the grid of {paths[0].name} (shape {geometry.shape_xyz} "
                f"against {first.shape_xyz}, or another affine): the channels of a case share one "
                "grid. Resample them onto one."
            )
        parts.append(_channels_first(array, geometry))
    if first is None:
        raise DatasetError("A case without image files has no image. List at least one.")
    with np.errstate(over="ignore"):  # what float32 cannot hold becomes infinite, and is reported
        voxels = np.concatenate(parts).astype(np.float32, copy=False)
    return Volume(voxels=np.ascontiguousarray(voxels), geometry=first)


def read_label(path: Path) -> tuple[Num[np.ndarray, "x y z"], Geometry]:
    """Return a file's labels in canonical orientation, in the file's own number type.

    Raises:
        DatasetError: if the file cannot be read or holds more than one channel.
    """
    array, geometry = _read(path)
    channels = _channels_first(array, geometry)
    if len(channels) != 1:
        raise DatasetError(
            f"{path} holds {len(channels)} channels: labels are one 3D volume. "
            "Merge them into one volume of class numbers."
        )
    return np.ascontiguousarray(channels[0]), geometry


def read_header(path: Path) -> Header:
    """Return grid and number of channels without reading the voxels.

    Raises:
        DatasetError: if the file cannot be read.
    """
    with readable(path) as stream, _explained(path):
        start = stream.read(540)
        image_class = _image_class(path, start)
        header_class = image_class.header_class
        header = header_class(start[: header_class.template_dtype.itemsize])
        shape = tuple(map(int, header.get_data_shape()))
        geometry = _geometry(path, shape, header.get_best_affine())
    return Header(geometry=geometry, num_channels=shape[3] if len(shape) == 4 else 1)


def write_label(path: Path, labels_XYZ: Integer[np.ndarray, "x y z"], geometry: Geometry) -> None:
    """Write labels in the orientation, shape and affine of ``geometry``, whole or not at all.

    Args:
        path: Where to write, ``.nii`` or ``.nii.gz``.
        labels_XYZ: Class numbers in canonical orientation.
        geometry: The grid of the image that the labels belong to.

    Raises:
        DatasetError: if the shape is not the grid's or the file cannot be written.
    """
    if labels_XYZ.shape != geometry.canonical_shape:
        raise DatasetError(
            f"Labels of shape {labels_XYZ.shape} do not fit {path.name}: its grid is "
            f"{geometry.canonical_shape} in canonical orientation."
        )
    fitting = np.result_type(*map(np.min_scalar_type, (labels_XYZ.min(), labels_XYZ.max())))
    number_type = next(t for t in (np.uint8, np.int16, np.int32) if np.can_cast(fitting, t))
    _write(path, geometry.from_canonical(labels_XYZ.astype(number_type)), np.array(geometry.affine))


def write_image(
    path: Path, voxels_CXYZ: Num[np.ndarray, "channel x y z"], affine: Num[np.ndarray, "4 4"]
) -> None:
    """Write an image, whole or not at all: 3D with one channel, else 4D with channels last.

    Args:
        path: Where to write, ``.nii`` or ``.nii.gz``.
        voxels_CXYZ: Voxels along the axes that ``affine`` maps; their number type is kept.
        affine: 4×4, voxel indices to millimetres in RAS+.

    Raises:
        DatasetError: if the file cannot be written.
    """
    array = voxels_CXYZ[0] if len(voxels_CXYZ) == 1 else np.moveaxis(voxels_CXYZ, 0, -1)
    if array.dtype == np.int64:
        array = array.astype(np.int32)
    _write(path, array, affine)


def _write(path: Path, array: Shaped[np.ndarray, "*axes"], affine: Num[np.ndarray, "4 4"]) -> None:
    if not path.name.endswith(SUFFIXES):
        raise DatasetError(f"{path} cannot be written: name it .nii or .nii.gz.")
    image = nib.Nifti1Image(array, np.asarray(affine, dtype=np.float64))
    image.header.set_xyzt_units("mm")
    image.set_sform(image.affine, code=1)
    image.set_qform(image.affine, code=1, strip_shears=True)
    try:
        with replacing(path) as aside:
            nib.save(image, aside)
    except OSError as error:
        reason = error.strerror or str(error)
        raise DatasetError(
            f"{path} could not be written: {reason}. Make room or choose another place."
        ) from error


def _read(path: Path) -> tuple[Shaped[np.ndarray, "i j k *channels"], Geometry]:
    """Return a file's array along its own axes, 3D or 4D, and its grid."""
    with readable(path) as stream, _explained(path):
        content = stream.read()
        image = _image_class(path, content).from_stream(io.BytesIO(content))
        if image.get_data_dtype().kind not in "iuf":
            raise DatasetError(
                f"{path} holds {image.get_data_dtype()} voxels: they must be integers or real "
                "numbers. Convert it to one of these."
            )
        geometry = _geometry(path, image.shape, image.affine)
        return np.asanyarray(image.dataobj), geometry


def _geometry(path: Path, shape: tuple[int, ...], affine: Num[np.ndarray, "4 4"]) -> Geometry:
    if len(shape) not in (3, 4) or 0 in shape:
        raise DatasetError(
            f"{path} has shape {shape}: a volume has three axes, or four with the channels last."
        )
    matrix = np.asarray(affine, dtype=np.float64)
    if not np.isfinite(matrix).all() or abs(np.linalg.det(matrix[:3, :3])) < 1e-12:
        raise DatasetError(
            f"{path} has an affine that maps voxels to no place in space: its three axes must be "
            "finite and independent. Correct the header."
        )
    orientation = tuple((int(axis), int(flip)) for axis, flip in nib.io_orientation(matrix))
    rows = tuple(tuple(map(float, row)) for row in matrix)
    return Geometry(shape_xyz=(shape[0], shape[1], shape[2]), affine=rows, orientation=orientation)


def _channels_first(
    array: Shaped[np.ndarray, "i j k *channels"], geometry: Geometry
) -> Shaped[np.ndarray, "channel x y z"]:
    array_XYZC = geometry.to_canonical(array if array.ndim == 4 else array[..., None])
    return np.moveaxis(array_XYZC, -1, 0)


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Turn nibabel's objections to a header into one sentence."""
    try:
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
