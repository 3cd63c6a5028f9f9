"""Opens the files of a DICOM series as one image.

The first axis runs along the columns, the second along the rows, the third from slice to slice.
Values are rescaled slice by slice, because every slice of a PET series has its own slope.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Num

from mbnas.data.images.formats.dicom.dicom_header import (
    DicomHeader,
    quietly,
    read_dataset,
    read_dicom_header,
)
from mbnas.data.images.formats.dicom.series import find_series
from mbnas.data.images.formats.dicom.slice_stack import Slice, Stack, stacked
from mbnas.data.images.formats.file_geometry import LPS, file_geometry
from mbnas.data.images.geometry import Geometry
from mbnas.data.images.volume import Header, Placement
from mbnas.errors import DatasetError

FORMAT = "DICOM"
_PLUGINS = "pip install pylibjpeg pylibjpeg-libjpeg pylibjpeg-openjpeg pyjpegls"


@dataclass(frozen=True, slots=True, kw_only=True)
class DicomSeriesFile:
    """A series whose headers were read.

    Attributes:
        headers: What is known of its files.
        stack: Their slices, in order.
        header: What is known of the volume.
    """

    headers: tuple[DicomHeader, ...]
    stack: Stack
    header: Header

    def stored(self) -> Num[np.ndarray, "i j k channel"]:
        """Return the rescaled voxels."""
        by_file = {header.file: header for header in self.headers}
        i, j, k = self.header.geometry.shape_xyz
        voxels_KJI = np.empty((k, j, i), self.header.number_type)
        numbered = sorted(enumerate(self.stack.slices), key=lambda each: str(each[1].file))
        for file, of_file in groupby(numbered, key=lambda each: each[1].file):
            frames = _frames(by_file[file], (j, i))
            for place, each in of_file:
                voxels_KJI[place] = _rescaled(frames[each.frame], each, self.header.number_type)
        return voxels_KJI.transpose(2, 1, 0)[..., None]

    def scaled(self, stored: Num[np.ndarray, "i j"]) -> Num[np.ndarray, "i j"]:
        """Return values of a plane, which are rescaled already."""
        return stored


def open_series(files: Sequence[Path]) -> DicomSeriesFile:
    """Return the image of the files of one series, in any order.

    Raises:
        DatasetError: if they are not one volume.
    """
    folder = files[0] if len(files) == 1 else files[0].parent
    headers = tuple(read_dicom_header(file) for file in files)
    if len({header.series for header in headers}) != 1:
        raise DatasetError(f"{folder} holds files of several series. Give one series.")
    stack = stacked(folder, [each for header in headers for each in header.slices])
    return DicomSeriesFile(
        headers=headers,
        stack=stack,
        header=Header(
            geometry=_geometry(folder, stack),
            num_channels=1,
            number_type=_number_type(headers, stack),
            scale=None,
            placement=Placement(format=FORMAT, fields={}),
        ),
    )


def open_dicom(path: Path) -> DicomSeriesFile:
    """Return the image of a folder with one series, or of a file with all slices.

    Raises:
        DatasetError: if there is no series, or more than one, or it is not one volume.
    """
    return open_series((path,) if path.is_file() else the_series(path))


def refuse_to_write(
    path: Path,
    array: Num[np.ndarray, "i j k *channel"],
    geometry: Geometry,
    placement: Placement | None,
) -> None:
    """Refuse to write a volume, which as DICOM would need a patient and a study.

    Raises:
        DatasetError: always.
    """
    del array, geometry, placement
    raise DatasetError(f"{path} cannot be written as DICOM slices. Name it .nii.gz.")


def the_series(folder: Path) -> tuple[Path, ...]:
    """Return the files of the only series in a folder.

    Raises:
        DatasetError: if there is none, or more than one.
    """
    found = find_series(folder)
    if len(found.series) != 1:
        what = f"{len(found.series)} series" if found.series else "no series of DICOM slices"
        why = [f" {folder / each.file} {each.reason}." for each in found.passed_over[:1]]
        raise DatasetError(
            f"{folder} holds {what}: an image is one. Give the folder of one.{''.join(why)}"
        )
    return found.series[0].files


def _geometry(folder: Path, stack: Stack) -> Geometry:
    first = stack.slices[0]
    shape = (first.columns, first.rows, len(stack.slices))
    if min(shape) < 1:
        raise DatasetError(f"{folder} has slices without pixels. Export the series again.")
    return file_geometry(folder, shape, LPS @ np.asarray(stack.lps))


def _number_type(headers: Sequence[DicomHeader], stack: Stack) -> np.dtype[Any]:
    """Return a type that holds the values of all slices: float32 if any slice is rescaled."""
    if any((each.slope, each.intercept) != (1, 0) for each in stack.slices):
        return np.dtype(np.float32)
    bits = max(header.bits_allocated for header in headers)
    signs = {header.is_signed for header in headers}
    if len(signs) == 2:
        return np.dtype(np.float32)
    return np.dtype(f"{'i' if signs == {True} else 'u'}{bits // 8}")


def _frames(header: DicomHeader, shape: tuple[int, int]) -> Num[np.ndarray, "frame row column"]:
    """Return the stored values of all frames of a file."""
    path = header.file
    with quietly(path):
        data = read_dataset(path, pixels=True)
        syntax = getattr(data.file_meta, "TransferSyntaxUID", None)
        if "PixelData" not in data:
            raise DatasetError(f"{path} has no pixels of integers. Export it again.")
        try:
            pixels = data.pixel_array
        except RuntimeError:
            name = getattr(syntax, "name", "an unknown syntax")
            raise DatasetError(
                f"{path} is compressed as {name}, for which no decoder is installed, or it is "
                f"damaged. Try: {_PLUGINS}"
            ) from None
    expected = (len(header.slices), *shape)
    if pixels.size != np.prod(expected) or pixels.dtype.kind not in "iu":
        raise DatasetError(f"{path} has other pixels than its header says. Export it again.")
    return _used_bits(pixels.reshape(expected), header)


def _used_bits(pixels: np.ndarray, header: DicomHeader) -> np.ndarray:
    """Return values by the bits that they use: others may hold an overlay."""
    unused = pixels.dtype.itemsize * 8 - header.bits_stored
    kind = np.dtype(f"{'i' if header.is_signed else 'u'}{pixels.dtype.itemsize}")
    shifted: np.ndarray = (pixels.astype(kind, copy=False) << unused) >> unused
    return shifted


def _rescaled(
    pixels: Num[np.ndarray, "row column"], each: Slice, number_type: np.dtype[Any]
) -> Num[np.ndarray, "row column"]:
    if (each.slope, each.intercept) == (1, 0):
        return pixels
    with np.errstate(all="ignore"):  # values too large become infinite
        return (pixels * np.float64(each.slope) + np.float64(each.intercept)).astype(number_type)
