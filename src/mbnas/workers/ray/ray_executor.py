"""An ``Executor`` of the standard library whose calls run as Ray tasks.

Ray decides where a call runs, and reruns it if its worker or node is lost. An exception that the
call itself raises is its outcome, and is raised unchanged.

One thread does everything that concerns Ray; other threads post functions for it to call.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import CancelledError, Executor, Future
from contextlib import suppress
from functools import partial
from queue import Empty, SimpleQueue
from typing import Any, ParamSpec, TypeVar

from mbnas.errors import StudyError, WorkerDied
from mbnas.workers.call import Call, check_open, portable_error
from mbnas.workers.ray.cancellation import Cancellation, start_cancellation
from mbnas.workers.ray.cluster import MAX_RETRIES, import_ray

P = ParamSpec("P")
T = TypeVar("T")

_GRACE_S = 2.0
"""How long to wait for Ray to notice that calls have ended; a stuck process takes longer."""


class RayExecutor(Executor):
    """Runs calls on the Ray cluster that this process is connected to, first come, first served.

    A call that was submitted to Ray runs or is about to. The others wait here, and can be
    cancelled. Functions, arguments and results travel pickled, and the modules that they import
    must be installed on every node.

    Args:
        slots: Returns how many calls may be submitted to Ray at a time, 1 or more. It is called
            whenever a call starts or ends, since nodes may join.
        cpus: Cores of a node that a call takes.
        gpus: Called with the arguments of a call, returns what it takes of a node's GPUs; by
            default nothing.
        max_retries: How often Ray reruns a call whose worker or node was lost.
    """

    def __init__(
        self,
        slots: Callable[[], int],
        *,
        cpus: int = 1,
        gpus: Callable[..., float] | None = None,
        max_retries: int = MAX_RETRIES,
    ) -> None:
        self._ray = import_ray()
        self._slots, self._cpus, self._gpus, self._max_retries = slots, cpus, gpus, max_retries
        self._remote = self._ray.remote(_answer)
        self._lock = threading.Lock()
        self._closed = False
        self._posted: SimpleQueue[Callable[[], None]] = SimpleQueue()
        # Only the thread uses the following attributes.
        self._ending = False
        self._waiting: deque[Call] = deque()
        self._submitted: dict[Any, Call] = {}
        self._cancellation: Cancellation | None = None
        self._thread = threading.Thread(target=self._serve, name="ray-executor", daemon=True)
        self._thread.start()

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Queue a call and return the future that gets its outcome.

        The future raises what the call raised, with the worker's traceback as a note;
        :class:`WorkerDied` if worker or node was lost more often than Ray reruns it;
        ``CancelledError`` after :meth:`terminate`.

        Raises:
            RuntimeError: after shutdown.
        """
        with self._lock:
            check_open(self._closed)
            future: Future[T] = Future()
            call = Call(future=future, function=fn, args=args, kwargs=kwargs)
            self._posted.put(partial(self._waiting.append, call))
            return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Accept no more calls, and finish the accepted ones; the connection to Ray stays.

        Args:
            wait: Whether to return only when all is done.
            cancel_futures: Whether to cancel the calls that were not submitted to Ray.
        """
        with self._lock:
            self._closed = True
            self._posted.put(partial(self._end, cancel_waiting=cancel_futures))
        if wait:
            self._thread.join()

    def terminate(self) -> None:
        """End all calls at once, running ones included; no future is left unfinished."""
        with self._lock:
            self._closed = True
            self._posted.put(self._end_submitted)
        self.shutdown(wait=True, cancel_futures=True)

    def _to_send(
        self, function: Callable[..., Any], args: tuple[Any, ...]
    ) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        """Return what travels in place of a function and its arguments: here, they themselves."""
        return function, args

    def _serve(self) -> None:
        while not (self._ending and not self._waiting and not self._submitted):
            self._posted.get()()
            while self._waiting and self._has_free_slot():
                self._submit_to_ray(self._waiting.popleft())
        self._cancel_submitted()

    def _has_free_slot(self) -> bool:
        try:
            return not self._submitted or len(self._submitted) < self._slots()
        except Exception:
            return True  # the connection to Ray is lost: submitting a call raises the reason

    def _submit_to_ray(self, call: Call) -> None:
        if not call.future.set_running_or_notify_cancel():
            return
        try:
            task = self._remote.options(
                num_cpus=self._cpus,
                num_gpus=0.0 if self._gpus is None else self._gpus(*call.args, **call.kwargs),
                max_retries=self._max_retries,
                retry_exceptions=False,
            )
            if self._cancellation is None:
                self._cancellation = start_cancellation()
            sent = self._to_send(call.function, call.args)
            reference = task.remote(self._cancellation, *sent, call.kwargs)
        except Exception as error:  # the call cannot be pickled, or the connection is lost
            call.future.set_exception(error)
            return
        self._submitted[reference] = call
        reference.future().add_done_callback(
            # called on a thread of Ray, which must not be blocked
            lambda outcome: self._posted.put(partial(self._receive, reference, outcome))
        )

    def _receive(self, reference: Any, outcome: Future[Any]) -> None:
        call = self._submitted.pop(reference, None)
        if call is None or call.future.done():  # ended by `terminate`
            return
        try:
            succeeded, result = outcome.result()
        except Exception as error:
            succeeded, result = False, self._explained(error)
        call.finish(succeeded, result)

    def _end(self, *, cancel_waiting: bool) -> None:
        self._ending = True
        if cancel_waiting:
            self._cancel_waiting()

    def _end_submitted(self) -> None:
        self._cancel_waiting()
        self._cancel_submitted()
        for call in self._submitted.values():
            call.future.set_exception(CancelledError())
        end_s = time.monotonic() + _GRACE_S
        while self._submitted and (left_s := end_s - time.monotonic()) > 0:
            with suppress(Empty):
                self._posted.get(timeout=left_s)()
        self._submitted.clear()

    def _cancel_submitted(self) -> None:
        if self._cancellation is not None:
            with suppress(Exception):  # the cluster may have ended, with all its calls
                self._cancellation.cancel()
            self._cancellation = None

    def _cancel_waiting(self) -> None:
        for call in self._waiting:
            call.cancel()
        self._waiting.clear()

    def _explained(self, error: Exception) -> Exception:
        """Return the exception of a call for an error of Ray."""
        exceptions = self._ray.exceptions
        times = f"{self._max_retries + 1} times" if self._max_retries else "once"
        match error:
            case exceptions.TaskCancelledError():
                return CancelledError()
            case exceptions.OutOfMemoryError():
                return WorkerDied(
                    "Ray ended a training because its node ran out of memory. Use fewer workers, "
                    "or a smaller batch."
                )
            case exceptions.WorkerCrashedError():
                return WorkerDied(
                    f"A Ray worker died in the middle of a training ({times}), most likely killed "
                    "because its node ran out of memory. Use fewer workers, or a smaller batch; "
                    "otherwise look for an incompatible driver or library."
                )
            case exceptions.NodeDiedError() | exceptions.ObjectLostError():
                return WorkerDied(
                    f"The node of a training was lost ({times}). Find out what ends the nodes, and "
                    "run the same command again where they run longer."
                )
            case exceptions.RayTaskError(cause=Exception() as cause):  # outside the call itself
                cause.add_note(str(error))
                return cause
            case exceptions.RayError():
                return StudyError(
                    f"Ray could not run a training: {_first_line(error)}. Every node needs the "
                    "same Python packages as this machine, mbnas included."
                )
            case _:
                return error


def _answer(
    cancellation: Cancellation,
    function: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> tuple[bool, Any]:
    """Return whether a call succeeded, and its result or exception: the Ray task."""
    try:
        with cancellation.cancellable():
            return True, function(*args, **kwargs)
    except Exception as error:
        return False, portable_error(error, "the Ray worker")


def _first_line(error: Exception) -> str:
    return next(iter(str(error).strip().splitlines()), type(error).__name__).rstrip(".")
