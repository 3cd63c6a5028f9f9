"""Slices that stay on disk: the next batches are read while the device computes.

A thread reads them into a few batches of host memory. For a CUDA device that memory is pinned, and
a separate stream copies it to the device.

Shape suffixes: N slices, B batch, C channels, H height, W width.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float32, Int
from torch import Tensor

from mbnas.training.loading.read_ahead import ReadAhead
from mbnas.training.loading.slice_source import Batch, SliceSource, slices_bytes
from mbnas.training.protocol import SlicePrecision

AHEAD = 4
"""How many batches of streamed slices are read before they are asked for."""


def streamed_bytes(
    batch: int, *, channels: int, size: int, precision: SlicePrecision = "float32"
) -> int:
    """Return how many bytes of a device streamed slices take at most, in batches being copied.

    Args:
        batch: Slices in the largest batch.
        channels: Number of channels of a batch, neighbours included.
        size: Height and width in pixels.
        precision: In which images are sent.
    """
    return AHEAD * slices_bytes(batch, channels=channels, size=size, precision=precision)


class _Slot(NamedTuple):
    """Host memory of one batch."""

    images_BCHW: Tensor
    labels_BHW: Tensor

    def first(self, count: int) -> _Slot:
        return _Slot(*(each[:count] for each in self))


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamedSlices(SliceSource):
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

        def fill(number: int, slot: _Slot) -> None:
            self._read(known[number], slot)

        sizes = [len(batch) for batch in known]
        with ReadAhead(fill, len(known), slots) as filled:
            if self.target.type == "cuda":
                yield from self._sent_by_stream(filled, sizes, len(slots))
            else:
                yield from self._copied(filled, sizes)

    def _slot(self, batch: int) -> _Slot:
        sent_as = torch.float16 if self.precision == "float16" else torch.float32
        pinned = self.target.type == "cuda"
        shape_HW = self.labels_NHW.shape[1:]
        return _Slot(
            torch.empty(batch, self.in_channels, *shape_HW, dtype=sent_as, pin_memory=pinned),
            torch.empty(batch, *shape_HW, dtype=torch.uint8, pin_memory=pinned),
        )

    def _read(self, indices: Int[np.ndarray, " batch"], slot: _Slot) -> None:
        """Read slices into host memory, in the order of their files."""
        seen, num_channels = self.seen(indices), self.num_channels
        for place in np.argsort(indices).tolist():
            for number, index in enumerate(seen[place].tolist()):
                first = number * num_channels
                slot.images_BCHW[place, first : first + num_channels] = self.images_NCHW[index]
            slot.labels_BHW[place] = self.labels_NHW[int(indices[place])]

    def _copied(self, filled: ReadAhead[_Slot], sizes: list[int]) -> Iterator[Batch]:
        for size in sizes:
            slot = filled.take()
            images_BCHW, labels_BHW = (each.to(self.target, copy=True) for each in slot.first(size))
            filled.give_back(slot)
            yield images_BCHW.float(), labels_BHW

    def _sent_by_stream(
        self, filled: ReadAhead[_Slot], sizes: list[int], num_slots: int
    ) -> Iterator[Batch]:
        """Yield batches that a separate stream copies while the device computes."""
        aside = torch.cuda.Stream(self.target)  # type: ignore[no-untyped-call]
        in_transit: deque[tuple[torch.cuda.Event, _Slot]] = deque()
        for size in sizes:
            while in_transit:
                arrived, slot = in_transit[0]
                if not arrived.query():  # type: ignore[no-untyped-call]
                    if len(in_transit) < num_slots:
                        break
                    arrived.synchronize()  # no slot is left to read into
                filled.give_back(slot)
                in_transit.popleft()
            slot = filled.take()
            with torch.cuda.stream(aside):
                images_BCHW, labels_BHW = (
                    each.to(self.target, non_blocking=True) for each in slot.first(size)
                )
                arrived = aside.record_event()
            in_transit.append((arrived, slot))
            computing = torch.cuda.current_stream(self.target)
            computing.wait_event(arrived)
            for each in (images_BCHW, labels_BHW):
                each.record_stream(computing)
            yield images_BCHW.float(), labels_BHW
