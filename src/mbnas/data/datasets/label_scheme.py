"""What a dataset's labels mean: classes, or regions of several labels, and voxels to ignore.

Labels are those of nnU-Net v2. A class is one label. A region is a set of labels, and regions
overlap: a whole tumor includes the tumor's core. Voxels with the ignore label are not annotated:
they count nowhere.

Prepared labels are bytes: 0 is the background, ``k`` the ``k``-th label by ascending value, and
:data:`IGNORED` an ignored voxel.

Source: nnU-Net v2, ``documentation/region_based_training.md`` and ``ignore_label.md``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Int, Integer, UInt8

IGNORED = 255
"""The prepared label of ignored voxels, in datasets with an ignore label."""

MAX_CLASSES = 255
"""Prepared labels are bytes, and 0 is the background."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelClass:
    """What a network learns to find: a class, or a region of several labels.

    Attributes:
        value: Its number in label maps. That of a region comes from ``regions_class_order``.
        name: Its name.
        region: The label values of a region, ascending; empty for a class.
    """

    value: int
    name: str
    region: tuple[int, ...] = ()

    @property
    def labels(self) -> tuple[int, ...]:
        """The values of its voxels in label files."""
        return self.region or (self.value,)

    def to_json(self) -> dict[str, Any]:
        """Return its fields as JSON values; a class has no region."""
        fields: dict[str, Any] = {"value": self.value, "name": self.name}
        return fields | ({"region": list(self.region)} if self.region else {})

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> LabelClass:
        """Return the class from :meth:`to_json`."""
        region = tuple(int(value) for value in fields.get("region", ()))
        return cls(value=int(fields["value"]), name=str(fields["name"]), region=region)


@dataclass(frozen=True, slots=True, kw_only=True)
class Targets:
    """What networks predict and are scored on, in terms of prepared labels.

    Attributes:
        num_labels: Number of labels without the background.
        regions: Prepared labels of each region; empty if every label is a class.
        written: The prepared label that each region becomes in a label map. Regions are written
            one after another, the later over the earlier.
        ignores: Whether prepared labels may be :data:`IGNORED`.
    """

    num_labels: int
    regions: tuple[tuple[int, ...], ...] = ()
    written: tuple[int, ...] = ()
    ignores: bool = False

    @classmethod
    def of_outputs(cls, num_outputs: int) -> Targets:
        """Return targets for a number of outputs: classes, or a region for a single one."""
        if num_outputs == 1:
            return cls(num_labels=1, regions=((1,),), written=(1,))
        return cls(num_labels=num_outputs - 1)

    @property
    def members(self) -> tuple[tuple[int, ...], ...]:
        """The prepared labels of each class or region."""
        return self.regions or tuple((label,) for label in range(1, 1 + self.num_labels))

    @property
    def num_foreground(self) -> int:
        """Number of classes without the background, or of regions."""
        return len(self.regions) or self.num_labels

    @property
    def num_outputs(self) -> int:
        """Number of a network's outputs: one for each class and the background, or each region."""
        return len(self.regions) or 1 + self.num_labels

    def is_labelled(self, labels: UInt8[np.ndarray, "*grid"]) -> Bool[np.ndarray, "*grid"]:
        """Return which voxels are not ignored."""
        labelled: np.ndarray = labels != IGNORED if self.ignores else np.ones(labels.shape, bool)
        return labelled

    def voxels(self, labels: UInt8[np.ndarray, "*grid"]) -> Int[np.ndarray, " targets"]:
        """Return the number of voxels of the background and of each class or region.

        They are counted by plane, because NumPy needs eight bytes per voxel.

        Args:
            labels: Prepared labels, on a grid of two or more dimensions.
        """
        counts = np.zeros(256, np.int64)
        for plane in labels:
            counts += np.bincount(plane.ravel(), minlength=256)
        return self.of_labels(counts)

    def of_labels(
        self, counts_L: Int[np.ndarray, "*any labels"]
    ) -> Int[np.ndarray, "*any targets"]:
        """Return the voxels of the background and of each class or region.

        Args:
            counts_L: Voxels of each prepared label, background first.
        """
        chosen = [counts_L[..., list(labels)].sum(axis=-1) for labels in ((0,), *self.members)]
        return np.stack(chosen, axis=-1)

    def present(self, labels: UInt8[np.ndarray, "*grid"]) -> tuple[int, ...]:
        """Return the numbers of the classes or regions with a voxel, from 1, ascending.

        >>> Targets(num_labels=3).present(np.array([[0, 3], [3, 1]], np.uint8))
        (1, 3)
        """
        counts = self.voxels(labels)
        return tuple(index for index in np.flatnonzero(counts).tolist() if index > 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelScheme:
    """The labels that a dataset declares.

    Attributes:
        classes: The classes by ascending value, or the regions as they are declared.
        ignore: The value of ignored voxels in label files; ``None`` if none is ignored.
    """

    classes: tuple[LabelClass, ...]
    ignore: int | None = None

    @property
    def values(self) -> tuple[int, ...]:
        """The label values apart from those of background and ignored voxels, ascending."""
        return tuple(sorted({value for each in self.classes for value in each.labels}))

    @property
    def declared(self) -> tuple[int, ...]:
        """All label values that a label file may hold, ascending."""
        return (0, *self.values, *(() if self.ignore is None else (self.ignore,)))

    @property
    def label_names(self) -> tuple[str, ...]:
        """The names of the labels: of classes, or of the regions that are written as them."""
        names = {each.value: each.name for each in self.classes}
        return tuple(names.get(value, f"label {value}") for value in self.values)

    @property
    def has_regions(self) -> bool:
        """Whether networks predict regions."""
        return any(each.region for each in self.classes)

    @property
    def targets(self) -> Targets:
        """What networks predict, in terms of prepared labels."""
        number = {value: index for index, value in enumerate(self.values, start=1)}
        regions = tuple(tuple(number[value] for value in each.region) for each in self.classes)
        return Targets(
            num_labels=len(number),
            regions=regions if self.has_regions else (),
            written=tuple(number[each.value] for each in self.classes) if self.has_regions else (),
            ignores=self.ignore is not None,
        )

    def prepared(self, labels: Integer[np.ndarray, "*grid"]) -> UInt8[np.ndarray, "*grid"]:
        """Return the prepared labels of label values."""
        prepared = np.zeros(labels.shape, np.uint8)
        for index, value in enumerate(self.values, start=1):
            prepared[labels == value] = index
        if self.ignore is not None:
            prepared[labels == self.ignore] = IGNORED
        return prepared

    def in_files(self, prepared: UInt8[np.ndarray, "*grid"]) -> Integer[np.ndarray, "*grid"]:
        """Return the label values of prepared labels; the inverse of :meth:`prepared`."""
        values = np.zeros(256, np.int64)
        values[: 1 + len(self.values)] = (0, *self.values)
        if self.ignore is not None:
            values[IGNORED] = self.ignore
        found: np.ndarray = values[prepared]
        return found
