"""News: long work tells how far it is, and a listener can receive this.

The work calls :func:`tell`. Without a listener nothing happens. In a worker process, news travel to
the parent (:mod:`mbnas.workers.worker_process`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

Hear = Callable[[object], object]
"""Called with each piece of news."""

_listeners: list[Hear] = []


def tell(news: object) -> None:
    """Tell the listener of this process, if there is one.

    Args:
        news: What to tell; it must be picklable.
    """
    if _listeners:
        _listeners[-1](news)


@contextmanager
def hearing(hear: Hear) -> Iterator[None]:
    """Call a function with the news of this process meanwhile, in place of any other.

    Args:
        hear: Called in the thread that tells, which raises what it raises.
    """
    _listeners.append(hear)
    try:
        yield
    finally:
        _listeners.remove(hear)
