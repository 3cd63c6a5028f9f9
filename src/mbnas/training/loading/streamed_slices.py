"""Slices that stay on disk: the next batches are read while the device computes.

A thread reads them into a few batches of host memory, which lie pinned beside a CUDA device and go
there on a stream of their own.

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
from mbnas.training.loading.residency import AHEAD
from mbnas.training.loading.slice_source import Batch, SliceSource
from mbnas.training.protocol import SlicePrecision


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
        images_NCHW: Normalised intensities, in host memory: mapped from their file, read-only,
            as the labels are.
        target: Where batches go, with its index where it has one.
        precision: In which images are sent there.
    """

    images_NCHW: Float32[Tensor, "slice channel height width"]
    target: torch.device
    precision: SlicePrecision = "float32"

    @property
    def device(self) -> torch.device:
        """Where the batches are."""
        return self.target

    @property
    def in_channels(self) -> int:
        """Number of image channels."""
        return int(self.images_NCHW.shape[1])

    def fetch(self, batches: Iterable[Int[np.ndarray, " batch"]]) -> Iterator[Batch]:
        """Yield the slices of every batch, in order; the next ones are read meanwhile.

        The thread that reads them ends with the iterator, wherever that is left.
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
                yield from self._sent_aside(filled, sizes, len(slots))
            else:
                yield from self._copied(filled, sizes)

    def _slot(self, batch: int) -> _Slot:
        sent_as = torch.float16 if self.precision == "float16" else torch.float32
        pinned = self.target.type == "cuda"
        shape_CHW, shape_HW = self.images_NCHW.shape[1:], self.labels_NHW.shape[1:]
        return _Slot(
            torch.empty(batch, *shape_CHW, dtype=sent_as, pin_memory=pinned),
            torch.empty(batch, *shape_HW, dtype=torch.uint8, pin_memory=pinned),
        )

    def _read(self, indices: Int[np.ndarray, " batch"], slot: _Slot) -> None:
        """Read slices into host memory, in the order in which they lie in their files."""
        for place in np.argsort(indices).tolist():
            index = int(indices[place])
            slot.images_BCHW[place] = self.images_NCHW[index]
            slot.labels_BHW[place] = self.labels_NHW[index]

    def _copied(self, filled: ReadAhead[_Slot], sizes: list[int]) -> Iterator[Batch]:
        for size in sizes:
            slot = filled.take()
            images_BCHW, labels_BHW = (each.to(self.target, copy=True) for each in slot.first(size))
            filled.give_back(slot)
            yield images_BCHW.float(), labels_BHW

    def _sent_aside(
        self, filled: ReadAhead[_Slot], sizes: list[int], num_slots: int
    ) -> Iterator[Batch]:
        """Yield batches that a stream of their own copies, beside what is computed meanwhile."""
        aside = torch.cuda.Stream(self.target)  # type: ignore[no-untyped-call]
        on_their_way: deque[tuple[torch.cuda.Event, _Slot]] = deque()
        for size in sizes:
            while on_their_way:
                arrived, slot = on_their_way[0]
                if not arrived.query():  # type: ignore[no-untyped-call]
                    if len(on_their_way) < num_slots:
                        break
                    arrived.synchronize()  # no slot is left to read into
                filled.give_back(slot)
                on_their_way.popleft()
            slot = filled.take()
            with torch.cuda.stream(aside):
                images_BCHW, labels_BHW = (
                    each.to(self.target, non_blocking=True) for each in slot.first(size)
                )
                arrived = aside.record_event()
            on_their_way.append((arrived, slot))
            computing = torch.cuda.current_stream(self.target)
            computing.wait_event(arrived)
            for each in (images_BCHW, labels_BHW):
                each.record_stream(computing)
            yield images_BCHW.float(), labels_BHW
