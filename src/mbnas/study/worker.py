"""One worker process: spawned, told what to call, and outlived by nobody's mistake.

A worker leaves signals meant for the whole run (Ctrl-C, a batch system's warning, a closed
terminal) to its parent, and ends itself when its parent is gone, by whatever end. Functions,
arguments and results travel pickled.
"""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import threading
import traceback
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from typing import Any

from mbnas.errors import TrainingError, WorkerDied

# Sent to every process of a run, and answered by the parent alone.
SIGNALS_OF_THE_RUN = frozenset({signal.SIGINT, signal.SIGTERM, signal.SIGHUP})

_PATIENCE_S = 10.0
# multiprocessing looks after all children at once, unguarded, whenever one starts.
_children_lock = threading.Lock()


class Worker:
    """A worker process, seen from its parent; it runs until :meth:`stop` or :meth:`kill`.

    Start it in a thread that blocks :data:`SIGNALS_OF_THE_RUN`: the process inherits that,
    so that no signal can reach it while it starts.
    """

    def __init__(self) -> None:
        context = multiprocessing.get_context("spawn")
        self._connection, theirs = context.Pipe()
        self._process = context.Process(target=_work, args=(theirs,), daemon=True)
        with _children_lock:
            self._process.start()
        theirs.close()

    def has_died(self) -> bool:
        """Whether the process has ended without being asked to."""
        return bool(wait([self._process.sentinel], 0))

    def call(
        self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[bool, Any]:
        """Return whether the call succeeded, and its result or exception.

        Raises:
            WorkerDied: if the process ends first. It is then of no more use.
            Exception: if the call cannot be pickled or its outcome not unpickled.
        """
        answer = self._exchange(pickle.dumps((function, args, kwargs)))
        if answer is None:
            raise WorkerDied(_cause_of_death(self.stop()))
        succeeded, outcome = pickle.loads(answer)
        return succeeded, outcome

    def _exchange(self, request: bytes) -> bytes | None:
        """Send a request and return the answer, or ``None`` if the process ends first."""
        with suppress(EOFError, OSError):
            self._connection.send_bytes(request)
            wait([self._connection, self._process.sentinel])
            if self._connection.poll():
                return self._connection.recv_bytes()
        return None

    def stop(self) -> int | None:
        """Let the process end by itself, or kill it if it does not; return its exit code."""
        self._connection.close()
        if not wait([self._process.sentinel], _PATIENCE_S):
            self._process.kill()
        with _children_lock:
            self._process.join(_PATIENCE_S)
            return self._process.exitcode

    def kill(self) -> None:
        """End the process at once; its call raises :class:`WorkerDied`."""
        self._process.kill()


def _cause_of_death(exit_code: int | None) -> str:
    """Say what ended a worker, and what may help.

    >>> _cause_of_death(3)
    'A worker process ended itself with status 3 in the middle of a training.'
    """
    if exit_code is None or exit_code >= 0:
        return f"A worker process ended itself with status {exit_code} in the middle of a training."
    name = signal.strsignal(-exit_code)
    if -exit_code == signal.SIGKILL:
        return (
            f"A worker process was killed (signal {-exit_code}, {name}), most likely because the "
            "machine ran out of memory. Use fewer workers, or a smaller batch."
        )
    return (
        f"A worker process crashed (signal {-exit_code}, {name}). If it happens again, try "
        "--workers 1, and look for a driver or library that does not fit."
    )


def _work(connection: Connection) -> None:
    """Serve one call after another until the parent hangs up: the process's main function."""
    for number in SIGNALS_OF_THE_RUN:
        signal.signal(number, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    while True:
        try:
            request = connection.recv_bytes()
        except (EOFError, OSError):
            return
        connection.send_bytes(_answer(request))


def _answer(request: bytes) -> bytes:
    try:
        function, args, kwargs = pickle.loads(request)
        return pickle.dumps((True, function(*args, **kwargs)))
    except Exception as error:
        note = f"In the worker process:\n{traceback.format_exc()}"
        error.add_note(note)
        try:
            answer = pickle.dumps((False, error))
            pickle.loads(answer)  # many exceptions can be pickled, yet not made again
        except Exception:
            substitute = TrainingError(f"{type(error).__name__}: {error}")
            substitute.add_note(note)
            answer = pickle.dumps((False, substitute))
        return answer


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    wait([parent.sentinel])
    os._exit(1)
