"""Where trainings run: executors of the standard library's ``concurrent.futures`` kind.

:class:`InlineExecutor` runs a call at once in this process. :class:`ProcessExecutor` has a
number of slots, each with a spawned worker process of its own, such as one for each device.
It differs from the standard library's pool where a search of many hours needs it:

- a worker that dies fails its own call alone and is replaced, where a pool would break;
- each slot is told which it is, so that it can take a device of its own;
- Ctrl-C reaches only this process, which decides; :meth:`ProcessExecutor.terminate` ends
  running calls at once;
- a worker whose parent is gone, by whatever end, ends itself.
"""

from __future__ import annotations

import atexit
import signal
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError, Executor, Future
from dataclasses import dataclass
from multiprocessing import resource_tracker
from queue import Empty, SimpleQueue
from typing import Any, ParamSpec, TypeVar

from mbnas.errors import WorkerDied
from mbnas.study.worker import SIGNALS_OF_THE_RUN, Worker

__all__ = ["InlineExecutor", "ProcessExecutor", "WorkerDied"]

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


class ProcessExecutor(Executor):
    """Runs calls in spawned processes, one in each slot at a time, first come, first served.

    A worker starts with its slot's first call and serves all later ones. Use the executor
    in a ``with``: one that is still open when Python exits terminates its calls. Guard the
    main module by ``if __name__ == "__main__"``, as every spawned process demands.

    Args:
        num_slots: How many calls may run at the same time.
        initializer: Called once in each worker before its first call. If it raises, so
            does that call, and the next one tries anew.
        slot_arguments: What the initializer gets: one tuple for each slot, such as
            ``[("cuda:0",), ("cuda:1",)]``; nothing by default.

    Raises:
        ValueError: if there is no slot, or not one tuple for each.
    """

    def __init__(
        self,
        num_slots: int,
        *,
        initializer: Callable[..., object] | None = None,
        slot_arguments: Sequence[tuple[Any, ...]] | None = None,
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
        # Starting by itself in a slot's thread, it would unblock that thread's signals.
        resource_tracker.ensure_running()
        self._lock = threading.Lock()
        self._calls: SimpleQueue[_Call | None] = SimpleQueue()
        self._closed = False
        self._slots = [_Slot(self._calls, initializer, given) for given in slot_arguments]
        atexit.register(self.terminate)

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Queue a call and return the future that gets its outcome.

        The future raises what the call raised, with the worker's traceback as a note;
        :class:`WorkerDied` if the worker died; ``CancelledError`` after :meth:`terminate`.

        Raises:
            RuntimeError: after shutdown.
        """
        with self._lock:
            _check_open(self._closed)
            future: Future[T] = Future()
            self._calls.put(_Call(future=future, function=fn, args=args, kwargs=kwargs))
            return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Accept no more calls, let those accepted finish, then end the workers.

        Args:
            wait: Whether to return only when all is done.
            cancel_futures: Whether to cancel the calls that have not started.
        """
        with self._lock:
            if cancel_futures:
                self._cancel_queued()
            if not self._closed:
                self._closed = True
                for _ in self._slots:
                    self._calls.put(None)
        if wait:
            for slot in self._slots:
                slot.thread.join()
            atexit.unregister(self.terminate)

    def terminate(self) -> None:
        """End everything at once, running calls included; no future is left waiting."""
        for slot in self._slots:
            slot.terminate()
        self.shutdown(wait=True, cancel_futures=True)

    def _cancel_queued(self) -> None:
        num_ends = 0
        while True:
            try:
                call = self._calls.get_nowait()
            except Empty:
                break
            if call is None:
                num_ends += 1
            else:
                call.future.cancel()
                call.future.set_running_or_notify_cancel()  # tells those who wait for it
        for _ in range(num_ends):
            self._calls.put(None)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Call:
    """A call in the queue, and the future that gets its outcome."""

    future: Future[Any]
    function: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: dict[str, Any]


class _Slot:
    """One place where calls run: a thread here, and the worker that it keeps."""

    def __init__(
        self,
        calls: SimpleQueue[_Call | None],
        initializer: Callable[..., object] | None,
        arguments: tuple[Any, ...],
    ) -> None:
        self._calls = calls
        self._initializer = initializer
        self._arguments = arguments
        self._lock = threading.Lock()
        self._worker: Worker | None = None
        self._terminated = False
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def terminate(self) -> None:
        """Kill the worker, and start none again."""
        with self._lock:
            self._terminated = True
            if self._worker is not None:
                self._worker.kill()

    def _serve(self) -> None:
        signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS_OF_THE_RUN)
        while (call := self._calls.get()) is not None:
            if call.future.set_running_or_notify_cancel():
                self._run(call)
            del call  # or its result would be kept alive until the next call
        self._discard_worker()

    def _run(self, call: _Call) -> None:
        try:
            succeeded, outcome = self._ready_worker().call(call.function, call.args, call.kwargs)
        except WorkerDied as error:
            self._discard_worker()
            succeeded, outcome = False, CancelledError() if self._terminated else error
        except Exception as error:
            succeeded, outcome = False, error
        if succeeded:
            call.future.set_result(outcome)
        else:
            call.future.set_exception(outcome)

    def _ready_worker(self) -> Worker:
        if self._worker is not None and self._worker.has_died():
            self._discard_worker()
        with self._lock:
            if self._terminated:
                raise CancelledError
            if self._worker is not None:
                return self._worker
            worker = self._worker = Worker()
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
