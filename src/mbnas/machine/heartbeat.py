"""Heartbeats: long work shows that it is still running, and a listener can receive this.

The work calls :func:`beat` at every step. Without a listener this costs a comparison, and with one
a look at the clock, since a listener is called at most once per interval.
"""

from __future__ import annotations

import faulthandler
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

LONGEST_S = threading.TIMEOUT_MAX
"""The longest time that a thread can wait; a longer timeout is treated as this one."""

_STDERR = 2


class _Listener:
    """A callback and the earliest time of its next call, by the monotonic clock."""

    __slots__ = ("callback", "every_s", "next_s")

    def __init__(self, callback: Callable[[], object], every_s: float) -> None:
        self.callback = callback
        self.every_s = every_s
        self.next_s = 0.0


_listeners: list[_Listener] = []


def beat() -> None:
    """Show that this process is alive and its work continues."""
    if not _listeners:
        return
    current, now_s = _listeners[-1], time.monotonic()
    if now_s >= current.next_s:
        current.next_s = now_s + current.every_s
        current.callback()


@contextmanager
def listening(listener: Callable[[], object], *, every_s: float = 0.25) -> Iterator[None]:
    """Call a listener at the heartbeats of this process meanwhile, in place of any other.

    Args:
        listener: Called in the thread of the heartbeat, which raises what it raises.
        every_s: Shortest time between two calls; heartbeats in between are ignored.
    """
    added = _Listener(listener, every_s)
    _listeners.append(added)
    try:
        yield
    finally:
        _listeners.remove(added)


@contextmanager
def ending_if_silent(patience_s: float) -> Iterator[None]:
    """End this process with status 1 if it has no heartbeat for some time meanwhile.

    It is for workers without a parent that watches them, such as Ray's. It also works if no Python
    code can run, as in a call that never returns and holds the interpreter lock, and writes the
    traceback of every thread to standard error. A process can have only one such context.

    Args:
        patience_s: The time in seconds, above 0; infinity never ends the process.
    """
    timeout_s = min(patience_s, LONGEST_S)

    def postpone_end() -> None:
        faulthandler.dump_traceback_later(timeout_s, exit=True, file=_STDERR)

    postpone_end()
    try:
        with listening(postpone_end, every_s=min(1.0, timeout_s / 4)):
            yield
    finally:
        faulthandler.cancel_dump_traceback_later()
