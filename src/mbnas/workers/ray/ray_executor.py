"""Calls as Ray tasks behind the standard library's ``Executor``: futures in, outcomes out.

Ray sees to where a call runs, and runs it again where its worker or node is lost. What the
call itself raises is its outcome and is raised as it is.

One thread does all that concerns Ray, one thing after another; other threads post to it.
"""

from __future__ import annotations

import pickle
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable
from concurrent.futures import CancelledError, Executor, Future
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from queue import Empty, SimpleQueue
from typing import Any, ParamSpec, TypeVar

from mbnas.errors import StudyError, TrainingError, WorkerDied
from mbnas.workers.ray.cancellation import Lifeline, hold_lifeline
from mbnas.workers.ray.cluster import MAX_RETRIES, import_ray

P = ParamSpec("P")
T = TypeVar("T")

_GRACE_S = 2.0
"""How long Ray may take to notice that calls have ended; a process that is stuck takes longer."""


def no_gpu(*args: object, **kwargs: object) -> float:
    """Ask for no GPU, whatever the call."""
    return 0.0


class RayExecutor(Executor):
    """Runs calls on the Ray cluster that this process is connected to, first come, first served.

    A call that Ray has been given runs or is about to; the others wait here, and can be
    cancelled. Functions, arguments and results travel pickled, and what they import must be
    installed on every node.

    Args:
        slots: Says how many calls Ray is given at a time, 1 or more. It is asked again
            whenever a call comes or goes, as nodes may join.
        cpus: Cores of a node that a call takes.
        gpus: Given a call's arguments, says what it takes of a node's GPUs.
        max_retries: How often Ray runs a call again whose worker or node was lost.
    """

    def __init__(
        self,
        slots: Callable[[], int],
        *,
        cpus: int = 1,
        gpus: Callable[..., float] = no_gpu,
        max_retries: int = MAX_RETRIES,
    ) -> None:
        self._ray = import_ray()
        self._slots, self._cpus, self._gpus, self._max_retries = slots, cpus, gpus, max_retries
        self._remote = self._ray.remote(_answer)
        self._lock = threading.Lock()
        self._closed = False
        self._posted: SimpleQueue[Callable[[], None]] = SimpleQueue()
        # What follows belongs to the thread.
        self._ending = False
        self._waiting: deque[_Call] = deque()
        self._given: dict[Any, _Call] = {}
        self._lifeline: Lifeline | None = None
        self._thread = threading.Thread(target=self._serve, name="ray-executor", daemon=True)
        self._thread.start()

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Queue a call and return the future that gets its outcome.

        The future raises what the call raised, with the worker's traceback as a note;
        :class:`WorkerDied` if worker or node was lost more often than Ray retries;
        ``CancelledError`` after :meth:`terminate`.

        Raises:
            RuntimeError: after shutdown.
        """
        with self._lock:
            if self._closed:
                raise RuntimeError("This executor was shut down: it accepts no more calls.")
            future: Future[T] = Future()
            call = _Call(future=future, function=fn, args=args, kwargs=kwargs)
            self._posted.put(partial(self._waiting.append, call))
            return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Accept no more calls, and let those accepted finish; the connection to Ray stays.

        Args:
            wait: Whether to return only when all is done.
            cancel_futures: Whether to cancel the calls that Ray has not been given.
        """
        with self._lock:
            self._closed = True
            self._posted.put(partial(self._end, cancel_waiting=cancel_futures))
        if wait:
            self._thread.join()

    def terminate(self) -> None:
        """End everything at once, running calls included; no future is left waiting."""
        with self._lock:
            self._closed = True
            self._posted.put(self._end_given)
        self.shutdown(wait=True, cancel_futures=True)

    def _sent(
        self, function: Callable[..., Any], args: tuple[Any, ...]
    ) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        """Return what travels for a function and its arguments: here, themselves."""
        return function, args

    def _serve(self) -> None:
        while not (self._ending and not self._waiting and not self._given):
            self._posted.get()()
            while self._waiting and self._has_room():
                self._give(self._waiting.popleft())
        self._cut_lifeline()

    def _has_room(self) -> bool:
        try:
            return not self._given or len(self._given) < self._slots()
        except Exception:
            return True  # Ray is gone: giving it a call tells why

    def _give(self, call: _Call) -> None:
        if not call.future.set_running_or_notify_cancel():
            return
        try:
            task = self._remote.options(
                num_cpus=self._cpus,
                num_gpus=self._gpus(*call.args, **call.kwargs),
                max_retries=self._max_retries,
                retry_exceptions=False,
            )
            if self._lifeline is None:
                self._lifeline = hold_lifeline()
            sent = self._sent(call.function, call.args)
            reference = task.remote(self._lifeline, *sent, call.kwargs)
        except Exception as error:  # what cannot be pickled, or Ray is gone
            call.future.set_exception(error)
            return
        self._given[reference] = call
        reference.future().add_done_callback(
            # on a thread of Ray's that must not be kept
            lambda outcome: self._posted.put(partial(self._take_back, reference, outcome))
        )

    def _take_back(self, reference: Any, outcome: Future[Any]) -> None:
        call = self._given.pop(reference, None)
        if call is None or call.future.done():  # ended by `terminate`
            return
        try:
            succeeded, result = outcome.result()
        except Exception as error:
            succeeded, result = False, self._explained(error)
        if succeeded:
            call.future.set_result(result)
        else:
            call.future.set_exception(result)

    def _end(self, *, cancel_waiting: bool) -> None:
        self._ending = True
        if cancel_waiting:
            self._cancel_waiting()

    def _end_given(self) -> None:
        self._cancel_waiting()
        self._cut_lifeline()
        for call in self._given.values():
            call.future.set_exception(CancelledError())
        end_s = time.monotonic() + _GRACE_S
        while self._given and (left_s := end_s - time.monotonic()) > 0:
            with suppress(Empty):
                self._posted.get(timeout=left_s)()
        self._given.clear()

    def _cut_lifeline(self) -> None:
        if self._lifeline is not None:
            with suppress(Exception):  # the cluster may be gone, and all that runs on it
                self._lifeline.cut()
            self._lifeline = None

    def _cancel_waiting(self) -> None:
        for call in self._waiting:
            call.future.cancel()
            call.future.set_running_or_notify_cancel()  # tells those who wait for it
        self._waiting.clear()

    def _explained(self, error: Exception) -> Exception:
        """Return what an error of Ray's means for the call."""
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
                    "else look for a driver or library that does not fit."
                )
            case exceptions.NodeDiedError() | exceptions.ObjectLostError():
                return WorkerDied(
                    f"The node of a training was lost ({times}). Run the same command again where "
                    "nodes stay longer, and look for what ends them."
                )
            case exceptions.RayTaskError(cause=Exception() as cause):  # beyond the call itself
                return _noted(cause, str(error))
            case exceptions.RayError():
                return StudyError(
                    f"Ray could not run a training: {_first_line(error)}. Every node needs the "
                    "same Python packages as this machine, mbnas included."
                )
            case _:
                return error


@dataclass(frozen=True, slots=True, kw_only=True)
class _Call:
    """A call that was accepted, and the future that gets its outcome."""

    future: Future[Any]
    function: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: dict[str, Any]


def _answer(
    lifeline: Lifeline,
    function: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> tuple[bool, Any]:
    """Return whether a call succeeded, and its result or exception: this runs as a Ray task."""
    try:
        with lifeline.tied():
            return True, function(*args, **kwargs)
    except Exception as error:
        place = f"In the Ray worker:\n{traceback.format_exc()}"
        try:
            pickle.loads(pickle.dumps(error))  # many exceptions can be pickled, yet not made again
        except Exception:
            error = TrainingError(f"{type(error).__name__}: {error}")
        return False, _noted(error, place)


def _noted(error: Exception, note: str) -> Exception:
    error.add_note(note)
    return error


def _first_line(error: Exception) -> str:
    return next(iter(str(error).strip().splitlines()), type(error).__name__).rstrip(".")
