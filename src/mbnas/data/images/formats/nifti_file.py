"""Opens NIfTI files, version 1 and 2, compressed or not.

No more bytes are read or decompressed than the header announces. A file with two axes is one
slice: its third axis has one voxel.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from jaxtyping import Num
from nibabel.filebasedimages import ImageFileError
from nibabel.spatialimages import HeaderDataError, ImageDataError
from nibabel.volumeutils import apply_read_scaling
from nibabel.wrapstruct import WrapStructError

from mbnas.data.images.formats.file_geometry import file_geometry
from mbnas.data.images.formats.raw_bytes import read_announced, readable
from mbnas.data.images.integer_labels import Scale
from mbnas.data.images.volume import Header, Placement
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
PLACEMENT_FIELDS = (
    *("sizeof_hdr", "pixdim", "xyzt_units", "qform_code", "sform_code"),
    *("quatern_b", "quatern_c", "quatern_d", "qoffset_x", "qoffset_y", "qoffset_z"),
    *("srow_x", "srow_y", "srow_z"),
)
"""The fields of a header that give the position of its voxels; the first tells the version."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NiftiFile:
    """A NIfTI file whose header was read.

    Attributes:
        path: The file.
        header: What is known of its voxels.
        offset: Number of bytes before the first value.
    """

    path: Path
    header: Header
    offset: int

    def stored(self) -> Num[np.ndarray, "i j k channel"]:
        """Return the values that the file stores, without their scale."""
        header = self.header
        with readable(self.path) as stream:
            content = read_announced(self.path, stream, self.offset + header.stored_bytes)
        numbers = np.frombuffer(
            content, header.number_type, offset=self.offset, count=math.prod(header.shape)
        )
        return numbers.reshape(header.shape, order="F")

    def scaled(self, stored: Num[np.ndarray, "i j"]) -> Num[np.ndarray, "i j"]:
        """Return stored values multiplied and shifted by the scale of the header."""
        scale = self.header.scale
        if scale is None:
            return stored
        with np.errstate(all="ignore"):  # overflow is checked afterwards
            scaled: np.ndarray = apply_read_scaling(
                stored, np.float64(scale.slope), np.float64(scale.intercept)
            )
        return scaled


def open_nifti(path: Path) -> NiftiFile:
    """Return a NIfTI file with its header.

    Raises:
        DatasetError: if the header is invalid, or its voxels cannot be read.
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
        return NiftiFile(
            path=path,
            header=Header(
                geometry=file_geometry(path, (x, y, z), header.get_best_affine()),
                num_channels=math.prod(channels),
                number_type=number_type,
                scale=_scale(header),
                placement=_placement(header),
            ),
            offset=int(offset),
        )


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
    if len(shape) not in (2, 3, 4) or min(shape) < 1:
        raise DatasetError(
            f"{path} has shape {shape}: a volume has three axes, or four with the channels last, "
            "and at least one voxel along each; a slice has two."
        )
    return (*shape, 1) if len(shape) == 2 else shape


def _placement(header: Any) -> Placement:
    return Placement(
        format="NIfTI",
        fields={
            name: tuple(value.tolist()) if value.ndim else value.item()
            for name in PLACEMENT_FIELDS
            for value in [np.asarray(header[name])]
        },
        num_axes=len(header.get_data_shape()),
    )


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
