"""Patches of slices that stay on disk: the next batches are read while the device computes.

Shape suffixes: B batch.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float32, Int, UInt8
from torch import Tensor

from mbnas.training.loading.batch_stream import AHEAD, Slot, empty_slot, filled_batches
from mbnas.training.loading.patch_source import PatchSource, read_windows
from mbnas.training.loading.slice_source import Batch
from mbnas.training.protocol import SlicePrecision


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamedPatches(PatchSource):
    """Prepared slices of different sizes in mapped files, and the device of their batches.

    Attributes:
        target: The device that batches go to, with its index if it has one.
        precision: In which images are sent to the device.
    """

    target: torch.device
    precision: SlicePrecision = "float32"

    @property
    def device(self) -> torch.device:
        """The device of the batches."""
        return self.target

    def fetch(self, batches: Iterable[Int[np.ndarray, "batch 3"]]) -> Iterator[Batch]:
        """Yield the windows of every batch, in order, while the next batches are read.

        The reading thread ends with the iterator, even if that is left early.
        """
        known = list(batches)
        if not known:
            return
        sizes = [len(batch) for batch in known]
        shape_CWW = (self.in_channels, self.window_size, self.window_size)
        slots = [
            empty_slot(max(sizes), shape_CWW, self.target, self.precision)
            for _ in range(min(AHEAD, len(known)))
        ]

        def fill(number: int, slot: Slot) -> None:
            read_windows(self, known[number], *slot.first(sizes[number]))

        yield from filled_batches(fill, sizes, slots, self.target)

    def image_on_device(self, number: int) -> Float32[Tensor, "channels height width"]:
        """Return the image of a slice alone, in the precision in which images are sent."""
        image_CHW = self.stored_image(number)
        sent = image_CHW.half() if self.precision == "float16" else image_CHW
        return sent.to(self.target).float()

    def labels_on_device(self, number: int) -> UInt8[Tensor, "height width"]:
        """Return the labels of a slice."""
        return self.stored_labels(number).to(self.target)
