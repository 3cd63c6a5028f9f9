"""Load prepared slices for a training: into its device's memory if they fit, else streamed.

A training gives the same result either way. The prediction of its memory uses the same rule,
:func:`are_resident`.
"""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import TypedDict

import numpy as np
import torch
from jaxtyping import Float32, Shaped
from torch import Tensor

from mbnas.data.datasets.label_scheme import Targets
from mbnas.data.slices.foreground_rows import ForegroundRows
from mbnas.data.slices.prepared_slices import IMAGES, LABELS, PreparedSlices
from mbnas.data.slices.slice_places import SlicePlaces
from mbnas.machine.host_memory import available_bytes
from mbnas.training.loading.half_precision import BLOCK, check_half_precision, in_half_precision
from mbnas.training.loading.patch_sampler import PatchSampler, window_size_of
from mbnas.training.loading.resident_patches import ResidentPatches
from mbnas.training.loading.resident_slices import ResidentSlices
from mbnas.training.loading.slice_source import SliceSource, pixels_bytes
from mbnas.training.loading.streamed_patches import StreamedPatches
from mbnas.training.loading.streamed_slices import StreamedSlices
from mbnas.training.protocol import SlicePrecision

_HOST_SHARE, _DEVICE_SHARE = 0.5, 0.25
_FREE_SHARE = 0.5
"""The largest share of a CUDA device's free memory that slices may take when they are loaded."""


_CHECKED_AT_ONCE = 2**24
"""How many values are checked for half precision at once, if slices are large."""


class _Contents(TypedDict):
    """What every source knows about the slices."""

    patient_N: np.ndarray
    patient_classes: dict[str, frozenset[int]]
    held_out_patients: tuple[str, ...]
    class_names: tuple[str, ...]
    targets: Targets
    flip_axis_dims: dict[str, int]
    absolute_channels: tuple[int, ...]
    context: int
    starts: np.ndarray
    unlabelled: tuple[int, ...]


@lru_cache(maxsize=1)
def load_slices(
    directory: Path,
    device: str,
    precision: SlicePrecision = "float32",
    context: int = 0,
    reach: float = 1.0,
) -> SliceSource:
    """Return the slices of a directory for a device; a process loads them once.

    Args:
        directory: Directory of prepared slices. It never changes, as its name is their digest.
        device: As torch names it.
        precision: In which images are kept in memory.
        context: How many slices before and after a slice a batch has besides it.
        reach: How far from the centre of a patch augmentation samples, in half sides.

    Raises:
        StudyError: if the prepared slices are absent or damaged.
        ConfigurationError: if the images do not allow the precision.
    """
    prepared = PreparedSlices.open(directory)
    check_precision(prepared, precision)
    num_bytes = pixels_bytes(
        prepared.index.num_pixels, channels=len(prepared.channels), precision=precision
    )
    if are_resident(num_bytes, device) and _fit_now(num_bytes, device):
        return resident_slices(prepared, device, precision, context, reach)
    return streamed_slices(prepared, device, precision, context, reach)


def are_resident(num_bytes: int, device: str) -> bool:
    """Return whether slices of some size are kept in a device's memory as a whole.

    They are if they take a quarter of a CUDA device's memory or less. What is free at the moment
    does not count: it changes with other trainings, and a prediction would not hold. On other
    devices they are if they take half of the host's available memory or less. If this process
    sees no CUDA device, they count as resident, which needs the most memory.

    Args:
        num_bytes: Size of all slices and labels on the device.
        device: As torch names it; ``cuda`` is any of the machine's.
    """
    if torch.device(device).type != "cuda":
        return num_bytes <= _HOST_SHARE * available_bytes()
    if not torch.cuda.is_available():
        return True
    index = torch.device(device).index
    asked = range(torch.cuda.device_count()) if index is None else [index]
    largest = max(torch.cuda.get_device_properties(each).total_memory for each in asked)
    return num_bytes <= _DEVICE_SHARE * largest


def _fit_now(num_bytes: int, device: str) -> bool:
    """Whether slices fit into the memory that is free on a device now."""
    if torch.device(device).type != "cuda":
        return True
    free_bytes, _ = torch.cuda.mem_get_info(device)
    return num_bytes <= _FREE_SHARE * free_bytes


def check_precision(prepared: PreparedSlices, precision: SlicePrecision) -> None:
    """Return if prepared slices may be kept in a precision.

    Raises:
        ConfigurationError: if the images do not allow it.
    """
    if precision == "float16":
        check_half_precision(_blocks(prepared))


def resident_slices(
    prepared: PreparedSlices,
    device: str,
    precision: SlicePrecision = "float32",
    context: int = 0,
    reach: float = 1.0,
) -> ResidentSlices | ResidentPatches:
    """Return all prepared slices in a device's memory.

    On the CPU and in float32 they are the mapped files, which all processes of a machine share.
    """
    for name in (IMAGES, LABELS):
        _read_soon(prepared.directory / name)
    contents = _contents(prepared, context)
    images, labels = _mapped(prepared.images), _mapped(prepared.labels).to(device)
    kept = in_half_precision(images, device) if precision == "float16" else images.to(device)
    if prepared.foreground is None:
        return ResidentSlices(images_NCHW=kept, labels_NHW=labels, **contents)
    return ResidentPatches(
        images=kept,
        labels=labels,
        channels=len(prepared.channels),
        sampler=_sampler(prepared, prepared.foreground, reach),
        **contents,
    )


def streamed_slices(
    prepared: PreparedSlices,
    device: str,
    precision: SlicePrecision = "float32",
    context: int = 0,
    reach: float = 1.0,
) -> StreamedSlices | StreamedPatches:
    """Return prepared slices that are read when they are fetched."""
    target = torch.empty(0, device=device).device
    images, labels, contents = (
        _mapped(prepared.images),
        _mapped(prepared.labels),
        _contents(prepared, context),
    )
    if prepared.foreground is None:
        return StreamedSlices(
            images_NCHW=images, labels_NHW=labels, target=target, precision=precision, **contents
        )
    return StreamedPatches(
        images=images,
        labels=labels,
        channels=len(prepared.channels),
        sampler=_sampler(prepared, prepared.foreground, reach),
        target=target,
        precision=precision,
        **contents,
    )


def _sampler(prepared: PreparedSlices, foreground: ForegroundRows, reach: float) -> PatchSampler:
    patch_size = prepared.index.settings.input_size
    frames = [each.plane.frame for each in prepared.volumes for _ in range(each.num_slices)]
    return PatchSampler(
        places=SlicePlaces.of(frames),
        foreground=foreground,
        labelled=prepared.labelled,
        labels=prepared.labels,
        patch_size=patch_size,
        window_size=window_size_of(patch_size, reach),
    )


def _blocks(prepared: PreparedSlices) -> Iterator[Float32[Tensor, "slice channel height width"]]:
    """Yield the image slices of all volumes, some of them at once."""
    for volume in prepared.volumes:
        images_NCHW = _mapped(prepared.images_of(volume))
        fitting = _CHECKED_AT_ONCE // images_NCHW[0].numel()
        yield from torch.split(images_NCHW, max(1, min(BLOCK, fitting)))


def _read_soon(path: Path) -> None:
    """Have the kernel read a file sequentially now, not in the order of batches later."""
    if sys.platform.startswith("linux"):
        with path.open("rb") as file:
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_WILLNEED)


def _mapped(array: Shaped[np.ndarray, " *shape"]) -> Shaped[Tensor, " *shape"]:
    """Return a mapped file as a tensor, which must not be written."""
    with warnings.catch_warnings():  # torch knows no tensors that are read-only
        warnings.filterwarnings("ignore", message="The given NumPy array is not writable")
        return torch.from_numpy(array)


def _contents(prepared: PreparedSlices, context: int) -> _Contents:
    patients, held_out = prepared.patients, prepared.held_out_patients
    known = patients + held_out
    patient_N = np.empty(prepared.index.num_slices, dtype=np.int64)
    for volume in prepared.volumes:
        patient_N[volume.slices] = known.index(volume.patient)
    return _Contents(
        patient_N=patient_N,
        patient_classes=prepared.patient_classes,
        held_out_patients=held_out,
        class_names=prepared.class_names,
        targets=prepared.targets,
        flip_axis_dims=dict(prepared.axis_dims),
        absolute_channels=tuple(
            number
            for number, channel in enumerate(prepared.index.normalisation)
            if channel.scheme == "noNorm"
        ),
        context=context,
        starts=np.array([0, *(volume.slices.stop for volume in prepared.volumes)]),
        unlabelled=tuple(
            volume.first_slice + number
            for volume in prepared.volumes
            for number in volume.unlabelled
        ),
    )
