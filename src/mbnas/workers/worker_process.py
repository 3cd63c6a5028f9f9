"""One worker process: spawned, told what to call, and outlived by nobody's mistake.

A worker leaves signals meant for the whole run (Ctrl-C, a batch system's warning, a closed
terminal) to its parent, and ends itself when its parent is gone, by whatever end. Functions,
arguments and results travel pickled, over a pipe that also tells the parent of the work's beats
(:mod:`mbnas.machine.heartbeat`): a worker that is silent for too long hangs, and is killed.
"""

from __future__ import annotations

import math
import multiprocessing
import os
import pickle
import signal
import socket
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection, wait
from typing import Any

from mbnas.errors import TrainingError, WorkerDied
from mbnas.machine import heartbeat as pulse

# Sent to every process of a run, and answered by the parent alone.
SIGNALS_OF_THE_RUN = frozenset({signal.SIGINT, signal.SIGTERM, signal.SIGHUP})

_BEAT = b""  # no pickle is empty
# Python itself may take its time to start, on a busy machine or from a slow disk.
_STARTING_S = 60.0
_ENDING_S = 10.0
# multiprocessing looks after all children at once, unguarded, whenever one starts.
_children_lock = threading.Lock()


class Worker:
    """A worker process, seen from its parent; it runs until :meth:`stop` or :meth:`kill`.

    Start it in a thread that blocks :data:`SIGNALS_OF_THE_RUN`: the process inherits that,
    so that no signal can reach it while it starts.

    Args:
        patience_s: A call in which the process is silent for so many seconds has hung, and
            ends with it; a new process has a minute at least for its first sign of life.
    """

    def __init__(self, patience_s: float = math.inf) -> None:
        context = multiprocessing.get_context("spawn")
        self._connection, theirs = context.Pipe()
        self._process = context.Process(target=_work, args=(theirs,), daemon=True)
        with _children_lock:
            self._process.start()
        theirs.close()
        self._patience_s = patience_s
        self._allowed_s = max(patience_s, _STARTING_S)
        self._killed = self._hung = False
        self._lock = threading.Lock()  # of the connection's end

    @property
    def name(self) -> str:
        """Which process it is: host and number."""
        return f"{socket.gethostname()}:{self._process.pid}"

    def has_died(self) -> bool:
        """Whether the process has ended, or was killed and is about to."""
        return self._killed or bool(wait([self._process.sentinel], 0))

    def call(
        self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[bool, Any]:
        """Return whether the call succeeded, and its result or exception.

        Raises:
            WorkerDied: if the process ends first, or hangs. It is then of no more use.
            Exception: if the call cannot be pickled or its outcome not unpickled.
        """
        request = pickle.dumps((function, args, kwargs))
        with self._watched() as watch:
            answer = self._exchange(request, watch)
        if answer is None:
            exit_code = self.stop()
            raise WorkerDied(
                _hanging(self._allowed_s) if self._hung else _cause_of_death(exit_code)
            )
        succeeded, outcome = pickle.loads(answer)
        return succeeded, outcome

    def _exchange(self, request: bytes, watch: _Watch) -> bytes | None:
        """Send a request and return the answer, or ``None`` if the process ends first."""
        with suppress(EOFError, OSError):
            self._connection.send_bytes(request)
            while True:
                wait([self._connection, self._process.sentinel])
                if not self._connection.poll():
                    return None
                message = self._connection.recv_bytes()
                if message != _BEAT:
                    return message
                self._allowed_s = self._patience_s
                watch.set(self._allowed_s)
        return None

    @contextmanager
    def _watched(self) -> Iterator[_Watch]:
        """Kill the process if it falls silent meanwhile."""
        watch = _Watch(self._kill_hanging)
        watch.set(self._allowed_s)
        thread = threading.Thread(target=watch.keep, daemon=True)
        thread.start()
        try:
            yield watch
        finally:
            watch.end()
            thread.join()

    def _kill_hanging(self) -> None:
        self._hung = True
        self.kill()

    def stop(self) -> int | None:
        """Let the process end by itself, or kill it if it does not; return its exit code."""
        with self._lock:
            self._connection.close()
        if not wait([self._process.sentinel], _ENDING_S):
            self._process.kill()
        with _children_lock:
            self._process.join(_ENDING_S)
            return self._process.exitcode

    def kill(self) -> None:
        """End the process at once; its call raises :class:`WorkerDied`.

        The call ends even if the process does not: one that waits for a broken device or disk
        inside the kernel cannot be killed before that answers.
        """
        self._killed = True
        self._process.kill()
        with (
            self._lock,
            suppress(OSError),  # as it is closed, or the process has hung up
            socket.socket(fileno=os.dup(self._connection.fileno())) as end,
        ):
            end.shutdown(socket.SHUT_RDWR)


class _Watch:
    """Looks whether time runs out, which can be set anew, and does something if it does.

    It runs in a thread of its own, so that it can end a call whose thread is stuck in sending to
    a worker that does not read, or in reading an answer that does not go on.
    """

    def __init__(self, run_out: Callable[[], None]) -> None:
        self._run_out = run_out
        self._deadline_s = math.inf
        self._ended = False
        self._changed = threading.Condition()

    def set(self, seconds: float) -> None:
        """Let time run out so many seconds from now."""
        with self._changed:
            self._deadline_s = time.monotonic() + seconds
            self._changed.notify()

    def keep(self) -> None:
        """Watch until :meth:`end`, or until time has run out."""
        with self._changed:
            # It may have ended before this thread first runs, as nobody waits for it to begin.
            while not self._ended and (left_s := self._deadline_s - time.monotonic()) > 0:
                self._changed.wait(min(left_s, pulse.LONGEST_S))
            if self._ended:
                return
        self._run_out()

    def end(self) -> None:
        """Watch no more."""
        with self._changed:
            self._ended = True
            self._changed.notify()


def _hanging(patience_s: float) -> str:
    """Say that a worker hung, and what may help.

    >>> _hanging(600.0)[:74]
    'A worker process hung: it gave no sign of life for 600 seconds (run.patien'
    """
    return (
        f"A worker process hung: it gave no sign of life for {patience_s:g} seconds "
        "(run.patience_s), and was killed. If a single step can take that long, raise "
        "run.patience_s; else look for a driver or library that does not fit."
    )


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

    def tell() -> None:
        with suppress(OSError):  # the parent is gone, and this process about to be
            connection.send_bytes(_BEAT)

    with pulse.listening(tell), suppress(EOFError, OSError):  # the parent hung up
        pulse.beat()
        while True:
            connection.send_bytes(_answer(connection.recv_bytes()))


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
