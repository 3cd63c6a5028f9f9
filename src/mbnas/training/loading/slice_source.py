"""A training's slices as batches on its device, wherever they are stored.

Shape suffixes: N slices, B batch, C channels, H height, W width.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Float32, Int, Integer, UInt8
from torch import Tensor

from mbnas.data.datasets.folds import Fold
from mbnas.data.datasets.label_scheme import Targets
from mbnas.data.slices.neighbours import neighbour_indices, num_seen
from mbnas.network.interface import Interface
from mbnas.training.loading.patch_sampler import PatchSampler
from mbnas.training.loading.target_masks import predicted_labels
from mbnas.training.protocol import SlicePrecision

Batch = tuple[
    Float32[Tensor, "batch channels height width"],
    UInt8[Tensor, "batch height width"],
]
"""Normalised intensities and class indices (0 for background) of some slices, on the device.

With neighbours, all channels of the first slice that is seen come first, then those of the next.
The labels are those of the slice in the middle.
"""

PredictedBatch = tuple[Integer[Tensor, "batch height width"], UInt8[Tensor, "batch height width"]]
"""Predicted and reference labels of some slices, on the device."""

LogitsOf = Callable[
    [Float32[Tensor, "batch channels height width"]], Float[Tensor, "batch classes height width"]
]
"""From images to a network's logits."""


COUNTED = 256
"""How many slices are counted at once."""


def slices_bytes(
    num_slices: int, *, channels: int, size: int, precision: SlicePrecision = "float32"
) -> int:
    """Return how many bytes slices and their labels take.

    Args:
        num_slices: Number of slices.
        channels: Number of image channels; labels take one byte per pixel.
        size: Height and width in pixels.
        precision: In which images are kept.
    """
    return pixels_bytes(num_slices * size**2, channels=channels, precision=precision)


def pixels_bytes(num_pixels: int, *, channels: int, precision: SlicePrecision = "float32") -> int:
    """Return how many bytes pixels of slices and of their labels take; see :func:`slices_bytes`."""
    bytes_per_value = {"float32": 4, "float16": 2}[precision]
    return num_pixels * (bytes_per_value * channels + 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class SliceSource(ABC):
    """All slices of a study as batches on the training device.

    Attributes:
        patient_N: The patient of each slice, as an index into ``patients`` followed by
            ``held_out_patients``.
        patient_classes: The classes of each patient of the folds, sorted by patient.
        targets: What networks predict, in terms of the labels.
        flip_axis_dims: For each anatomical axis in the slice's plane, its dimension: 0 is
            height, 1 is width.
        held_out_patients: The patients that are in no fold, sorted.
        class_names: Names of the classes or regions; empty if none changes places in flips.
        absolute_channels: Image channels whose values mean something as they are
            (``noNorm``): their brightness is not varied.
        context: How many slices before and after a slice a batch has besides it.
        starts: The first slice of each volume, and last the number of all slices; ``None`` if they
            are of one volume.
        unlabelled: Ascending indices of the slices that have only ignored pixels.
    """

    patient_N: Int[np.ndarray, " slice"]
    patient_classes: Mapping[str, frozenset[int]]
    targets: Targets
    flip_axis_dims: dict[str, int]
    held_out_patients: tuple[str, ...] = ()
    class_names: tuple[str, ...] = ()
    absolute_channels: tuple[int, ...] = ()
    context: int = 0
    starts: Int[np.ndarray, " bounds"] | None = None
    unlabelled: tuple[int, ...] = ()

    @property
    def patients(self) -> tuple[str, ...]:
        """The patients of the folds, sorted."""
        return tuple(self.patient_classes)

    @property
    @abstractmethod
    def device(self) -> torch.device:
        """The device of the batches."""

    @property
    @abstractmethod
    def num_channels(self) -> int:
        """Number of channels of an image."""

    @property
    def in_channels(self) -> int:
        """Number of channels of a batch: those of the images, for every slice that is seen."""
        return num_seen(self.context) * self.num_channels

    def seen(self, slices: Int[np.ndarray, " chosen"]) -> Int[np.ndarray, "chosen seen"]:
        """Return which slices a network sees for each of some slices."""
        starts = np.array([0, len(self.patient_N)]) if self.starts is None else self.starts
        return neighbour_indices(starts, slices, self.context)

    @property
    def num_classes(self) -> int:
        """Number of a network's outputs: classes with the background, or regions."""
        return self.targets.num_outputs

    @property
    @abstractmethod
    def interface(self) -> Interface:
        """What a network for these slices must fit."""

    @property
    @abstractmethod
    def window_size(self) -> int:
        """Side of the images that a training reads, which is that of a network's input or more."""

    @property
    @abstractmethod
    def patches(self) -> PatchSampler | None:
        """What draws patches of the slices; ``None`` if trainings see whole slices."""

    @abstractmethod
    def fetch(self, batches: Iterable[Int[np.ndarray, "batch ..."]]) -> Iterator[Batch]:
        """Yield the slices or windows of every batch, in order.

        A source may read ahead, as it knows all batches. A batch shares no memory with the source.

        Args:
            batches: Indices of slices, or what :attr:`patches` draws.
        """

    @abstractmethod
    def predicted(
        self, logits_of: LogitsOf, slices: Int[np.ndarray, " chosen"], *, at_once: int
    ) -> Iterator[PredictedBatch]:
        """Yield what a network predicts for slices, in order, and their references.

        Args:
            logits_of: The network.
            slices: Indices of slices.
            at_once: How many slices, or tiles of slices, are predicted at once.
        """

    @abstractmethod
    def label_pixels(self, slices: Int[np.ndarray, " chosen"]) -> Int[np.ndarray, "chosen labels"]:
        """Return how many pixels each label has in each slice, background first."""

    def label_counts(self, slices: Int[np.ndarray, " chosen"]) -> Int[np.ndarray, " labels"]:
        """Return how many pixels each label has in all slices together, background first."""
        counts: np.ndarray = self.label_pixels(slices).sum(axis=0)
        return counts

    def slices_of(self, patients: tuple[str, ...]) -> Int[np.ndarray, " chosen"]:
        """Return the ascending indices of some patients' slices.

        Args:
            patients: Of :attr:`patients` or :attr:`held_out_patients`.
        """
        known = self.patients + self.held_out_patients
        wanted = [known.index(patient) for patient in patients]
        return np.flatnonzero(np.isin(self.patient_N, wanted))

    def split(
        self, fold: Fold
    ) -> tuple[Int[np.ndarray, " training"], Int[np.ndarray, " validation"]]:
        """Return the indices of a fold's training and validation slices that are labelled."""
        training, validation = (
            np.setdiff1d(self.slices_of(part), self.unlabelled)
            for part in (fold.train, fold.validation)
        )
        return training, validation

    def flip_dims(self, axes: tuple[str, ...]) -> tuple[bool, bool]:
        """Return whether flips across the axes reverse height and width.

        Args:
            axes: Anatomical axes; an axis across which the slices are cut reverses neither.
        """
        dims = {self.flip_axis_dims[axis] for axis in axes if axis in self.flip_axis_dims}
        return 0 in dims, 1 in dims


@dataclass(frozen=True, slots=True, kw_only=True)
class WholeSlices(SliceSource):
    """Slices of one size, of which trainings see the whole.

    Attributes:
        labels_NHW: Prepared labels (:mod:`mbnas.data.datasets.label_scheme`).
    """

    labels_NHW: UInt8[Tensor, "slice height width"]

    @property
    def interface(self) -> Interface:
        """What a network for these slices must fit."""
        return Interface(
            in_channels=self.in_channels,
            num_classes=self.num_classes,
            size=int(self.labels_NHW.shape[-1]),
        )

    @property
    def window_size(self) -> int:
        """Side of the slices."""
        return int(self.labels_NHW.shape[-1])

    @property
    def patches(self) -> PatchSampler | None:
        """No patches are drawn."""
        return None

    def predicted(
        self, logits_of: LogitsOf, slices: Int[np.ndarray, " chosen"], *, at_once: int
    ) -> Iterator[PredictedBatch]:
        """Yield what a network predicts for slices, in order, and their references."""
        starts = range(0, len(slices), at_once)
        fetched = self.fetch(slices[start : start + at_once] for start in starts)
        for images_BCHW, reference_BHW in fetched:
            yield predicted_labels(logits_of(images_BCHW), self.targets), reference_BHW

    def label_pixels(self, slices: Int[np.ndarray, " chosen"]) -> Int[np.ndarray, "chosen labels"]:
        """Return how many pixels each label has in each slice, background first."""
        num_labels = 1 + self.targets.num_labels
        counts = [np.empty((0, num_labels), np.int64)]
        for start in range(0, len(slices), COUNTED):
            labels_BHW = self.labels_NHW[torch.from_numpy(slices[start : start + COUNTED])]
            of_each = [(labels_BHW == index).sum(dim=(1, 2)) for index in range(num_labels)]
            counts.append(torch.stack(of_each, dim=1).cpu().numpy())
        return np.concatenate(counts)
