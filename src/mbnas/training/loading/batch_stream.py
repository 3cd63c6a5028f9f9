"""Batches that a thread reads into host memory, sent to a device while it computes.

For a CUDA device that memory is pinned, and a separate stream copies it to the device.

Shape suffixes: B batch, C channels, H height, W width.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from mbnas.training.loading.read_ahead import ReadAhead
from mbnas.training.loading.slice_source import Batch, slices_bytes
from mbnas.training.protocol import SlicePrecision

AHEAD = 4
"""How many batches of streamed slices are read before they are asked for."""


def streamed_bytes(
    batch: int, *, channels: int, size: int, precision: SlicePrecision = "float32"
) -> int:
    """Return how many bytes of a device streamed slices take at most, in batches being copied.

    Args:
        batch: Slices in the largest batch.
        channels: Number of image channels.
        size: Height and width in pixels.
        precision: In which images are sent.
    """
    return AHEAD * slices_bytes(batch, channels=channels, size=size, precision=precision)


class Slot(NamedTuple):
    """Host memory of one batch."""

    images_BCHW: Tensor
    labels_BHW: Tensor

    def first(self, count: int) -> Slot:
        """Return the memory of the first images."""
        return Slot(*(each[:count] for each in self))


def empty_slot(
    batch: int, shape_CHW: tuple[int, ...], target: torch.device, precision: SlicePrecision
) -> Slot:
    """Return host memory for a batch, pinned for a CUDA device.

    Args:
        batch: Images in the batch.
        shape_CHW: Of an image.
        target: The device that the batch goes to.
        precision: In which images are sent.
    """
    sent_as = torch.float16 if precision == "float16" else torch.float32
    pinned = target.type == "cuda"
    return Slot(
        torch.empty(batch, *shape_CHW, dtype=sent_as, pin_memory=pinned),
        torch.empty(batch, *shape_CHW[1:], dtype=torch.uint8, pin_memory=pinned),
    )


def filled_batches(
    fill: Callable[[int, Slot], None],
    sizes: Sequence[int],
    slots: Sequence[Slot],
    target: torch.device,
) -> Iterator[Batch]:
    """Yield batches in order on a device, while a thread fills the next ones.

    The thread ends with the iterator, even if that is left early.

    Args:
        fill: Fills a slot with the batch of a number; called in the thread.
        sizes: Images in each batch.
        slots: Host memory of the batches being read or sent.
        target: The device.
    """
    with ReadAhead(fill, len(sizes), slots) as filled:
        if target.type == "cuda":
            yield from sent_by_stream(filled, sizes, len(slots), target)
        else:
            yield from _copied(filled, sizes, target)


def _copied(filled: ReadAhead[Slot], sizes: Sequence[int], target: torch.device) -> Iterator[Batch]:
    for size in sizes:
        slot = filled.take()
        images_BCHW, labels_BHW = (each.to(target, copy=True) for each in slot.first(size))
        filled.give_back(slot)
        yield images_BCHW.float(), labels_BHW


def sent_by_stream(
    filled: ReadAhead[Slot], sizes: Sequence[int], num_slots: int, target: torch.device
) -> Iterator[Batch]:
    """Yield batches that a separate stream copies while the device computes.

    Args:
        filled: Takes the slots that a thread fills.
        sizes: Images in each batch.
        num_slots: Number of slots.
        target: The device.
    """
    aside = torch.cuda.Stream(target)  # type: ignore[no-untyped-call]
    in_transit: deque[tuple[torch.cuda.Event, Slot]] = deque()
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
                each.to(target, non_blocking=True) for each in slot.first(size)
            )
            arrived = aside.record_event()
        in_transit.append((arrived, slot))
        computing = torch.cuda.current_stream(target)
        computing.wait_event(arrived)
        for each in (images_BCHW, labels_BHW):
            each.record_stream(computing)
        yield images_BCHW.float(), labels_BHW
