"""The formats that are read and written, found by the suffix of a file."""

from __future__ import annotations

from pathlib import Path

from mbnas.data.images.file_names import IMAGE_NAMES, format_name
from mbnas.data.images.formats.image_format import ImageFormat
from mbnas.data.images.formats.nifti_file import open_nifti
from mbnas.data.images.formats.nifti_writer import write_nifti
from mbnas.errors import DatasetError

FORMATS = {
    each.name: each for each in (ImageFormat(name="NIfTI", open=open_nifti, write=write_nifti),)
}
"""All formats, by name."""


def format_of(path: Path) -> ImageFormat:
    """Return the format of a file by its name.

    Raises:
        DatasetError: if its suffix is that of no format.
    """
    name = format_name(path.name)
    if name is None:
        raise DatasetError(f"{path} is not named {IMAGE_NAMES}. Convert it, or rename it.")
    return FORMATS[name]
