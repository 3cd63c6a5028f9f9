"""Calls one function for many items, in several processes.

Processes are spawned, never forked, so that threads and devices of the parent are not copied, and
do not run the parent's script again (:mod:`mbnas.machine.spawned`). They end with their parent,
for any reason, and Ctrl-C ends them silently.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from typing import TypeVar

from mbnas.errors import MbnasError
from mbnas.machine.spawned import SPAWNED

ProgressCallback = Callable[[int, int], None]
"""Called with the number of finished items and the number of all items."""

Item = TypeVar("Item")
Result = TypeVar("Result")


def map_in_processes(
    function: Callable[[Item], Result],
    items: Sequence[Item],
    *,
    workers: int,
    progress: ProgressCallback | None = None,
) -> list[Result]:
    """Return ``function`` of each item, in the order of the items.

    The first error is raised, and calls that have not started are dropped.

    Args:
        function: Picklable, as are items and results, and not of the main module; called in this
            process if ``workers`` is 1.
        items: The arguments.
        workers: Number of processes, 1 or more.
        progress: Called after each item.

    Raises:
        MbnasError: if a process died, most often because memory ran out.
    """
    workers = min(workers, len(items))
    if workers <= 1:
        results = []
        for item in items:
            results.append(function(item))
            if progress is not None:
                progress(len(results), len(items))
        return results
    with ProcessPoolExecutor(workers, SPAWNED, initializer=_end_with_parent_or_ctrl_c) as pool:
        with _ctrl_c_blocked():  # processes inherit it, so Ctrl-C cannot reach them as they start
            futures = [pool.submit(function, item) for item in items]
        try:
            return _collect(futures, progress)
        except BrokenProcessPool as error:
            raise MbnasError(
                f"One of {workers} worker processes ended abruptly, most often because memory ran "
                "out. Use fewer workers."
            ) from error
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _collect(futures: list[Future[Result]], progress: ProgressCallback | None) -> list[Result]:
    for done, future in enumerate(as_completed(futures), start=1):
        future.result()
        if progress is not None:
            progress(done, len(futures))
    return [future.result() for future in futures]


def end_with_parent() -> None:
    """End this process, from now on, when its parent has ended, even if that is killed."""
    threading.Thread(target=_wait_for_parent, daemon=True).start()


def _wait_for_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


@contextmanager
def _ctrl_c_blocked() -> Iterator[None]:
    """Deliver Ctrl-C to this thread, and to processes that it starts, only after the context."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _end_with_parent_or_ctrl_c() -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    end_with_parent()
