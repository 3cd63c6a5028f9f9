"""The grid of a file from the affine of its header."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
from jaxtyping import Num

from mbnas.data.images.geometry import Geometry
from mbnas.errors import DatasetError

LPS = np.diag([-1.0, -1.0, 1.0, 1.0])
"""Coordinates in LPS, as ITK and DICOM have them, to RAS, and back."""

_SPACINGS_MM = (1e-5, 1e5)


def file_geometry(
    path: Path, shape: tuple[int, int, int], affine: Num[np.ndarray, "4 4"]
) -> Geometry:
    """Return a grid, oriented by the nearest anatomical axes.

    Args:
        path: The file, for errors.
        shape: Number of voxels along its axes.
        affine: Voxel indices to millimetres in RAS+.

    Raises:
        DatasetError: if the affine gives no valid position in space.
    """
    matrix = np.asarray(affine, dtype=np.float64)
    if not np.isfinite(matrix).all() or abs(np.linalg.det(matrix[:3, :3])) < 1e-12:
        raise DatasetError(
            f"{path} has an affine without a valid position in space: its three axes must be "
            "finite and independent. Correct the header."
        )
    lengths_mm = np.linalg.norm(matrix[:3, :3], axis=0)
    low, high = _SPACINGS_MM
    if not ((low <= lengths_mm) & (lengths_mm <= high)).all():
        raise DatasetError(
            f"{path} has voxels of {lengths_mm.min():g} to {lengths_mm.max():g} mm: lengths from "
            f"{low:g} to {high:g} mm are read. Correct the header."
        )
    orientation = tuple((int(axis), int(flip)) for axis, flip in nib.io_orientation(matrix))
    rows = tuple(tuple(map(float, row)) for row in matrix)
    return Geometry(shape_xyz=shape, affine=rows, orientation=orientation)
