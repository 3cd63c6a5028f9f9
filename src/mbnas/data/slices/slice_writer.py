"""Reads all cases to sample CT intensities, and again to write their slices.

Files are allocated in full before the first volume is prepared, and each volume is written to its
position in them, so that a full disk is an error at the start, not a crash at the end.
"""

from __future__ import annotations

import errno
import math
import os
import shutil
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
from jaxtyping import Float32, Shaped

from mbnas.data.datasets.case_rules import Finding, constant_findings, examine_case, refuse
from mbnas.data.datasets.dataset import Case, Dataset
from mbnas.data.datasets.label_scheme import IGNORED
from mbnas.data.datasets.normalisation import (
    Normalisation,
    fit_normalisation,
    is_ct,
    of_volume,
    sample_foreground,
)
from mbnas.data.slices.foreground_rows import LABELLED, ForegroundRows
from mbnas.data.slices.plane_transform import image_blocks
from mbnas.data.slices.prepared_slices import IMAGES, INDEX, LABELS, Index, PreparedVolume
from mbnas.data.slices.reference_labels import REFERENCES, write_reference
from mbnas.machine.processes import ProgressCallback, map_in_processes

_VALUES_AT_ONCE = 2**24
"""How many values of a volume are normalised and resized at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SliceWriter:
    """Fits the normalisation of a dataset, and writes its slices.

    Attributes:
        dataset: The dataset.
        unseen: Names of the cases that the normalisation does not depend on; they are read as
            well, so that all findings are reported at once.
        allow_empty: Whether cases may have no foreground.
        workers: Number of processes.
        progress: Called after each volume; CT is read twice.
    """

    dataset: Dataset
    unseen: frozenset[str]
    allow_empty: bool
    workers: int
    progress: ProgressCallback | None

    def fit_normalisation(self) -> Normalisation:
        """Return how each channel is normalised; this reads all cases if a channel is CT.

        Raises:
            DatasetError: if a case breaks a rule.
        """
        if not self._has_ct:
            return fit_normalisation(self.dataset.channels, ())
        task = partial(_sample_case, dataset=self._declared, allow_empty=self.allow_empty)
        sampled = map_in_processes(
            task, self.dataset.cases, workers=self.workers, progress=self._progress_from(0)
        )
        refuse([finding for case in sampled for finding in case.findings], self.dataset)
        seen = [
            each.sample
            for case, each in zip(self.dataset.cases, sampled, strict=True)
            if case.name not in self.unseen
        ]
        return fit_normalisation(self.dataset.channels, seen)

    def write_slices(self, folder: Path, index: Index) -> None:
        """Write the files of prepared slices into ``folder``.

        Raises:
            DatasetError: if a case breaks a rule.
            OSError: if the disk is full.
        """
        # Checked first, because allocation would fill the disk before it fails.
        if slice_bytes(index) > shutil.disk_usage(folder).free:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        channels, has_patches = len(index.channels), index.settings.patch_size is not None
        shape: tuple[int, ...] = (index.num_pixels * channels,)
        labels_shape: tuple[int, ...] = (index.num_pixels,)
        if not has_patches:
            side = index.settings.input_size
            shape = (index.num_slices, channels, side, side)
            labels_shape = (index.num_slices, side, side)
        (folder / REFERENCES).mkdir()
        task = partial(
            _write_volume,
            dataset=self._declared,
            allow_empty=self.allow_empty,
            normalisation=index.normalisation,
            images=_allocate(folder / IMAGES, shape, np.dtype(np.float32)),
            labels=_allocate(folder / LABELS, labels_shape, np.dtype(np.uint8)),
            folder=folder,
            find_foreground=has_patches,
        )
        jobs = [
            _Job(number=number, case=case, volume=volume, first_pixel=first_pixel)
            for number, (case, volume, first_pixel) in enumerate(
                zip(self.dataset.cases, index.volumes, index.first_pixels, strict=True)
            )
        ]
        done_before = len(jobs) if self._has_ct else 0
        written = map_in_processes(
            task, jobs, workers=self.workers, progress=self._progress_from(done_before)
        )
        refuse([finding for volume in written for finding in volume.findings], self.dataset)
        constant = {
            case.name: volume.constant_channels
            for case, volume in zip(self.dataset.cases, written, strict=True)
        }
        sentences = (each.message for each in constant_findings(constant, self.dataset))
        volumes = (
            replace(volume, classes=each.classes, unlabelled=each.unlabelled, tones=each.tones)
            for volume, each in zip(index.volumes, written, strict=True)
        )
        if has_patches:
            rows = [each.foreground for each in written if each.foreground is not None]
            ForegroundRows.joined(rows).write(folder)
            labelled = [each.labelled for each in written if each.labelled is not None]
            if labelled:
                ForegroundRows.joined(labelled).write(folder, LABELLED)
        index = replace(index, warnings=(*index.warnings, *sentences), volumes=tuple(volumes))
        (folder / INDEX).write_text(index.to_json(), encoding="utf-8")

    @property
    def _has_ct(self) -> bool:
        return any(map(is_ct, self.dataset.channels))

    @property
    def _declared(self) -> Dataset:
        """The dataset without its cases, which is cheap to send to another process."""
        return replace(self.dataset, cases=())

    def _progress_from(self, done_before: int) -> ProgressCallback | None:
        report = self.progress
        if report is None:
            return None
        total = len(self.dataset.cases) * (2 if self._has_ct else 1)
        return lambda done, _: report(done_before + done, total)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sampled:
    findings: tuple[Finding, ...]
    sample: Float32[np.ndarray, "channel sample"]


def _sample_case(case: Case, *, dataset: Dataset, allow_empty: bool) -> _Sampled:
    seen = examine_case(case, dataset, allow_empty=allow_empty)
    if seen.image is None or seen.labels_XYZ is None:
        sample = np.empty((len(dataset.channels), 0), np.float32)
    else:
        is_labelled = dataset.labels.targets.is_labelled(seen.labels_XYZ)
        sample = sample_foreground(seen.image.voxels, np.where(is_labelled, seen.labels_XYZ, 0))
    return _Sampled(findings=seen.findings, sample=sample)


@dataclass(frozen=True, slots=True, kw_only=True)
class _SliceFile:
    """An array of slices on disk that is written in parts.

    Attributes:
        path: The file.
        start: Position of its first value, in bytes.
    """

    path: Path
    start: int

    def write(self, first_value: int, slices: Shaped[np.ndarray, "slice ..."]) -> None:
        """Write consecutive slices to their position, which is that of their first value."""
        rest = np.ascontiguousarray(slices).data.cast("B")
        position = self.start + first_value * slices.itemsize
        with self.path.open("r+b", buffering=0) as file:
            while rest:
                written = os.pwrite(file.fileno(), rest, position)
                rest, position = rest[written:], position + written


def slice_bytes(index: Index) -> int:
    """Return the size of all prepared slices: images in float32, labels in uint8."""
    return index.num_pixels * (len(index.channels) * np.dtype(np.float32).itemsize + 1)


def _allocate(path: Path, shape: tuple[int, ...], number_type: np.dtype) -> _SliceFile:
    """Create a ``.npy`` file of zeros, with all its space on the disk allocated."""
    header = {"descr": number_type.str, "fortran_order": False, "shape": shape}
    num_bytes = math.prod(shape) * number_type.itemsize
    with path.open("wb", buffering=0) as file:
        np.lib.format.write_array_header_1_0(file, header)
        start = file.tell()
        os.posix_fallocate(file.fileno(), start, num_bytes)
    return _SliceFile(path=path, start=start)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Job:
    number: int
    case: Case
    volume: PreparedVolume
    first_pixel: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Written:
    findings: tuple[Finding, ...]
    constant_channels: tuple[int, ...]
    classes: tuple[int, ...]
    unlabelled: tuple[int, ...]
    foreground: ForegroundRows | None = None
    labelled: ForegroundRows | None = None
    tones: tuple[tuple[float, float], ...] = ()


def _write_volume(
    job: _Job,
    *,
    dataset: Dataset,
    allow_empty: bool,
    normalisation: Normalisation,
    images: _SliceFile,
    labels: _SliceFile,
    folder: Path,
    find_foreground: bool,
) -> _Written:
    plane = job.volume.plane
    seen = examine_case(job.case, dataset, allow_empty=allow_empty)
    targets, findings = dataset.labels.targets, seen.findings
    classes: tuple[int, ...] = ()
    unlabelled: tuple[int, ...] = ()
    foreground, labelled = None, None
    tones: tuple[tuple[float, float], ...] = ()
    if seen.image is not None and seen.labels_XYZ is not None:
        channels, pixels = len(seen.image.voxels), math.prod(plane.frame)
        at_once = max(1, _VALUES_AT_ONCE // (channels * max(pixels, math.prod(plane.plane_shape))))
        for place, slices in image_blocks(seen.image.voxels, normalisation, plane, at_once=at_once):
            images.write(channels * (job.first_pixel + place.start * pixels), slices)
        if seen.image.geometry.unit == "pixels":
            scalings = of_volume(seen.image.voxels, normalisation)
            tones = tuple((each.subtract, each.divide) for each in scalings)
        outside = IGNORED if targets.ignores else 0
        labels_NHW = plane.labels(seen.labels_XYZ, outside=outside)
        labels.write(job.first_pixel, labels_NHW)
        write_reference(folder, job.number, seen.labels_XYZ)
        classes = targets.present(seen.labels_XYZ)
        is_labelled_N = targets.is_labelled(labels_NHW).any(axis=(1, 2))
        unlabelled = tuple(np.flatnonzero(~is_labelled_N).tolist())
        if len(unlabelled) == plane.num_slices:
            findings += _lost_labels(job.case, job.volume, has_patches=find_foreground)
        if find_foreground:
            foreground = ForegroundRows.of(labels_NHW, 1 + targets.num_labels)
            labelled = ForegroundRows.of_labelled(labels_NHW) if targets.ignores else None
    return _Written(
        findings=findings,
        constant_channels=seen.constant_channels,
        classes=classes,
        unlabelled=unlabelled,
        foreground=foreground,
        labelled=labelled,
        tones=tones,
    )


def _lost_labels(case: Case, volume: PreparedVolume, *, has_patches: bool) -> tuple[Finding, ...]:
    """Return the finding that a case has labelled voxels and no labelled pixel."""
    height, width = volume.plane.frame
    remedy = "Label" if has_patches else "Raise preparation.slice_size, label"
    return (
        Finding(
            severity="error",
            case=case.name,
            file=str(case.label),
            rule="lost-labels",
            message=f"Case {case.name} has no labelled pixel left in its slices of "
            f"{height}×{width} pixels: too few of its voxels are labelled. {remedy} more "
            "of it, or leave it out.",
        ),
    )
