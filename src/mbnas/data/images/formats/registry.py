"""The formats that are read and written, found by the suffix of a file."""

from __future__ import annotations

from pathlib import Path

from mbnas.data.images.file_names import IMAGE_NAMES, format_name
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
from mbnas.data.images.formats.pictures.picture_writer import refuse_jpeg, write_tiff, writer
from mbnas.data.images.formats.pictures.pillow_file import opener as picture_opener
from mbnas.data.images.formats.pictures.pillow_file import refuse_jpeg_label
from mbnas.data.images.formats.pictures.tiff_file import opener as tiff_opener
from mbnas.errors import DatasetError

_PICTURES = (
    ImageFormat(
        name="PNG",
        open=picture_opener("PNG", is_label=False),
        open_label=picture_opener("PNG", is_label=True),
        write=writer("PNG"),
        label_suffix=".png",
        map_suffix=".tif",
    ),
    ImageFormat(
        name="JPEG",
        open=picture_opener("JPEG", is_label=False),
        open_label=refuse_jpeg_label,
        write=refuse_jpeg,
        holds_labels=False,
        label_suffix=".png",
        map_suffix=".tif",
    ),
    ImageFormat(
        name="BMP",
        open=picture_opener("BMP", is_label=False),
        open_label=picture_opener("BMP", is_label=True),
        write=writer("BMP"),
        label_suffix=".png",
        map_suffix=".tif",
    ),
    ImageFormat(
        name="TIFF",
        open=tiff_opener(is_label=False),
        open_label=tiff_opener(is_label=True),
        write=write_tiff,
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
