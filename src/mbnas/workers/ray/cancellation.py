"""Ends the calls of an executor that run on a Ray cluster.

Ray's own ``ray.cancel`` also ends the driver if the task finishes at that moment: a check in Ray
does not find the task and aborts the process (seen in Ray 2.60;
https://github.com/ray-project/ray/pull/54798 fixed a part of it). Therefore a task ends itself:
a thread of its process waits until an actor is killed that belongs to the executor.
"""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import Iterator
from concurrent.futures import CancelledError
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from mbnas.workers.ray.cluster import import_ray

_MAX_PROCESSES = 100_000
"""How many processes can wait for one actor at the same time."""


class _CancellationActor:
    """The actor: it does nothing, and lives until it is killed."""

    async def ping(self) -> bool:
        return True

    async def wait_for_end(self) -> None:
        await asyncio.Event().wait()


@dataclass(frozen=True, slots=True)
class Cancellation:
    """Cancels calls on a Ray cluster; it travels to them as an argument.

    Attributes:
        actor: Ray's handle of the actor.
    """

    actor: Any

    def cancel(self) -> None:
        """End the processes of all calls that are cancellable by it, and its actor, at once."""
        import_ray().kill(self.actor)

    @contextmanager
    def cancellable(self) -> Iterator[None]:
        """End this process, with status 1, if the calls are cancelled meanwhile.

        Raises:
            CancelledError: if they were cancelled before.
        """
        watcher = _watcher(self)
        watcher.num_calls += 1  # before `cancelled` is read: the thread uses the reverse order
        try:
            if watcher.cancelled.is_set():
                raise CancelledError
            yield
        finally:
            watcher.num_calls -= 1


def start_cancellation() -> Cancellation:
    """Start an actor on this machine, so that it is lost only with the driver.

    The actor takes no core. If it dies without being killed by us, Ray restarts it, and no call
    is affected.
    """
    ray = import_ray()
    here = ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy(
        ray.get_runtime_context().get_node_id(), soft=False
    )
    actor = ray.remote(_CancellationActor).options(
        num_cpus=0,
        max_restarts=-1,
        max_task_retries=-1,
        max_concurrency=_MAX_PROCESSES,
        scheduling_strategy=here,
    )
    return Cancellation(actor.remote())


class _Watcher:
    """A thread of this process that waits for the end of an actor, for all calls in turn.

    Attributes:
        cancelled: Set once the actor was killed.
        num_calls: How many cancellable calls run now.
    """

    def __init__(self, actor: Any) -> None:
        self.cancelled = threading.Event()
        self.num_calls = 0
        if _answers(actor.ping):
            threading.Thread(target=self._wait, args=(actor,), daemon=True).start()
        else:
            self.cancelled.set()

    def _wait(self, actor: Any) -> None:
        _answers(actor.wait_for_end)
        self.cancelled.set()
        if self.num_calls:
            os._exit(1)


def _answers(method: Any) -> bool:
    """Call a method of an actor, and return whether the actor lived until it returned."""
    ray = import_ray()
    while True:
        try:
            ray.get(method.remote())
        except ray.exceptions.ActorUnavailableError:  # unreachable, not dead
            time.sleep(1)
        except ray.exceptions.RayError:
            return False
        else:
            return True


_watchers: dict[Any, _Watcher] = {}


def _watcher(cancellation: Cancellation) -> _Watcher:
    """Return this process's watcher of an actor, and drop those of killed actors."""
    for actor in [each for each, watcher in _watchers.items() if watcher.cancelled.is_set()]:
        del _watchers[actor]
    if cancellation.actor not in _watchers:
        _watchers[cancellation.actor] = _Watcher(cancellation.actor)
    return _watchers[cancellation.actor]
