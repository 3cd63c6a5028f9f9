"""Slices that stay on disk: the next batches are read while the device computes.

Shape suffixes: N slices, B batch, C channels, H height, W width.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float32, Int
from torch import Tensor

from mbnas.training.loading.batch_stream import AHEAD, Slot, empty_slot, filled_batches
from mbnas.training.loading.slice_source import Batch, WholeSlices
from mbnas.training.protocol import SlicePrecision


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamedSlices(WholeSlices):
    """Prepared slices in files, and the device that batches of them go to.

    Attributes:
        images_NCHW: Normalised intensities, mapped from their file read-only, like the labels.
        target: The device that batches go to, with its index if it has one.
        precision: In which images are sent to the device.
    """

    images_NCHW: Float32[Tensor, "slice channel height width"]
    target: torch.device
    precision: SlicePrecision = "float32"

    @property
    def device(self) -> torch.device:
        """The device of the batches."""
        return self.target

    @property
    def num_channels(self) -> int:
        """Number of channels of an image."""
        return int(self.images_NCHW.shape[1])

    def fetch(self, batches: Iterable[Int[np.ndarray, " batch"]]) -> Iterator[Batch]:
        """Yield the slices of every batch, in order, while the next batches are read.

        The reading thread ends with the iterator, even if that is left early.
        """
        known = list(batches)
        if not known:
            return
        largest = max(map(len, known))
        slots = [self._slot(largest) for _ in range(min(AHEAD, len(known)))]

        def fill(number: int, slot: Slot) -> None:
            self._read(known[number], slot)

        sizes = [len(batch) for batch in known]
        yield from filled_batches(fill, sizes, slots, self.target)

    def _slot(self, batch: int) -> Slot:
        shape_CHW = (self.in_channels, *self.labels_NHW.shape[1:])
        return empty_slot(batch, shape_CHW, self.target, self.precision)

    def _read(self, indices: Int[np.ndarray, " batch"], slot: Slot) -> None:
        """Read slices into host memory, in the order of their files."""
        seen, num_channels = self.seen(indices), self.num_channels
        for place in np.argsort(indices).tolist():
            for number, index in enumerate(seen[place].tolist()):
                first = number * num_channels
                slot.images_BCHW[place, first : first + num_channels] = self.images_NCHW[index]
            slot.labels_BHW[place] = self.labels_NHW[int(indices[place])]
