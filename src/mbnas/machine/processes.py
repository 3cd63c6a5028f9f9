"""One function over many items, in several processes.

Processes are spawned, never forked, so that threads and devices of the parent do no harm.
They end with their parent, however it ends, and Ctrl-C ends them silently.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from typing import TypeVar

from mbnas.errors import MbnasError

ProgressCallback = Callable[[int, int], None]
"""Called with how many items are done and how many there are."""

Item = TypeVar("Item")
Result = TypeVar("Result")


def map_in_processes(
    function: Callable[[Item], Result],
    items: Sequence[Item],
    *,
    workers: int,
    progress: ProgressCallback | None = None,
) -> list[Result]:
    """Return ``function`` of each item, in the items' order.

    The first error ends the work: what has not begun is dropped, and the error raised.

    Args:
        function: Picklable, as are the items and results; called here if ``workers`` is 1.
        items: What to work on.
        workers: How many processes, 1 or more.
        progress: Told of every item done.

    Raises:
        MbnasError: if a process died, most often because memory ran out.
    """
    report = progress or (lambda done, total: None)
    workers = min(workers, len(items))
    if workers <= 1:
        results = []
        for item in items:
            results.append(function(item))
            report(len(results), len(items))
        return results
    with ProcessPoolExecutor(
        workers, multiprocessing.get_context("spawn"), initializer=_belong_to_parent
    ) as pool:
        futures = [pool.submit(function, item) for item in items]
        try:
            return _collect(futures, report)
        except BrokenProcessPool as error:
            raise MbnasError(
                f"One of {workers} worker processes ended abruptly, most often because memory ran "
                "out. Use fewer workers."
            ) from error
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _collect(futures: list[Future[Result]], report: ProgressCallback) -> list[Result]:
    for done, future in enumerate(as_completed(futures), start=1):
        future.result()
        report(done, len(futures))
    return [future.result() for future in futures]


def _belong_to_parent() -> None:
    """Make this process end silently at Ctrl-C, and with its parent even if that is killed."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
