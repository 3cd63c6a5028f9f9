"""What ties calls on a Ray cluster to the executor that gave them: when it is cut, they end.

Ray's own way to end a task that runs, ``ray.cancel``, ends the driver too where the task
finishes at that moment: a check in Ray finds the task gone and aborts the process (seen in Ray
2.60; https://github.com/ray-project/ray/pull/54798 mended a part of it). So a task ends itself:
its process waits, aside, for the end of an actor that stands for the executor.
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

_MOST_PROCESSES = 100_000
"""How many processes can hold a lifeline at the same time."""


class _Anchor:
    """The actor: it does nothing, and is there until it is killed."""

    async def is_there(self) -> bool:
        return True

    async def wait_for_end(self) -> None:
        await asyncio.Event().wait()


@dataclass(frozen=True, slots=True)
class Lifeline:
    """Holds calls on a Ray cluster; it travels to them as an argument.

    Attributes:
        anchor: Ray's handle of the actor.
    """

    anchor: Any

    def cut(self) -> None:
        """End the processes of all calls that are tied to it, and itself, at once."""
        import_ray().kill(self.anchor)

    @contextmanager
    def tied(self) -> Iterator[None]:
        """End this process, with status 1, if the lifeline is cut meanwhile.

        Raises:
            CancelledError: if it was cut before.
        """
        tie = _tie(self)
        tie.num_calls += 1  # before the look, as the thread looks the other way round
        try:
            if tie.cut.is_set():
                raise CancelledError
            yield
        finally:
            tie.num_calls -= 1


def hold_lifeline() -> Lifeline:
    """Return a new lifeline, whose actor is on this machine: it is lost with the driver alone.

    The actor takes no core. Where it dies of itself Ray starts it again, and no call notices.
    """
    ray = import_ray()
    here = ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy(
        ray.get_runtime_context().get_node_id(), soft=False
    )
    actor = ray.remote(_Anchor).options(
        num_cpus=0,
        max_restarts=-1,
        max_task_retries=-1,
        max_concurrency=_MOST_PROCESSES,
        scheduling_strategy=here,
    )
    return Lifeline(actor.remote())


class _Tie:
    """A process's end of a lifeline: one thread that waits, for all its calls one after another.

    Attributes:
        cut: Set once the lifeline is cut.
        num_calls: How many calls are tied now.
    """

    def __init__(self, anchor: Any) -> None:
        self.cut = threading.Event()
        self.num_calls = 0
        if _answers(anchor.is_there):
            threading.Thread(target=self._wait, args=(anchor,), daemon=True).start()
        else:
            self.cut.set()

    def _wait(self, anchor: Any) -> None:
        _answers(anchor.wait_for_end)
        self.cut.set()
        if self.num_calls:
            os._exit(1)


def _answers(method: Any) -> bool:
    """Call a method of an actor, and return whether that lived until the method returned."""
    ray = import_ray()
    while True:
        try:
            ray.get(method.remote())
        except ray.exceptions.ActorUnavailableError:  # out of reach, not dead
            time.sleep(1)
        except ray.exceptions.RayError:
            return False
        else:
            return True


_ties: dict[Any, _Tie] = {}


def _tie(lifeline: Lifeline) -> _Tie:
    """Return this process's end of a lifeline; those that were cut before are let go."""
    for anchor in [each for each, tie in _ties.items() if tie.cut.is_set()]:
        del _ties[anchor]
    if lifeline.anchor not in _ties:
        _ties[lifeline.anchor] = _Tie(lifeline.anchor)
    return _ties[lifeline.anchor]
