"""Writes PNG, BMP and TIFF. JPEG is not written: it changes values."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import tifffile
from jaxtyping import Num, Shaped
from PIL import Image

from mbnas.data.images.geometry import Geometry
from mbnas.data.images.volume import Placement
from mbnas.errors import DatasetError
from mbnas.machine.files import replacing
from mbnas.version import RESEARCH_SOFTWARE

_LARGEST = {"PNG": np.iinfo(np.uint16).max, "BMP": np.iinfo(np.uint8).max}
_NUM_COLOURS = 3


def write_picture(
    path: Path,
    array: Num[np.ndarray, "i j k *channel"],
    geometry: Geometry,
    placement: Placement | None,
    *,
    picture_format: str,
) -> None:
    """Write whole numbers as greys, or three channels as colours.

    Raises:
        DatasetError: if the format cannot hold the values.
        WriteError: if the file cannot be written.
    """
    pixels_HWC = _pixels(path, array, geometry, picture_format)
    largest = _LARGEST[picture_format]
    if pixels_HWC.dtype.kind not in "ui":
        raise DatasetError(
            f"{path} cannot be written: {picture_format} holds whole numbers, not "
            f"{pixels_HWC.dtype}. Write .tif."
        )
    low, high = int(pixels_HWC.min()), int(pixels_HWC.max())
    num_channels = pixels_HWC.shape[2]
    if low < 0 or high > (largest if num_channels == 1 else np.iinfo(np.uint8).max):
        raise DatasetError(
            f"{path} cannot be written: it would hold values from {low} to {high}, and "
            f"{picture_format} holds {num_channels} channel{'s' if num_channels > 1 else ''} of 0 "
            f"to {largest if num_channels == 1 else 255}. Write .tif."
        )
    if num_channels not in (1, _NUM_COLOURS):
        raise DatasetError(
            f"{path} cannot be written: it would hold {num_channels} channels, and "
            f"{picture_format} holds 1 or {_NUM_COLOURS}. Write .tif, or a file for each."
        )
    number_type = np.uint8 if high <= np.iinfo(np.uint8).max else np.uint16
    pixels = pixels_HWC[..., 0] if num_channels == 1 else pixels_HWC
    image = Image.fromarray(np.ascontiguousarray(pixels.astype(number_type)))
    with replacing(path) as aside:
        image.save(aside, format=picture_format)


def write_tiff(
    path: Path,
    array: Num[np.ndarray, "i j k *channel"],
    geometry: Geometry,
    placement: Placement | None,
) -> None:
    """Write numbers of any type, compressed without loss; three bytes are colours.

    Raises:
        DatasetError: if the array has several slices.
        WriteError: if the file cannot be written.
    """
    pixels_HWC = _pixels(path, array, geometry, "TIFF")
    num_channels = pixels_HWC.shape[2]
    is_rgb = num_channels == _NUM_COLOURS and pixels_HWC.dtype.kind == "u"
    pixels = pixels_HWC[..., 0] if num_channels == 1 else pixels_HWC
    with replacing(path) as aside, aside.open("wb") as stream:
        tifffile.imwrite(
            stream,
            np.ascontiguousarray(pixels),
            photometric="rgb" if is_rgb else "minisblack",
            planarconfig=None if num_channels == 1 else "contig",
            compression="zlib",
            software=RESEARCH_SOFTWARE,
            metadata=None,
        )


def writer(picture_format: str) -> Callable[..., None]:
    """Return the function that writes a format of Pillow's."""
    return partial(write_picture, picture_format=picture_format)


def check_one_slice(path: Path, geometry: Geometry, *, format_name: str) -> None:
    """Check that a grid is that of a picture.

    Raises:
        DatasetError: if it has several slices.
    """
    if (num_slices := geometry.shape_xyz[2]) != 1:
        raise DatasetError(
            f"{path} cannot be written: {format_name} holds one slice, and there are "
            f"{num_slices}. Write .nii.gz."
        )


def refuse_jpeg(
    path: Path,
    array: Num[np.ndarray, "i j k *channel"],
    geometry: Geometry,
    placement: Placement | None,
) -> None:
    """Raise a :class:`DatasetError`: JPEG changes values."""
    raise DatasetError(f"{path} cannot be written: JPEG changes values. Write .png or .tif.")


def _pixels(
    path: Path, array: Num[np.ndarray, "i j k *channel"], geometry: Geometry, format_name: str
) -> Shaped[np.ndarray, "height width channel"]:
    """Return the only slice of an array, rows first."""
    check_one_slice(path, geometry, format_name=format_name)
    pixels: np.ndarray = np.atleast_3d(array[:, :, 0]).swapaxes(0, 1)
    return pixels
