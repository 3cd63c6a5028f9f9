"""The formats that are read and written, found by the suffix of a file."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Literal

from mbnas.data.images.file_names import (
    HEADER_SUFFIXES,
    IMAGE_NAMES,
    format_name,
    suffix_of,
    without_suffix,
)
from mbnas.data.images.formats.dicom.dicom_header import is_dicom
from mbnas.data.images.formats.dicom.dicom_series_file import (
    open_dicom,
    open_series,
    refuse_to_write,
)
from mbnas.data.images.formats.image_format import ImageFormat
from mbnas.data.images.formats.itk.itk_file import open_gipl, open_meta_image, open_nrrd
from mbnas.data.images.formats.itk.itk_writer import itk_writer
from mbnas.data.images.formats.nifti_file import open_nifti
from mbnas.data.images.formats.nifti_writer import write_nifti
from mbnas.data.images.formats.pictures.picture_writer import check_one_slice, refuse_jpeg, writer
from mbnas.data.images.formats.pictures.pillow_file import opener as picture_opener
from mbnas.data.images.formats.pictures.pillow_file import refuse_jpeg_label
from mbnas.data.images.formats.pictures.tiff_volume import (
    check_tiff_grid,
    open_tiff_image,
    open_tiff_label,
    write_tiff_image,
)
from mbnas.errors import DatasetError


def _picture(name: Literal["PNG", "BMP"]) -> ImageFormat:
    """Return a format that Pillow reads and writes without loss."""
    return ImageFormat(
        name=name,
        open=picture_opener(name, is_label=False),
        open_label=picture_opener(name, is_label=True),
        write=writer(name),
        label_suffix=".png",
        map_suffix=".tif",
        check_grid=partial(check_one_slice, format_name=name),
    )


_PICTURES = (
    _picture("PNG"),
    ImageFormat(
        name="JPEG",
        open=picture_opener("JPEG", is_label=False),
        open_label=refuse_jpeg_label,
        write=refuse_jpeg,
        holds_labels=False,
        label_suffix=".png",
        map_suffix=".tif",
    ),
    _picture("BMP"),
    ImageFormat(
        name="TIFF",
        open=open_tiff_image,
        open_label=open_tiff_label,
        write=write_tiff_image,
        check_grid=check_tiff_grid,
        label_suffix=".tif",
        map_suffix=".tif",
    ),
)

FORMATS = {
    each.name: each
    for each in (
        ImageFormat(name="NIfTI", open=open_nifti, write=write_nifti),
        ImageFormat(
            name="NRRD",
            open=open_nrrd,
            write=itk_writer("NRRD"),
            label_suffix=".nrrd",
            map_suffix=".nrrd",
        ),
        ImageFormat(
            name="MetaImage",
            open=open_meta_image,
            write=itk_writer("MetaImage"),
            label_suffix=".mha",
            map_suffix=".mha",
        ),
        ImageFormat(name="GIPL", open=open_gipl, write=itk_writer("GIPL"), label_suffix=".gipl"),
        ImageFormat(
            name="DICOM", open=open_dicom, write=refuse_to_write, open_together=open_series
        ),
        *_PICTURES,
    )
}
"""All formats, by name."""


def format_of(path: Path) -> ImageFormat:
    """Return the format of a file by its name; that of a folder, and of DICOM's mark, is DICOM.

    Raises:
        DatasetError: if its suffix is that of no format.
    """
    name = format_name(path.name)
    if name is None and (path.is_dir() or is_dicom(path)):
        name = "DICOM"
    if name is None:
        raise DatasetError(f"{path} is not named {IMAGE_NAMES}. Convert it, or rename it.")
    return FORMATS[name]


def label_name(image: Path) -> str:
    """Return the name of the label map of an image: its own if it can be that of a label map.

    >>> label_name(Path("a.nii")), label_name(Path("a.jpg")), label_name(Path("a.mhd"))
    ('a.nii', 'a.png', 'a.mha')
    """
    file_format = format_of(image)
    suffix = suffix_of(image.name)
    if suffix and file_format.holds_labels and suffix.lower() not in HEADER_SUFFIXES:
        return image.name
    return f"{without_suffix(image.name)}{file_format.label_suffix}"
