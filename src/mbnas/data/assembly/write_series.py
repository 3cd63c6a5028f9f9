"""Writes DICOM series and their references as a dataset of NIfTI files in nnU-Net's raw layout."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
from jaxtyping import Num

from mbnas.data.assembly.series_references import FoundReferences, SeriesPair, labels_on
from mbnas.data.assembly.write_dataset import patient_facts, write_dataset
from mbnas.data.images.formats.dicom.dicom_series_file import open_series
from mbnas.data.images.write import write_image, write_label
from mbnas.machine.processes import ProgressCallback

_ENDING = ".nii.gz"
_NUMBER_TYPES = (np.uint8, np.int16, np.uint16, np.int32)


def write_series(
    found: FoundReferences,
    root: Path,
    *,
    name: str | None = None,
    workers: int = 1,
    progress: ProgressCallback | None = None,
) -> Path:
    """Write a complete dataset, or nothing; return its folder.

    Args:
        found: The series with their references.
        root: The folder to create; it may exist if it is empty.
        name: Of the dataset; by default that of its folder.
        workers: Number of processes that write files.
        progress: Called after each case.

    Raises:
        DatasetError: if the folder is not empty, or a file changed meanwhile.
        WriteError: if it cannot be written.
    """
    return write_dataset(
        root,
        found.pairs,
        partial(_write_case, classes=found.classes),
        facts={
            "name": name or root.absolute().name,
            "channel_names": {"0": found.channel},
            "labels": {
                "background": 0,
                **{each: number for number, each in enumerate(found.classes, start=1)},
            },
            "numTraining": len(found.pairs),
            "file_ending": _ENDING,
            **patient_facts(found.patients),
        },
        patients=found.patients,
        workers=workers,
        progress=progress,
    )


def _write_case(pair: SeriesPair, *, classes: tuple[str, ...], root: Path) -> None:
    series = open_series(pair.series.files)
    geometry = series.header.geometry
    voxels_IJK = _small(series.stored()[..., 0])
    image = root / "imagesTr" / f"{pair.series.name}_0000{_ENDING}"
    write_image(image, voxels_IJK[None], np.asarray(geometry.affine))
    labels_XYZ = geometry.to_canonical(labels_on(series, pair, classes))
    write_label(root / "labelsTr" / f"{pair.series.name}{_ENDING}", labels_XYZ, geometry)


def _small(voxels: Num[np.ndarray, "i j k"]) -> Num[np.ndarray, "i j k"]:
    """Return voxels as the smallest type of integers that holds them, or as they are."""
    if voxels.dtype.kind == "f" and not (
        np.isfinite(voxels).all() and np.array_equal(voxels, np.round(voxels))
    ):
        return voxels
    low, high = voxels.min(), voxels.max()
    for number_type in _NUMBER_TYPES:
        limits = np.iinfo(number_type)
        if limits.min <= low and high <= limits.max:
            return voxels.astype(number_type)
    return voxels
