"""Signs of life: work that takes long says that it goes on, and who waits for it may listen.

Whoever works calls :func:`beat` at every step. Without a listener that costs a comparison, and
with one a look at the clock, as the listener hears at most one beat in a while.
"""

from __future__ import annotations

import faulthandler
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

LONGEST_S = threading.TIMEOUT_MAX
"""The longest time that a thread can wait; to more patience than that there is no end."""

_STDERR = 2


class _Ear:
    """A listener and when it is to hear the next beat, by the monotonic clock."""

    __slots__ = ("every_s", "listener", "next_s")

    def __init__(self, listener: Callable[[], object], every_s: float) -> None:
        self.listener = listener
        self.every_s = every_s
        self.next_s = 0.0


_ears: list[_Ear] = []


def beat() -> None:
    """Say that this process is alive and its work goes on."""
    if not _ears:
        return
    ear, now_s = _ears[-1], time.monotonic()
    if now_s >= ear.next_s:
        ear.next_s = now_s + ear.every_s
        ear.listener()


@contextmanager
def listening(listener: Callable[[], object], *, every_s: float = 0.25) -> Iterator[None]:
    """Have a listener hear this process's beats meanwhile, in place of any other.

    Args:
        listener: Called in the thread that beats. What it raises, the work raises.
        every_s: Beats that follow one heard within so many seconds are not heard.
    """
    ear = _Ear(listener, every_s)
    _ears.append(ear)
    try:
        yield
    finally:
        _ears.remove(ear)


@contextmanager
def ending_if_silent(patience_s: float) -> Iterator[None]:
    """End this process with status 1 if it does not beat for some time meanwhile.

    For workers that no parent of ours watches, such as Ray's. It works also where no Python can
    run, as in a call that never returns and holds the interpreter's lock, and writes to standard
    error where every thread was. Only one such context can be open in a process.

    Args:
        patience_s: The time in seconds, above 0; infinity never ends it.
    """
    timeout_s = min(patience_s, LONGEST_S)

    def live_on() -> None:
        faulthandler.dump_traceback_later(timeout_s, exit=True, file=_STDERR)

    live_on()
    try:
        with listening(live_on, every_s=min(1.0, timeout_s / 4)):
            yield
    finally:
        faulthandler.cancel_dump_traceback_later()
