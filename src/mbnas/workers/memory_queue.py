"""Who may run where: calls that wait in line for rooms, which are the memory of devices.

A room holds calls as long as the bytes they ask for fit into it. A call that asks to be alone,
or for more than the room has, gets the room to itself.

The rule of the line: a room takes the first call that fits into what is left of it. The first
call that was passed over for that is next in this room: until it runs, here or in another room
that it fits into, this room takes no other. A call is next in one room at most, so it keeps no
other room from working; and as an empty room holds any call, its turn comes.
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
        memory_bytes: How much memory, 0 or more.
        alone: Whether no other call may run on the device meanwhile.

    Raises:
        ValueError: if the memory is less than nothing.
    """

    memory_bytes: int = 0
    alone: bool = False

    def __post_init__(self) -> None:
        if self.memory_bytes < 0:
            raise ValueError(f"memory_bytes (={self.memory_bytes}) must be 0 or more.")


class DeviceMemory:
    """The memory of one device, and the demands of the calls that run there.

    Args:
        memory_bytes: How much there is; ``None`` is no limit.
    """

    def __init__(self, memory_bytes: int | None) -> None:
        self._memory_bytes = memory_bytes
        self._inside: list[Demand] = []

    def holds(self, demand: Demand) -> bool:
        """Whether a further call fits beside those that run here."""
        if not self._inside:
            return True
        if demand.alone or any(inside.alone for inside in self._inside):
            return False
        needed = demand.memory_bytes + sum(inside.memory_bytes for inside in self._inside)
        return self._memory_bytes is None or needed <= self._memory_bytes

    def enter(self, demand: Demand) -> None:
        """Let a call in."""
        self._inside.append(demand)

    def leave(self, demand: Demand) -> None:
        """Give back what a call had."""
        self._inside.remove(demand)


@dataclass(frozen=True, slots=True, eq=False)
class _Place(Generic[T]):
    """A call's place in the line; each is equal to itself alone."""

    call: T
    demand: Demand


class MemoryQueue(Generic[T]):
    """Calls that wait for a room, first come first, but for those that do not fit yet.

    Args:
        room_bytes: Memory of each room, ``None`` for one without limit; one room or more.
    """

    def __init__(self, room_bytes: Sequence[int | None]) -> None:
        self._rooms = [DeviceMemory(memory_bytes) for memory_bytes in room_bytes]
        self._places: list[_Place[T]] = []
        self._next: dict[int, _Place[T]] = {}

    def __len__(self) -> int:
        return len(self._places)

    def append(self, call: T, demand: Demand) -> None:
        """Add a call at the line's end."""
        self._places.append(_Place(call, demand))

    def take(self, room: int) -> T | None:
        """Let the call into a room whose turn it is, or ``None`` if none may enter now.

        It is in the line no more, and in the room until :meth:`leave`.
        """
        if (place := self._chosen(room)) is None:
            return None
        self._remove(place)
        self._rooms[room].enter(place.demand)
        return place.call

    def _chosen(self, room: int) -> _Place[T] | None:
        inside = self._rooms[room]
        if (place := self._next.get(room)) is not None:
            return place if inside.holds(place.demand) else None
        passed_over = None
        for place in self._places:
            if inside.holds(place.demand):
                if passed_over is not None:
                    self._next[room] = passed_over
                return place
            if passed_over is None and place not in self._next.values():
                passed_over = place
        return None

    def leave(self, room: int, demand: Demand) -> None:
        """Give back what a call had of a room, with the demand that it entered with."""
        self._rooms[room].leave(demand)

    def withdraw(self, is_unwanted: Callable[[T], bool]) -> list[T]:
        """Take the calls of a kind out of the line, and return them in their order."""
        unwanted = [place for place in self._places if is_unwanted(place.call)]
        for place in unwanted:
            self._remove(place)
        return [place.call for place in unwanted]

    def _remove(self, place: _Place[T]) -> None:
        self._places.remove(place)
        self._next = {room: next_ for room, next_ in self._next.items() if next_ is not place}
