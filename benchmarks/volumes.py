"""Volumes of realistic size: a synthetic patient on a finer grid, and a segmentation of it.

Shape suffixes: C channels, XYZ canonical voxels.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy import ndimage

from mbnas.data.images.write import write_image
from mbnas.data.phantom.prostate import PROSTATE

CHANNEL = 0
"""Of the synthetic prostate: T2-weighted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """Of a volume.

    Attributes:
        shape_xyz: Voxels along each axis.
        spacing_mm: Distance between their centres.
    """

    shape_xyz: tuple[int, int, int]
    spacing_mm: tuple[float, float, float]

    @property
    def num_voxels(self) -> int:
        """How many voxels it has."""
        return int(np.prod(self.shape_xyz))

    def __str__(self) -> str:
        return "×".join(map(str, self.shape_xyz))


def volume_on(grid: Grid, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return a patient's image_XYZ, in float32, and labels_XYZ, in bytes, on a grid."""
    rng = np.random.default_rng(seed)
    patient = PROSTATE.draw(rng)
    places = np.meshgrid(
        *(
            np.linspace(0, old - 1, new)
            for old, new in zip(patient.labels.shape, grid.shape_xyz, strict=True)
        ),
        indexing="ij",
    )
    coarse_XYZ = patient.voxels[CHANNEL].astype(np.float32)
    image_XYZ = ndimage.map_coordinates(coarse_XYZ, places, order=1, output=np.float32)
    image_XYZ += 0.02 * coarse_XYZ.std() * rng.standard_normal(grid.shape_xyz, dtype=np.float32)
    return image_XYZ, ndimage.map_coordinates(patient.labels, places, order=0)


def segmented(labels_XYZ: np.ndarray, seed: int, shift: float = 0.04) -> np.ndarray:
    """Return labels as a fair network might predict them: their boundaries bent at random.

    Args:
        labels_XYZ: Class indices.
        seed: Of the bending.
        shift: Its standard deviation, as a share of each axis's length.
    """
    rng = np.random.default_rng(seed)
    places = np.indices(labels_XYZ.shape, dtype=np.float32)
    for place, length in zip(places, labels_XYZ.shape, strict=True):
        coarse = rng.standard_normal((6, 6, 6), dtype=np.float32)
        factors = [side / 6 for side in labels_XYZ.shape]
        place += shift * length * ndimage.zoom(coarse, factors, order=1)
    return ndimage.map_coordinates(labels_XYZ, places, order=0, mode="nearest")


def write_volumes(root: Path, grid: Grid, number: int) -> Path:
    """Write patients on a grid as a dataset in nnU-Net's raw layout; return its folder."""
    for folder in ("imagesTr", "labelsTr"):
        (root / folder).mkdir(parents=True)
    affine = np.diag([*grid.spacing_mm, 1.0])
    for patient in range(number):
        image_XYZ, labels_XYZ = volume_on(grid, patient)
        name = f"patient_{patient:03d}"
        write_image(
            root / "imagesTr" / f"{name}_0000.nii.gz", image_XYZ.astype(np.int16)[None], affine
        )
        write_image(root / "labelsTr" / f"{name}.nii.gz", labels_XYZ[None], affine)
    facts = {
        "channel_names": {"0": "T2"},
        "labels": {"background": 0}
        | {name: index for index, name in enumerate(PROSTATE.classes, start=1)},
        "numTraining": number,
        "file_ending": ".nii.gz",
        "overwrite_image_reader_writer": "NibabelIOWithReorient",
    }
    (root / "dataset.json").write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
    return root
