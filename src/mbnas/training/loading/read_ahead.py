"""Memory that a thread fills, in order, some of it before it is asked for.

The thread works in host memory alone and makes no call to a device: a CUDA graph that is being
recorded would not bear one.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from queue import SimpleQueue
from types import TracebackType
from typing import Generic, TypeVar

Slot = TypeVar("Slot")


class ReadAhead(Generic[Slot]):
    """A context in which a thread fills slots, as many ahead as there are slots.

    Leaving it ends the thread, which at most fills the slot that it is at.

    Args:
        fill: Fills a slot with what a number, from 0, stands for; called in the thread.
        count: How many numbers there are.
        slots: What is filled, each again once it is given back; one or more.
    """

    def __init__(
        self, fill: Callable[[int, Slot], None], count: int, slots: Iterable[Slot]
    ) -> None:
        self._fill = fill
        self._count = count
        self._free: SimpleQueue[Slot | None] = SimpleQueue()
        self._ready: SimpleQueue[Slot | _Failure] = SimpleQueue()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="reading ahead", daemon=True)
        for slot in slots:
            self._free.put(slot)

    def __enter__(self) -> ReadAhead[Slot]:
        """Begin to fill."""
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End the thread."""
        self._ended.set()
        self._free.put(None)
        self._thread.join()

    def take(self) -> Slot:
        """Return the next slot, filled; raise what was raised when it was to be."""
        taken = self._ready.get()
        if isinstance(taken, _Failure):
            raise taken.error
        return taken

    def give_back(self, slot: Slot) -> None:
        """Have a slot filled again, whose content is needed no more."""
        self._free.put(slot)

    def _run(self) -> None:
        try:
            for number in range(self._count):
                slot = self._free.get()
                if slot is None or self._ended.is_set():
                    return
                self._fill(number, slot)
                self._ready.put(slot)
        except BaseException as error:  # whatever it is, who waits must hear of it
            self._ready.put(_Failure(error))


class _Failure:
    """What filling a slot raised."""

    def __init__(self, error: BaseException) -> None:
        self.error = error
