"""Reads the voxels of a file, or checks them, so that no damage goes unnoticed.

ITK reads truncated MetaImage and GIPL files, and damaged compressed ones, without an error. Their
voxels are therefore read here, by the shape and the type that ITK found in the header.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from jaxtyping import Num

from mbnas.data.images.formats.itk.text_header import TextHeader
from mbnas.data.images.formats.raw_bytes import (
    check_announced,
    check_size,
    decompressed,
    plain,
    read_announced,
    readable,
)
from mbnas.data.images.volume import Header

_GIPL_HEADER_BYTES = 256


def gipl_voxels(path: Path, header: Header) -> Num[np.ndarray, " voxels"]:
    """Return the voxels of a GIPL file, in the order of the file.

    Raises:
        DatasetError: if they are not complete, or damaged.
    """
    with readable(path) as stream:
        content = read_announced(path, stream, _GIPL_HEADER_BYTES + header.stored_bytes)
    return np.frombuffer(content, header.number_type, offset=_GIPL_HEADER_BYTES)


def meta_image_voxels(path: Path, header: Header, text: TextHeader) -> Num[np.ndarray, " voxels"]:
    """Return the voxels of a MetaImage, in the order of the file.

    Raises:
        DatasetError: if they are not complete, or damaged.
    """
    data = path if text.data_file is None else path.parent / text.data_file
    opened = decompressed if text.packing == "deflate" else plain
    with opened(data, -header.stored_bytes if text.offset is None else text.offset) as stream:
        content = read_announced(data, stream, header.stored_bytes)
    return np.frombuffer(content, header.number_type)


def check_nrrd_voxels(path: Path, header: Header, text: TextHeader) -> None:
    """Check that the voxels of an NRRD file are complete, and that their checksum is right.

    Raises:
        DatasetError: if they are not.
    """
    data = path if text.data_file is None else path.parent / text.data_file
    if text.packing == "none":
        check_size(data, (text.offset or 0) + header.stored_bytes)
    elif text.packing == "deflate" and text.offset is not None:
        with decompressed(data, text.offset) as stream:
            check_announced(data, stream, header.stored_bytes)
