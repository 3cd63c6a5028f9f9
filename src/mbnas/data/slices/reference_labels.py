"""Reference labels on each volume's own voxel grid, kept beside its prepared slices.

Training scores itself on the slices. Metrics in millimetres need the grid of the volume's
file, before any resampling, so that a study needs its dataset for nothing after preparation.
Every volume has a compressed file of its own, which processes write without waiting for
one another.
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
    """Write a volume's labels into the ``references`` of ``folder``, which is there.

    Args:
        folder: Of prepared slices.
        number: Which of the volumes.
        labels_XYZ: Class indices, 0 for background, on canonical voxels.

    Raises:
        OSError: if there is no room.
    """
    compressed = io.BytesIO()
    np.savez_compressed(compressed, labels=labels_XYZ)
    _path(folder, number).write_bytes(compressed.getvalue())


def read_reference(
    folder: Path, number: int, shape_xyz: tuple[int, int, int]
) -> UInt8[np.ndarray, "x y z"]:
    """Return the labels that :func:`write_reference` wrote.

    Args:
        folder: Of prepared slices.
        number: Which of the volumes.
        shape_xyz: The volume's canonical shape, to which the labels must conform.

    Raises:
        StudyError: if they are absent or damaged.
    """
    path = _path(folder, number)
    try:
        with np.load(io.BytesIO(path.read_bytes())) as stored:
            return _conforming(stored["labels"], shape_xyz)
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise StudyError(
            f"{path} holds no usable reference labels ({error}). Remove the folder {folder} and "
            "run the search again: it prepares them anew."
        ) from error


def _conforming(
    labels_XYZ: np.ndarray, shape_xyz: tuple[int, int, int]
) -> UInt8[np.ndarray, "x y z"]:
    if labels_XYZ.shape != shape_xyz or labels_XYZ.dtype != np.uint8:
        raise ValueError(f"{labels_XYZ.dtype} of shape {labels_XYZ.shape}, not {shape_xyz}")
    return labels_XYZ


def _path(folder: Path, number: int) -> Path:
    return folder / REFERENCES / f"{number}.npz"
