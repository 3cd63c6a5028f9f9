"""All slices of a study, on the training device.

Shape suffixes: N slices, C channels, H height, W width.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor

from mbnas.data.folds import Fold
from mbnas.data.slices import PreparedSlices


@dataclass(frozen=True, slots=True, kw_only=True)
class ResidentSlices:
    """Prepared slices as tensors.

    Attributes:
        images_NCHW: Normalised intensities.
        labels_NHW: Class indices, 0 for background.
        patient_N: Whom each slice shows: which of ``patients``, followed by
            ``held_out_patients``.
        patients: Those that folds are made of, sorted.
        num_classes: Background included.
        flip_axis_dims: For each anatomical axis in the slice's plane, its dimension: 0 is
            height, 1 is width.
        held_out_patients: Those that are in no fold, sorted.
    """

    images_NCHW: Float[Tensor, "slice channel height width"]
    labels_NHW: UInt8[Tensor, "slice height width"]
    patient_N: Int[np.ndarray, " slice"]
    patients: tuple[str, ...]
    num_classes: int
    flip_axis_dims: dict[str, int]
    held_out_patients: tuple[str, ...] = ()

    @property
    def in_channels(self) -> int:
        """Number of image channels."""
        return int(self.images_NCHW.shape[1])

    def slices_of(self, patients: tuple[str, ...]) -> Int[np.ndarray, " chosen"]:
        """Return the ascending indices of the slices that show some patients.

        Args:
            patients: Of :attr:`patients` or :attr:`held_out_patients`.
        """
        known = self.patients + self.held_out_patients
        wanted = [known.index(patient) for patient in patients]
        return np.flatnonzero(np.isin(self.patient_N, wanted))

    def split(
        self, fold: Fold
    ) -> tuple[Int[np.ndarray, " training"], Int[np.ndarray, " validation"]]:
        """Return the indices of a fold's training and validation slices."""
        return self.slices_of(fold.train), self.slices_of(fold.validation)

    def flip_dims(self, axes: tuple[str, ...]) -> tuple[bool, bool]:
        """Return whether flips across the axes reverse height and width.

        Args:
            axes: Anatomical axes; one that the slices are cut across reverses neither.
        """
        dims = {self.flip_axis_dims[axis] for axis in axes if axis in self.flip_axis_dims}
        return 0 in dims, 1 in dims


@lru_cache(maxsize=1)
def load_resident(directory: Path, device: str) -> ResidentSlices:
    """Return the slices of a directory on a device; a process loads them once.

    Args:
        directory: Of prepared slices, named by their digest: it never changes.
        device: As torch names it.

    Raises:
        StudyError: if the prepared slices are absent or damaged.
    """
    prepared = PreparedSlices.open(directory)
    known = prepared.patients + prepared.held_out_patients
    patient_N = np.empty(len(prepared.images), dtype=np.int64)
    for volume in prepared.volumes:
        patient_N[volume.slices] = known.index(volume.patient)
    return ResidentSlices(
        images_NCHW=torch.from_numpy(np.array(prepared.images)).to(device),
        labels_NHW=torch.from_numpy(np.array(prepared.labels)).to(device),
        patient_N=patient_N,
        patients=prepared.patients,
        held_out_patients=prepared.held_out_patients,
        num_classes=1 + len(prepared.classes),
        flip_axis_dims=dict(prepared.axis_dims),
    )
