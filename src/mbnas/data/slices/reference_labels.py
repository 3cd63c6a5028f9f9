"""Reference labels on the voxel grid of each volume, stored with its prepared slices.

Training is scored on the slices. Metrics in millimetres need the grid of the file before
resampling; with stored references, a study does not need its dataset after preparation. Each
volume has its own compressed file, so that processes need not wait for each other.
"""

from __future__ import annotations

import io
import zipfile
import zlib
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from mbnas.errors import StudyError

REFERENCES = "references"


def write_reference(folder: Path, number: int, labels_XYZ: UInt8[np.ndarray, "x y z"]) -> None:
    """Write the labels of a volume to the existing folder ``references`` in ``folder``.

    Args:
        folder: Folder of prepared slices.
        number: Number of the volume.
        labels_XYZ: Class indices, 0 for background, on canonical voxels.

    Raises:
        OSError: if the disk is full.
    """
    compressed = io.BytesIO()
    np.savez_compressed(compressed, labels=labels_XYZ)
    _path(folder, number).write_bytes(compressed.getvalue())


def read_reference(
    folder: Path, number: int, shape_xyz: tuple[int, int, int]
) -> UInt8[np.ndarray, "x y z"]:
    """Return labels that were written by :func:`write_reference`.

    Args:
        folder: Folder of prepared slices.
        number: Number of the volume.
        shape_xyz: Canonical shape of the volume, which the labels must have.

    Raises:
        StudyError: if they are missing or damaged.
    """
    path = _path(folder, number)
    try:
        with np.load(io.BytesIO(path.read_bytes())) as stored:
            return _conforming(stored["labels"], shape_xyz)
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise StudyError(
            f"{path} holds no usable reference labels ({error}). Remove the folder {folder} and "
            "run the search again: it prepares them again."
        ) from error


def _conforming(
    labels_XYZ: np.ndarray, shape_xyz: tuple[int, int, int]
) -> UInt8[np.ndarray, "x y z"]:
    if labels_XYZ.shape != shape_xyz or labels_XYZ.dtype != np.uint8:
        raise ValueError(f"{labels_XYZ.dtype} of shape {labels_XYZ.shape}, not {shape_xyz}")
    return labels_XYZ


def _path(folder: Path, number: int) -> Path:
    return folder / REFERENCES / f"{number}.npz"
