"""Where trainings run: executors with the interface of ``concurrent.futures``.

:class:`InlineExecutor` runs a call immediately in this process. :class:`ProcessExecutor` has a
number of slots, each with its own spawned worker process, such as one per device. It differs from
the standard library's pool where a search of many hours needs it:

- a worker that dies or hangs fails only its own call and is replaced; a pool would break;
- each slot has its own arguments, so that it can use its own device, and slots on one device
  share its memory (:mod:`mbnas.workers.memory_queue`);
- Ctrl-C reaches only this process, which decides; :meth:`ProcessExecutor.terminate` ends
  running calls at once;
- a worker ends itself when its parent has ended, for any reason.
"""

from __future__ import annotations

import atexit
import math
import signal
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError, Executor, Future
from multiprocessing import resource_tracker
from typing import Any, ParamSpec, TypeVar

from mbnas.errors import WorkerDied
from mbnas.machine.news import Hear
from mbnas.workers.call import Call, check_open
from mbnas.workers.memory_queue import Demand, MemoryQueue
from mbnas.workers.worker_process import RUN_SIGNALS, Worker

__all__ = ["Demand", "InlineExecutor", "ProcessExecutor", "WorkerDied"]

P = ParamSpec("P")
T = TypeVar("T")


class InlineExecutor(Executor):
    """Runs each call in this process, before ``submit`` returns."""

    def __init__(self) -> None:
        self._closed = False

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Run the call and return a finished future with its result or exception.

        Ctrl-C is not an outcome of the call: it propagates.

        Raises:
            RuntimeError: after shutdown.
        """
        check_open(self._closed)
        future: Future[T] = Future()
        future.set_running_or_notify_cancel()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:
            future.set_exception(error)
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Accept no more calls; none can be running now."""
        self._closed = True


class ProcessExecutor(Executor):
    """Runs calls in spawned processes, one per slot at a time, first come, first served.

    Calls that state their memory share the memory of a device
    (:class:`mbnas.workers.memory_queue.MemoryQueue`): a call starts where it fits next to the
    calls that run there, unless a call that was passed over before is next. A call that must run
    alone has the device to itself, and a new worker; the idle workers of the device are ended
    before it starts, which frees the memory that they kept.

    A worker starts with the first call of its slot and serves all later ones. Use the executor
    in a ``with``: one that is still open when Python exits terminates its calls. Its
    processes do not run the main module again (:mod:`mbnas.machine.spawned`), so what they call
    must be in another one.

    Args:
        num_slots: How many calls may run at the same time.
        initializer: Called once in each worker before its first call. If it raises, so
            does that call, and the next call tries again.
        slot_arguments: Arguments of the initializer: one tuple for each slot, such as
            ``[("cuda:0",), ("cuda:1",)]``; by default none.
        device_memory_bytes: Memory of each device, ``None`` for no limit. Slots use the devices
            in turn: with two devices, slots 0, 2, 4 share the first. By default, one device
            without limit.
        demand: Called with the positional arguments of a call, returns what it needs of a
            device; by default nothing.
        patience_s: A worker that runs a call without a heartbeat (:mod:`mbnas.machine.heartbeat`)
            for this many seconds hangs, and is killed. By default, workers are never killed.
        hear: Called with the news of calls (:mod:`mbnas.machine.news`), in threads of this
            executor.

    Raises:
        ValueError: if there is no slot, no device, not one tuple for each slot, or if the
            patience is not above 0.
    """

    def __init__(
        self,
        num_slots: int,
        *,
        initializer: Callable[..., object] | None = None,
        slot_arguments: Sequence[tuple[Any, ...]] | None = None,
        device_memory_bytes: Sequence[int | None] = (None,),
        demand: Callable[..., Demand] | None = None,
        patience_s: float = math.inf,
        hear: Hear | None = None,
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
        if not device_memory_bytes:
            raise ValueError("device_memory_bytes must hold the memory of one device or more.")
        if not patience_s > 0:
            raise ValueError(f"patience_s (={patience_s}) must be above 0.")
        # If it started by itself in the thread of a slot, it would unblock that thread's signals.
        resource_tracker.ensure_running()
        self._demand = demand
        self._queue = _CallQueue(device_memory_bytes)
        num_devices = len(device_memory_bytes)
        self._slots = [
            _Slot(self._queue, number % num_devices, initializer, arguments, patience_s, hear)
            for number, arguments in enumerate(slot_arguments)
        ]
        for device in range(num_devices):
            device_slots = self._slots[device::num_devices]
            for slot in device_slots:
                slot.start(device_slots)
        atexit.register(self.terminate)

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Queue a call and return the future that gets its outcome.

        The future raises what the call raised, with the worker's traceback as a note;
        :class:`WorkerDied` if the worker died; ``CancelledError`` after :meth:`terminate`.

        Raises:
            RuntimeError: after shutdown.
        """
        future: Future[T] = Future()
        demand = Demand() if self._demand is None else self._demand(*args)
        self._queue.put(Call(future=future, function=fn, args=args, kwargs=kwargs), demand)
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Accept no more calls, finish the accepted ones, then end the workers.

        Args:
            wait: Whether to return only when all is done.
            cancel_futures: Whether to cancel the calls that have not started.
        """
        self._queue.close()
        if cancel_futures:
            self._queue.cancel_waiting()
        if wait:
            for slot in self._slots:
                slot.thread.join()
            atexit.unregister(self.terminate)

    def terminate(self) -> None:
        """End all calls at once, running ones included; no future is left unfinished."""
        for slot in self._slots:
            slot.terminate()
        self.shutdown(wait=True, cancel_futures=True)


class _CallQueue:
    """A :class:`MemoryQueue` for threads: each slot waits here for its next call."""

    def __init__(self, device_memory_bytes: Sequence[int | None]) -> None:
        self._changed = threading.Condition()
        self._waiting: MemoryQueue[tuple[Call, Demand]] = MemoryQueue(device_memory_bytes)
        self._closed = False

    def put(self, call: Call, demand: Demand) -> None:
        """Add a call, unless the queue is closed."""
        with self._changed:
            check_open(self._closed)
            self._waiting.append((call, demand), demand)
            self._changed.notify_all()

    def get(self, device: int) -> tuple[Call, Demand] | None:
        """Wait for a call that may run on a device; ``None`` if there will be no more."""
        with self._changed:
            while True:
                for cancelled, _ in self._waiting.withdraw(_is_cancelled):
                    cancelled.cancel()
                while (taken := self._waiting.take(device)) is not None:
                    call, demand = taken
                    if call.future.set_running_or_notify_cancel():
                        self._changed.notify_all()  # others may be next now, or none left
                        return taken
                    self._waiting.release(device, demand)
                if self._closed and not self._waiting:
                    return None
                self._changed.wait()

    def release(self, device: int, demand: Demand) -> None:
        """Free what a call held of its device."""
        with self._changed:
            self._waiting.release(device, demand)
            self._changed.notify_all()

    def close(self) -> None:
        """Accept no more calls."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def cancel_waiting(self) -> None:
        """Cancel the calls that have not started."""
        with self._changed:
            withdrawn = self._waiting.withdraw(lambda _: True)
            self._changed.notify_all()
        for call, _ in withdrawn:
            call.cancel()


def _is_cancelled(waiting: tuple[Call, Demand]) -> bool:
    return waiting[0].future.cancelled()


class _Slot:
    """A thread that runs one call after another in the worker process that it keeps."""

    def __init__(
        self,
        queue: _CallQueue,
        device: int,
        initializer: Callable[..., object] | None,
        arguments: tuple[Any, ...],
        patience_s: float,
        hear: Hear | None,
    ) -> None:
        self._queue = queue
        self._device = device
        self._initializer = initializer
        self._arguments = arguments
        self._patience_s = patience_s
        self._hear = hear
        self._device_slots: Sequence[_Slot] = ()
        self._lock = threading.Lock()
        self._worker: Worker | None = None
        self._terminated = False
        self.thread = threading.Thread(target=self._serve, daemon=True)

    def start(self, device_slots: Sequence[_Slot]) -> None:
        """Start to serve calls; the slots are all those of its device, with itself."""
        self._device_slots = device_slots
        self.thread.start()

    def terminate(self) -> None:
        """Kill the worker, and start no other."""
        with self._lock:
            self._terminated = True
            if self._worker is not None:
                self._worker.kill()

    def _serve(self) -> None:
        signal.pthread_sigmask(signal.SIG_BLOCK, RUN_SIGNALS)
        while (taken := self._queue.get(self._device)) is not None:
            self._run(*taken)
            del taken  # or its result would be kept alive until the next call
        self._discard_worker()

    def _run(self, call: Call, demand: Demand) -> None:
        succeeded, outcome = self._outcome(call, alone=demand.alone)
        self._queue.release(self._device, demand)
        call.finish(succeeded, outcome)

    def _outcome(self, call: Call, *, alone: bool) -> tuple[bool, Any]:
        start = time.monotonic()
        try:
            if alone:
                for slot in self._device_slots:  # none of them runs a call meanwhile
                    slot._discard_worker()
            return self._live_worker().call(call.function, call.args, call.kwargs)
        except WorkerDied as error:
            if self._worker is not None:
                error.worker = self._worker.name
            error.wall_s = time.monotonic() - start
            self._discard_worker()
            return False, CancelledError() if self._terminated else error
        except Exception as error:
            return False, error

    def _live_worker(self) -> Worker:
        if self._worker is not None and self._worker.has_died():
            self._discard_worker()
        with self._lock:
            if self._terminated:
                raise CancelledError
            if self._worker is not None:
                return self._worker
            worker = self._worker = Worker(self._patience_s, self._hear)
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
