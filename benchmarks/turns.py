"""Processes that start before the measurement and work only in their turn."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import Any


@contextmanager
def process(work: Callable[..., None], *arguments: Any) -> Iterator[Connection]:
    """Yield the connection to a process that works on request, and ends with the context.

    Args:
        work: Called there with the process's end of the connection, on which it gets ``"round"``
            for each turn and anything else to end, and with the arguments.
        arguments: Further arguments of ``work``.
    """
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    started = context.Process(target=work, args=(there, *arguments))
    started.start()
    there.close()  # so that a process that ends is noticed here
    try:
        yield here
        here.send("end")
    finally:
        here.close()
        started.join()
