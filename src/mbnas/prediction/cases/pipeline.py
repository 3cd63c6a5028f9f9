"""A pipeline that reads, predicts and writes items in order at the same time, in bounded memory.

Readers and writers are threads: decompression, compression and disk access release the interpreter
for prediction.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

from mbnas.errors import MbnasError

Item = TypeVar("Item")
Read = TypeVar("Read")
Made = TypeVar("Made")
Result = TypeVar("Result")


def overlapped(
    items: Iterable[Item],
    read: Callable[[Item], Read],
    work: Callable[[Item, Read], Made],
    write: Callable[[Item, Made], Result],
    *,
    workers: int,
) -> Iterator[tuple[Item, Result | MbnasError]]:
    """Yield every item with its result or its error.

    At most ``workers`` items are being read or wait for work, one is worked on, and ``workers``
    are being written or finished. Errors other than ``MbnasError`` end the pipeline.

    Args:
        items: The items to process.
        read: Called in a thread.
        work: Called in this thread, with the result of ``read``.
        write: Called in a thread, with the result of ``work``.
        workers: Number of threads that read, and of threads that write, 1 or more.
    """
    waiting = iter(items)
    reading: deque[tuple[Item, Future[Read]]] = deque()
    writing: deque[tuple[Item, Future[Result]]] = deque()
    readers, writers = ThreadPoolExecutor(workers), ThreadPoolExecutor(workers)
    try:
        reading.extend((each, readers.submit(read, each)) for each in islice(waiting, workers))
        while reading or writing:
            if writing and (not reading or len(writing) >= workers or writing[0][1].done()):
                item, written = writing.popleft()
                outcome: Result | MbnasError = _outcome(written)
                yield item, outcome
                continue
            item, being_read = reading.popleft()
            reading.extend((each, readers.submit(read, each)) for each in islice(waiting, 1))
            try:
                made = writers.submit(write, item, work(item, being_read.result()))
            except MbnasError as error:
                yield item, error
            else:
                writing.append((item, made))
            del being_read  # frees its result
    finally:
        for pool in (readers, writers):
            pool.shutdown(cancel_futures=True)


def _outcome(future: Future[Result]) -> Result | MbnasError:
    try:
        return future.result()
    except MbnasError as error:
        return error
