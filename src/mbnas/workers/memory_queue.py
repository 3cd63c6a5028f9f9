"""Calls that wait for memory of a device, and the rule by which they get it.

A device runs calls as long as the bytes that they need fit into its memory. A call that must run
alone, or that needs more than the device has, gets the device to itself.

The rule: a device takes the first waiting call that fits into its free memory. The first call
that was passed over for this is then the next of this device: until it runs, on this device or
on another that it fits, this device takes no other call. A call is the next of at most one
device, so that it blocks no other; and since an empty device takes any call, no call waits
forever.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """What a call needs of the device that it runs on.

    Attributes:
        memory_bytes: Memory, 0 or more.
        alone: Whether no other call may run on the device meanwhile.

    Raises:
        ValueError: if the memory is negative.
    """

    memory_bytes: int = 0
    alone: bool = False

    def __post_init__(self) -> None:
        if self.memory_bytes < 0:
            raise ValueError(f"memory_bytes (={self.memory_bytes}) must be 0 or more.")


class DeviceMemory:
    """The memory of one device, and the demands of the calls that run there.

    Args:
        memory_bytes: The device's memory; ``None`` is no limit.
    """

    def __init__(self, memory_bytes: int | None) -> None:
        self._memory_bytes = memory_bytes
        self._running: list[Demand] = []

    def fits(self, demand: Demand) -> bool:
        """Return whether a call can run next to those that run now."""
        if not self._running:
            return True
        if demand.alone or any(each.alone for each in self._running):
            return False
        needed = demand.memory_bytes + sum(each.memory_bytes for each in self._running)
        return self._memory_bytes is None or needed <= self._memory_bytes

    def acquire(self, demand: Demand) -> None:
        """Count a call as running."""
        self._running.append(demand)

    def release(self, demand: Demand) -> None:
        """Free what a call has acquired."""
        self._running.remove(demand)


@dataclass(frozen=True, slots=True, eq=False)
class _Entry(Generic[T]):
    """A waiting call; entries are compared by identity."""

    call: T
    demand: Demand


class MemoryQueue(Generic[T]):
    """Calls that wait for memory: first come, first served, except those that do not fit yet.

    Args:
        device_memory_bytes: Memory of each device, ``None`` for no limit; one device or more.
    """

    def __init__(self, device_memory_bytes: Sequence[int | None]) -> None:
        self._devices = [DeviceMemory(memory_bytes) for memory_bytes in device_memory_bytes]
        self._entries: list[_Entry[T]] = []
        self._next: dict[int, _Entry[T]] = {}

    def __len__(self) -> int:
        return len(self._entries)

    def append(self, call: T, demand: Demand) -> None:
        """Add a call at the end."""
        self._entries.append(_Entry(call, demand))

    def take(self, device: int) -> T | None:
        """Remove and return the call to run on a device now, or ``None`` if there is none.

        The call holds its memory until :meth:`release`.
        """
        if (entry := self._choose(device)) is None:
            return None
        self._remove(entry)
        self._devices[device].acquire(entry.demand)
        return entry.call

    def _choose(self, device: int) -> _Entry[T] | None:
        memory = self._devices[device]
        if (entry := self._next.get(device)) is not None:
            return entry if memory.fits(entry.demand) else None
        passed_over = None
        for entry in self._entries:
            if memory.fits(entry.demand):
                if passed_over is not None:
                    self._next[device] = passed_over
                return entry
            if passed_over is None and entry not in self._next.values():
                passed_over = entry
        return None

    def release(self, device: int, demand: Demand) -> None:
        """Free what a call held of a device; the demand is the one it was appended with."""
        self._devices[device].release(demand)

    def withdraw(self, is_unwanted: Callable[[T], bool]) -> list[T]:
        """Remove the waiting calls that a predicate selects, and return them in order."""
        unwanted = [entry for entry in self._entries if is_unwanted(entry.call)]
        for entry in unwanted:
            self._remove(entry)
        return [entry.call for entry in unwanted]

    def _remove(self, entry: _Entry[T]) -> None:
        self._entries.remove(entry)
        self._next = {device: next_ for device, next_ in self._next.items() if next_ is not entry}
