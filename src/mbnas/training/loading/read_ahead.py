"""A thread that fills slots of memory in order, ahead of their use.

The thread works only in host memory and makes no call to a device, as a CUDA graph that is being
recorded does not allow one.
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

    Leaving the context ends the thread, after the slot that it is filling at most.

    Args:
        fill: Fills a slot with the item of a number, from 0; called in the thread.
        count: Number of items.
        slots: One or more slots, each filled again after it is given back.
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
        """Start the thread."""
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
        """Return the next filled slot; raise the error that filling it raised."""
        taken = self._ready.get()
        if isinstance(taken, _Failure):
            raise taken.error
        return taken

    def give_back(self, slot: Slot) -> None:
        """Return a slot whose content is no longer needed, to be filled again."""
        self._free.put(slot)

    def _run(self) -> None:
        try:
            for number in range(self._count):
                slot = self._free.get()
                if slot is None or self._ended.is_set():
                    return
                self._fill(number, slot)
                self._ready.put(slot)
        except BaseException as error:  # any error must reach the waiting thread
            self._ready.put(_Failure(error))


class _Failure:
    """The error that filling a slot raised."""

    def __init__(self, error: BaseException) -> None:
        self.error = error
