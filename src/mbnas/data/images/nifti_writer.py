"""Writes volumes to NIfTI files, completely or not at all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from jaxtyping import Float32, Integer, Num, Shaped

from mbnas.data.images.file_names import is_nifti
from mbnas.data.images.geometry import Geometry
from mbnas.data.images.volume import Placement
from mbnas.errors import DatasetError
from mbnas.machine.files import replacing
from mbnas.version import __version__

_IMAGE_CLASSES = {348: nib.Nifti1Image, 540: nib.Nifti2Image}
RESEARCH_SOFTWARE = f"mbnas {__version__}: research software, no medical device"
"""Description in the header of a prediction, at most 80 bytes."""


def write_label(
    path: Path,
    labels_XYZ: Integer[np.ndarray, "x y z"],
    geometry: Geometry,
    placement: Placement | None = None,
) -> None:
    """Write labels in the orientation, shape and affine of ``geometry``, completely or not at all.

    Args:
        path: File to write, ``.nii`` or ``.nii.gz``.
        labels_XYZ: Class numbers in canonical orientation.
        geometry: The grid of the image that the labels belong to.
        placement: The placement of that image, which is copied to the header unchanged.

    Raises:
        DatasetError: if the shape is not that of the grid.
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
    """Write one value per voxel, or several along a fourth axis, as :func:`write_label` does.

    Raises:
        DatasetError: if the shape is not that of the grid.
        WriteError: if the file cannot be written.
    """
    _check_fit(path, "Values", values_XYZK.shape[:3], geometry)
    _write(path, geometry.from_canonical(values_XYZK), np.array(geometry.affine), placement)


def write_image(
    path: Path, voxels_CXYZ: Num[np.ndarray, "channel x y z"], affine: Num[np.ndarray, "4 4"]
) -> None:
    """Write an image, completely or not at all: 3D for one channel, else 4D with channels last.

    Args:
        path: File to write, ``.nii`` or ``.nii.gz``.
        voxels_CXYZ: Voxels along the axes of ``affine``; their number type is kept.
        affine: Voxel indices to millimetres in RAS+, of shape (4, 4).

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
    image = (
        _image_with_placement(placement, array) if placement else _image_with_affine(affine, array)
    )
    with replacing(path) as aside:
        # nib.save would write a.Nii to a.nii
        image.to_file_map({"image": nib.FileHolder(filename=str(aside))})


def _image_with_affine(affine: Num[np.ndarray, "4 4"], array: Shaped[np.ndarray, "*axes"]) -> Any:
    image = nib.Nifti1Image(array, np.asarray(affine, dtype=np.float64))
    image.header.set_xyzt_units("mm")
    image.set_sform(image.affine, code=1)
    image.set_qform(image.affine, code=1, strip_shears=True)
    return image


def _image_with_placement(placement: Placement, array: Shaped[np.ndarray, "*axes"]) -> Any:
    """Return an image with the placement of another file in its header."""
    kind = _IMAGE_CLASSES[placement.header_bytes]
    header = kind.header_class()
    header.set_data_dtype(array.dtype)
    header.set_data_shape(array.shape)
    for name, value in placement.fields.items():
        header[name] = value
    header["descrip"] = RESEARCH_SOFTWARE
    return kind(array, None, header)
