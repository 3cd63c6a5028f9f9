"""Writes NIfTI files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from jaxtyping import Num, Shaped

from mbnas.data.images.geometry import Geometry
from mbnas.data.images.volume import Placement
from mbnas.machine.files import replacing
from mbnas.version import RESEARCH_SOFTWARE

_IMAGE_CLASSES = {348: nib.Nifti1Image, 540: nib.Nifti2Image}


def write_nifti(
    path: Path,
    array: Num[np.ndarray, "i j k *channel"],
    geometry: Geometry,
    placement: Placement | None,
) -> None:
    """Write a NIfTI file with the affine of a grid, or with the placement of another file.

    Raises:
        WriteError: if the file cannot be written.
    """
    image = (
        _image_with_placement(placement, array)
        if placement
        else _image_with_affine(np.array(geometry.affine), array)
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
    if placement.num_axes == 2 and array.ndim == 3:
        array = array[:, :, 0]
    kind = _IMAGE_CLASSES[placement.fields["sizeof_hdr"]]
    header = kind.header_class()
    header.set_data_dtype(array.dtype)
    header.set_data_shape(array.shape)
    for name, value in placement.fields.items():
        header[name] = value
    header["descrip"] = RESEARCH_SOFTWARE
    return kind(array, None, header)
