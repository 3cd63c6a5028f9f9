"""Summarises a dataset: cases, patients, channels, classes, grids and slices."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Num

from mbnas.data.datasets.case_rules import Examination
from mbnas.data.datasets.dataset import Dataset, Layout
from mbnas.data.datasets.label_scheme import LabelClass
from mbnas.data.datasets.normalisation import Scheme, scheme_of
from mbnas.data.images.file_names import PassedOver
from mbnas.data.images.geometry import Geometry, Unit
from mbnas.data.slices.prepared_slices import PreparationSettings
from mbnas.data.slices.slice_axis import choose_slice_axis

PatientRule = Literal["case", "pattern", "table", "dataset"]
"""How cases are grouped by patient: not at all, by a pattern, or by a table."""

Triple = tuple[float, float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseContents:
    """A summary of one case, without its voxels.

    Attributes:
        name: Name of the case.
        geometry: The grid of its image; ``None`` if that cannot be read.
        ranges: Smallest and largest value of each image channel; empty if they are not finite
            or the channels are not as declared.
        constant_channels: Numbers of the image channels with a single value.
        class_voxels: Voxels of the background and of each class or region; empty if the case has
            findings.
        ignored_voxels: Voxels that are ignored.
    """

    name: str
    geometry: Geometry | None
    ranges: tuple[tuple[float, float], ...]
    constant_channels: tuple[int, ...]
    class_voxels: tuple[int, ...]
    ignored_voxels: int = 0

    @property
    def num_voxels(self) -> int:
        """Number of voxels that are labelled."""
        return (
            0 if self.geometry is None else math.prod(self.geometry.shape_xyz) - self.ignored_voxels
        )

    @property
    def classes(self) -> tuple[int, ...]:
        """Indices of its classes without background, ascending."""
        return tuple(index for index, count in enumerate(self.class_voxels) if index and count)

    @classmethod
    def of(cls, name: str, examined: Examination, dataset: Dataset) -> CaseContents:
        """Return the summary of an examined case.

        Args:
            name: Name of the case.
            examined: The case and its findings.
            dataset: The declared dataset.
        """
        image, labels_XYZ = examined.image, examined.labels_XYZ
        ranges: tuple[tuple[float, float], ...] = ()
        if image is not None and len(image.voxels) == len(dataset.channels):
            found = [(float(voxels.min()), float(voxels.max())) for voxels in image.voxels]
            ranges = tuple(found) if np.isfinite(found).all() else ()
        targets = dataset.labels.targets
        counts = () if labels_XYZ is None else targets.voxels(labels_XYZ).tolist()
        ignored = 0 if labels_XYZ is None else int((~targets.is_labelled(labels_XYZ)).sum())
        return cls(
            name=name,
            geometry=None if image is None else image.geometry,
            ranges=ranges,
            constant_channels=examined.constant_channels,
            class_voxels=tuple(counts),
            ignored_voxels=ignored,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelContents:
    """One image channel.

    Attributes:
        name: Its declared name.
        scheme: How it is normalised.
        low: Its smallest value in all cases; ``None`` if no case could be read.
        high: Its largest value likewise.
    """

    name: str
    scheme: Scheme
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassContents:
    """One foreground class or region, counted over the cases without findings.

    Attributes:
        value: Its number in label maps.
        name: Its declared name.
        region: The labels of a region; empty for a class.
        num_cases: Number of cases with a voxel of it.
        num_patients: Number of patients with a voxel of it.
        num_voxels: Number of voxels in all cases.
    """

    value: int
    name: str
    region: tuple[int, ...] = ()
    num_cases: int
    num_patients: int
    num_voxels: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """Smallest, median and largest of a quantity along each canonical axis."""

    low: Triple
    median: Triple
    high: Triple

    @classmethod
    def of(cls, values: Num[np.ndarray, "case 3"]) -> Spread:
        """Return the spread of values with one row per case."""

        def triple(row: np.ndarray) -> Triple:
            x, y, z = map(float, row)
            return x, y, z

        return cls(
            low=triple(values.min(axis=0)),
            median=triple(np.median(values, axis=0)),
            high=triple(values.max(axis=0)),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SliceContents:
    """How the volumes are cut into slices.

    Attributes:
        axis: The canonical axis that they are cut across.
        is_chosen: Whether the settings give the axis; otherwise it follows from the grids.
        num_slices: Number of slices of all cases that could be read.
        size: Side of the square that each slice is fitted into, in pixels; ``None`` with patches.
        context: How many slices before and after a slice a network sees besides it.
        distance_mm: Median distance of neighbouring slices.
        patch_size: Side of the patches that networks see, in pixels; ``None`` without them.
    """

    axis: int
    is_chosen: bool
    num_slices: int
    size: int | None
    context: int
    distance_mm: float
    patch_size: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetContents:
    """A summary of a dataset.

    Attributes:
        name: Name of the dataset.
        layout: The layout of its folder.
        num_cases: Number of cases.
        num_declared: Declared number of cases (``numTraining``), if any.
        passed_over: Images in the folders of the dataset that belong to no case.
        num_sound: Number of cases without findings, over which classes are counted.
        num_patients: Number of patients; ``None`` if unknown.
        patients_by: How cases are grouped by patient.
        channels: The channels, in the order of the images.
        num_voxels: Labelled voxels of all cases without findings, with background.
        num_ignored: Ignored voxels of the same cases; ``None`` without an ignore label.
        classes: The foreground classes by ascending value, or regions as they are declared.
        unit: What lengths are given in; ``None`` if no image could be read.
        shapes: Voxels along each canonical axis; ``None`` likewise.
        spacings_mm: Distances between voxel centres; ``None`` likewise.
        slices: ``None`` likewise.
    """

    name: str
    layout: Layout
    num_cases: int
    num_declared: int | None
    passed_over: tuple[PassedOver, ...]
    num_sound: int
    num_patients: int | None
    patients_by: PatientRule
    channels: tuple[ChannelContents, ...]
    num_voxels: int
    num_ignored: int | None
    classes: tuple[ClassContents, ...]
    unit: Unit | None
    shapes: Spread | None
    spacings_mm: Spread | None
    slices: SliceContents | None

    @property
    def has_regions(self) -> bool:
        """Whether the classes are regions."""
        return any(each.region for each in self.classes)


def dataset_contents(
    dataset: Dataset,
    cases: Sequence[CaseContents],
    *,
    patients: Mapping[str, str] | None,
    patients_by: PatientRule,
    preparation: PreparationSettings,
) -> DatasetContents:
    """Return the summary of a dataset from those of its cases.

    Args:
        dataset: The declared dataset.
        cases: Summaries of all its cases.
        patients: Patient of each case; ``None`` if unknown.
        patients_by: How cases are grouped by patient.
        preparation: How volumes become slices.
    """
    sound = [case for case in cases if case.class_voxels]
    grids = [case.geometry for case in cases if case.geometry is not None]
    return DatasetContents(
        name=dataset.name,
        layout=dataset.layout,
        num_cases=len(cases),
        num_declared=dataset.num_declared,
        passed_over=dataset.passed_over,
        num_sound=len(sound),
        num_patients=None if patients is None else len(set(patients.values())),
        patients_by=patients_by,
        channels=tuple(
            _channel(name, [case.ranges[number] for case in cases if case.ranges])
            for number, name in enumerate(dataset.channels)
        ),
        num_voxels=sum(case.num_voxels for case in sound),
        num_ignored=None if dataset.ignore is None else sum(case.ignored_voxels for case in sound),
        classes=tuple(
            _class(label, index, sound, patients)
            for index, label in enumerate(dataset.classes, start=1)
        ),
        unit=grids[0].unit if grids else None,
        shapes=Spread.of(np.array([grid.canonical_shape for grid in grids])) if grids else None,
        spacings_mm=Spread.of(np.array([grid.spacing_mm for grid in grids])) if grids else None,
        slices=_slices(grids, preparation) if grids else None,
    )


def _channel(name: str, ranges: Sequence[tuple[float, float]]) -> ChannelContents:
    return ChannelContents(
        name=name,
        scheme=scheme_of(name),
        low=min((low for low, _ in ranges), default=None),
        high=max((high for _, high in ranges), default=None),
    )


def _class(
    label: LabelClass,
    index: int,
    sound: Sequence[CaseContents],
    patients: Mapping[str, str] | None,
) -> ClassContents:
    holding = [case for case in sound if case.class_voxels[index]]
    return ClassContents(
        value=label.value,
        name=label.name,
        region=label.region,
        num_cases=len(holding),
        num_patients=len({(patients or {}).get(case.name, case.name) for case in holding}),
        num_voxels=sum(case.class_voxels[index] for case in holding),
    )


def _slices(grids: Sequence[Geometry], preparation: PreparationSettings) -> SliceContents:
    axis = preparation.slice_axis
    chosen = choose_slice_axis(grids) if axis is None else axis
    return SliceContents(
        axis=chosen,
        is_chosen=axis is not None,
        num_slices=sum(grid.canonical_shape[chosen] for grid in grids),
        size=preparation.slice_size,
        context=preparation.context,
        distance_mm=float(np.median([grid.spacing_mm[chosen] for grid in grids])),
        patch_size=preparation.patch_size,
    )
