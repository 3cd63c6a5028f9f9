"""Where trainings run: executors of the standard library's ``concurrent.futures`` kind.

:class:`InlineExecutor` runs a call at once in this process. :class:`ProcessExecutor` has a
number of slots, each with a spawned worker process of its own, such as one for each device.
It differs from the standard library's pool where a search of many hours needs it:

- a worker that dies or hangs fails its own call alone and is replaced, where a pool would break;
- each slot is told which it is, so that it can take a device of its own, and slots of one device
  share its memory (:mod:`mbnas.workers.memory_queue`);
- Ctrl-C reaches only this process, which decides; :meth:`ProcessExecutor.terminate` ends
  running calls at once;
- a worker whose parent is gone, by whatever end, ends itself.
"""

from __future__ import annotations

import atexit
import math
import signal
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError, Executor, Future
from dataclasses import dataclass
from multiprocessing import resource_tracker
from typing import Any, ParamSpec, TypeVar

from mbnas.errors import WorkerDied
from mbnas.workers.memory_queue import Demand, MemoryQueue
from mbnas.workers.worker_process import SIGNALS_OF_THE_RUN, Worker

__all__ = ["Demand", "InlineExecutor", "ProcessExecutor", "WorkerDied"]

P = ParamSpec("P")
T = TypeVar("T")


class InlineExecutor(Executor):
    """Runs each call in this process, before ``submit`` returns."""

    def __init__(self) -> None:
        self._closed = False

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Return a future that is done: it holds the call's result or exception.

        Ctrl-C is no outcome of the call: it passes through.

        Raises:
            RuntimeError: after shutdown.
        """
        _check_open(self._closed)
        future: Future[T] = Future()
        future.set_running_or_notify_cancel()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:
            future.set_exception(error)
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Accept no more calls; none can be running."""
        self._closed = True


def _nothing(*_: Any) -> Demand:
    """Demand nothing of the device."""
    return Demand()


class ProcessExecutor(Executor):
    """Runs calls in spawned processes, one in each slot at a time, first come, first served.

    Calls that state their memory share the memory of a device
    (:class:`mbnas.workers.memory_queue.MemoryQueue`): one starts where it fits beside those that
    run there, unless a call that was passed over before is next. A call that must run alone has
    the device to itself, and a new worker; the device's idle workers are ended before it starts,
    with all that they kept.

    A worker starts with its slot's first call and serves all later ones. Use the executor
    in a ``with``: one that is still open when Python exits terminates its calls. Guard the
    main module by ``if __name__ == "__main__"``, as every spawned process demands.

    Args:
        num_slots: How many calls may run at the same time.
        initializer: Called once in each worker before its first call. If it raises, so
            does that call, and the next one tries anew.
        slot_arguments: What the initializer gets: one tuple for each slot, such as
            ``[("cuda:0",), ("cuda:1",)]``; nothing by default.
        room_bytes: Memory of each device, ``None`` for one without limit. Slots take them in
            turn: with two, slots 0, 2, 4 share the first. By default, one without limit.
        demand: Called with a call's positional arguments, says what it needs of a device;
            nothing by default.
        patience_s: A worker that runs a call and does not beat (:mod:`mbnas.machine.heartbeat`)
            for so many seconds hangs, and is killed. By default, none is.

    Raises:
        ValueError: if there is no slot, not one tuple for each, no device, or no patience.
    """

    def __init__(
        self,
        num_slots: int,
        *,
        initializer: Callable[..., object] | None = None,
        slot_arguments: Sequence[tuple[Any, ...]] | None = None,
        room_bytes: Sequence[int | None] = (None,),
        demand: Callable[..., Demand] = _nothing,
        patience_s: float = math.inf,
    ) -> None:
        if num_slots < 1:
            raise ValueError(f"num_slots (={num_slots}) must be 1 or more.")
        if slot_arguments is None:
            slot_arguments = [()] * num_slots
        if len(slot_arguments) != num_slots:
            raise ValueError(
                f"slot_arguments (={slot_arguments}) must hold one tuple for each of "
                f"{num_slots} slots."
            )
        if not room_bytes:
            raise ValueError("room_bytes must hold the memory of one device or more.")
        if not patience_s > 0:
            raise ValueError(f"patience_s (={patience_s}) must be above 0.")
        # Starting by itself in a slot's thread, it would unblock that thread's signals.
        resource_tracker.ensure_running()
        self._demand = demand
        self._gate = _Gate(room_bytes)
        self._slots = [
            _Slot(self._gate, number % len(room_bytes), initializer, given, patience_s)
            for number, given in enumerate(slot_arguments)
        ]
        for room in range(len(room_bytes)):
            sharing = self._slots[room :: len(room_bytes)]
            for slot in sharing:
                slot.start(sharing)
        atexit.register(self.terminate)

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Queue a call and return the future that gets its outcome.

        The future raises what the call raised, with the worker's traceback as a note;
        :class:`WorkerDied` if the worker died; ``CancelledError`` after :meth:`terminate`.

        Raises:
            RuntimeError: after shutdown.
        """
        future: Future[T] = Future()
        demand = self._demand(*args)
        self._gate.admit(_Call(future=future, function=fn, args=args, kwargs=kwargs, demand=demand))
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Accept no more calls, let those accepted finish, then end the workers.

        Args:
            wait: Whether to return only when all is done.
            cancel_futures: Whether to cancel the calls that have not started.
        """
        self._gate.close()
        if cancel_futures:
            self._gate.cancel_waiting()
        if wait:
            for slot in self._slots:
                slot.thread.join()
            atexit.unregister(self.terminate)

    def terminate(self) -> None:
        """End everything at once, running calls included; no future is left waiting."""
        for slot in self._slots:
            slot.terminate()
        self.shutdown(wait=True, cancel_futures=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Call:
    """A call in the line, and the future that gets its outcome."""

    future: Future[Any]
    function: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    demand: Demand


class _Gate:
    """The line of calls, for threads: slots wait here until a call may enter their room."""

    def __init__(self, room_bytes: Sequence[int | None]) -> None:
        self._changed = threading.Condition()
        self._line: MemoryQueue[_Call] = MemoryQueue(room_bytes)
        self._closed = False

    def admit(self, call: _Call) -> None:
        """Let a call join the line, if the gate is not closed."""
        with self._changed:
            _check_open(self._closed)
            self._line.append(call, call.demand)
            self._changed.notify_all()

    def wait_for_call(self, room: int) -> _Call | None:
        """Return a call that may run in a room now, ``None`` if there will be no more."""
        with self._changed:
            while True:
                for cancelled in self._line.withdraw(lambda call: call.future.cancelled()):
                    cancelled.future.set_running_or_notify_cancel()  # tells those who wait for it
                while (call := self._line.take(room)) is not None:
                    if call.future.set_running_or_notify_cancel():
                        self._changed.notify_all()  # others may be next now, or none left
                        return call
                    self._line.leave(room, call.demand)
                if self._closed and not self._line:
                    return None
                self._changed.wait()

    def leave(self, room: int, call: _Call) -> None:
        """Give back what a call had of its room."""
        with self._changed:
            self._line.leave(room, call.demand)
            self._changed.notify_all()

    def close(self) -> None:
        """Admit no more calls."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def cancel_waiting(self) -> None:
        """Cancel the calls that are in no room."""
        with self._changed:
            calls = self._line.withdraw(lambda _: True)
            self._changed.notify_all()
        for call in calls:
            call.future.cancel()
            call.future.set_running_or_notify_cancel()


class _Slot:
    """One place where calls run: a thread here, and the worker that it keeps."""

    def __init__(
        self,
        gate: _Gate,
        room: int,
        initializer: Callable[..., object] | None,
        arguments: tuple[Any, ...],
        patience_s: float,
    ) -> None:
        self._gate = gate
        self._room = room
        self._initializer = initializer
        self._arguments = arguments
        self._patience_s = patience_s
        self._sharing: Sequence[_Slot] = ()
        self._lock = threading.Lock()
        self._worker: Worker | None = None
        self._terminated = False
        self.thread = threading.Thread(target=self._serve, daemon=True)

    def start(self, sharing: Sequence[_Slot]) -> None:
        """Serve calls from now on, in a room with other slots; this is one of them."""
        self._sharing = sharing
        self.thread.start()

    def terminate(self) -> None:
        """Kill the worker, and start none again."""
        with self._lock:
            self._terminated = True
            if self._worker is not None:
                self._worker.kill()

    def _serve(self) -> None:
        signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS_OF_THE_RUN)
        while (call := self._gate.wait_for_call(self._room)) is not None:
            self._run(call)
            del call  # or its result would be kept alive until the next call
        self._discard_worker()

    def _run(self, call: _Call) -> None:
        succeeded, outcome = self._outcome(call)
        self._gate.leave(self._room, call)
        if succeeded:
            call.future.set_result(outcome)
        else:
            call.future.set_exception(outcome)

    def _outcome(self, call: _Call) -> tuple[bool, Any]:
        start = time.monotonic()
        try:
            if call.demand.alone:
                for slot in self._sharing:  # none of them runs a call now, nor will
                    slot._discard_worker()
            return self._ready_worker().call(call.function, call.args, call.kwargs)
        except WorkerDied as error:
            if self._worker is not None:
                error.worker = self._worker.name
            error.wall_s = time.monotonic() - start
            self._discard_worker()
            return False, CancelledError() if self._terminated else error
        except Exception as error:
            return False, error

    def _ready_worker(self) -> Worker:
        if self._worker is not None and self._worker.has_died():
            self._discard_worker()
        with self._lock:
            if self._terminated:
                raise CancelledError
            if self._worker is not None:
                return self._worker
            worker = self._worker = Worker(self._patience_s)
        if self._initializer is not None:
            try:
                succeeded, outcome = worker.call(self._initializer, self._arguments, {})
            except Exception as error:
                succeeded, outcome = False, error
            if not succeeded:
                self._discard_worker()
                raise outcome
        return worker

    def _discard_worker(self) -> None:
        with self._lock:
            worker, self._worker = self._worker, None
        if worker is not None:
            worker.stop()


def _check_open(closed: bool) -> None:
    if closed:
        raise RuntimeError("This executor was shut down: it accepts no more calls.")
