"""Prepared slices as a training takes them: on its device where they fit, else streamed there."""

from __future__ import annotations

import os
import sys
import warnings
from functools import lru_cache
from pathlib import Path
from typing import TypedDict

import numpy as np
import torch
from jaxtyping import Shaped
from torch import Tensor

from mbnas.data.slices.prepared_slices import IMAGES, LABELS, PreparedSlices
from mbnas.training.loading.half_precision import check_half_precision, in_half_precision
from mbnas.training.loading.residency import are_resident, slices_bytes
from mbnas.training.loading.resident_slices import ResidentSlices
from mbnas.training.loading.slice_source import SliceSource
from mbnas.training.loading.streamed_slices import StreamedSlices
from mbnas.training.protocol import SlicePrecision

_ROOM = 0.5
"""The most that slices may take of what is free on a CUDA device when they are loaded."""


class _About(TypedDict):
    """What every source knows of the slices."""

    patient_N: np.ndarray
    patient_classes: dict[str, frozenset[int]]
    held_out_patients: tuple[str, ...]
    class_names: tuple[str, ...]
    num_classes: int
    flip_axis_dims: dict[str, int]
    absolute_channels: tuple[int, ...]


@lru_cache(maxsize=1)
def load_slices(directory: Path, device: str, precision: SlicePrecision = "float32") -> SliceSource:
    """Return the slices of a directory for a device; a process loads them once.

    Args:
        directory: Of prepared slices, named by their digest: it never changes.
        device: As torch names it.
        precision: In which images are kept in memory.

    Raises:
        StudyError: if the prepared slices are absent or damaged.
        ConfigurationError: if the images do not allow the precision.
    """
    prepared = PreparedSlices.open(directory)
    check_precision(prepared, precision)
    num_slices, channels, size, _ = prepared.images.shape
    num_bytes = slices_bytes(num_slices, channels=channels, size=size, precision=precision)
    if are_resident(num_bytes, device) and _has_room(device, num_bytes):
        return resident_slices(prepared, device, precision)
    return streamed_slices(prepared, device, precision)


def check_precision(prepared: PreparedSlices, precision: SlicePrecision) -> None:
    """Return if prepared slices may be kept in a precision.

    Raises:
        ConfigurationError: if the images do not allow it.
    """
    if precision == "float16":
        check_half_precision(_mapped(prepared.images))


def resident_slices(
    prepared: PreparedSlices, device: str, precision: SlicePrecision = "float32"
) -> ResidentSlices:
    """Return prepared slices on a device as a whole.

    On the CPU and in float32 they are the files themselves, mapped into memory, which all
    processes of a machine have once.
    """
    images_NCHW = _mapped(prepared.images)
    for name in (IMAGES, LABELS):
        _read_soon(prepared.directory / name)
    return ResidentSlices(
        images_NCHW=(
            in_half_precision(images_NCHW, device)
            if precision == "float16"
            else images_NCHW.to(device)
        ),
        labels_NHW=_mapped(prepared.labels).to(device),
        **_about(prepared),
    )


def streamed_slices(
    prepared: PreparedSlices, device: str, precision: SlicePrecision = "float32"
) -> StreamedSlices:
    """Return prepared slices that are read when they are fetched."""
    return StreamedSlices(
        images_NCHW=_mapped(prepared.images),
        labels_NHW=_mapped(prepared.labels),
        target=torch.empty(0, device=device).device,
        precision=precision,
        **_about(prepared),
    )


def _has_room(device: str, num_bytes: int) -> bool:
    """Whether slices fit beside what lies on a device already, whoever it belongs to."""
    if torch.device(device).type != "cuda":
        return True
    free_bytes, _ = torch.cuda.mem_get_info(device)
    return num_bytes <= _ROOM * free_bytes


def _read_soon(path: Path) -> None:
    """Have the kernel read a file from its beginning to its end, not in the order of batches."""
    if sys.platform.startswith("linux"):
        with path.open("rb") as file:
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_WILLNEED)


def _mapped(array: Shaped[np.ndarray, " *shape"]) -> Shaped[Tensor, " *shape"]:
    """Return a mapped file as a tensor, which must not be written to."""
    with warnings.catch_warnings():  # torch knows no tensors that are read-only
        warnings.filterwarnings("ignore", message="The given NumPy array is not writable")
        return torch.from_numpy(array)


def _about(prepared: PreparedSlices) -> _About:
    patients, held_out = prepared.patients, prepared.held_out_patients
    known = patients + held_out
    patient_N = np.empty(len(prepared.images), dtype=np.int64)
    for volume in prepared.volumes:
        patient_N[volume.slices] = known.index(volume.patient)
    return _About(
        patient_N=patient_N,
        patient_classes=prepared.patient_classes,
        held_out_patients=held_out,
        class_names=tuple(label.name for label in prepared.classes),
        num_classes=prepared.num_classes,
        flip_axis_dims=dict(prepared.axis_dims),
        absolute_channels=tuple(
            number
            for number, channel in enumerate(prepared.index.normalisation)
            if channel.scheme == "noNorm"
        ),
    )
