"""One worker process: spawned, given calls over a pipe, and ended with its parent.

A worker leaves signals meant for the whole run (Ctrl-C, a batch system's warning, a closed
terminal) to its parent, and ends itself when its parent has ended, for any reason. Functions,
arguments and results travel pickled over a pipe. So do the worker's heartbeats
(:mod:`mbnas.machine.heartbeat`): a worker without one for too long hangs, and is killed. News of a
call (:mod:`mbnas.machine.news`) travel the same way.
"""

from __future__ import annotations

import math
import os
import pickle
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection, wait
from typing import Any

from mbnas.errors import WorkerDied
from mbnas.machine import heartbeat
from mbnas.machine.news import Hear, hearing
from mbnas.machine.processes import end_with_parent
from mbnas.machine.spawned import SPAWNED
from mbnas.workers.call import portable_error

# Sent to every process of a run, and handled only by the parent.
RUN_SIGNALS = frozenset({signal.SIGINT, signal.SIGTERM, signal.SIGHUP})

_BEAT = b""  # no pickle is empty
_NEWS = b"\x00"  # no pickle begins with it
# Python itself may start slowly, on a busy machine or from a slow disk.
_STARTING_S = 60.0
_ENDING_S = 10.0
# Whenever a process starts, multiprocessing reaps all children, without a lock.
_children_lock = threading.Lock()


class Worker:
    """A worker process as its parent sees it; it runs until :meth:`stop` or :meth:`kill`.

    Start it in a thread that blocks :data:`RUN_SIGNALS`: the process inherits the mask,
    so that no signal can reach it while it starts.

    Args:
        patience_s: The process hangs if it sends no heartbeat during a call for this many
            seconds, and is killed; a new process has at least a minute for its first one.
        hear: Called with the news of calls, in the thread that waits for their outcome.
    """

    def __init__(self, patience_s: float = math.inf, hear: Hear | None = None) -> None:
        self._hear = hear
        self._connection, theirs = SPAWNED.Pipe()
        self._process = SPAWNED.Process(target=_work, args=(theirs,), daemon=True)
        with _children_lock:
            self._process.start()
        theirs.close()
        self._patience_s = patience_s
        self._allowed_s = max(patience_s, _STARTING_S)
        self._killed = self._hung = False
        self._lock = threading.Lock()  # held while the connection is closed or shut down

    @property
    def name(self) -> str:
        """Host and process number."""
        return f"{socket.gethostname()}:{self._process.pid}"

    def has_died(self) -> bool:
        """Return whether the process has ended, or was killed and is about to."""
        return self._killed or bool(wait([self._process.sentinel], 0))

    def call(
        self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[bool, Any]:
        """Return whether the call succeeded, and its result or exception.

        Raises:
            WorkerDied: if the process ends first, or hangs. This worker is then of no more use.
            Exception: if the call cannot be pickled, or its outcome cannot be unpickled.
        """
        request = pickle.dumps((function, args, kwargs))
        with self._watched() as watch:
            answer = self._exchange(request, watch)
        if answer is None:
            exit_code = self.stop()
            raise WorkerDied(
                _hang_message(self._allowed_s) if self._hung else _death_message(exit_code)
            )
        succeeded, outcome = pickle.loads(answer)
        return succeeded, outcome

    def _exchange(self, request: bytes, watch: _Watchdog) -> bytes | None:
        """Send a request and return the answer, or ``None`` if the process ends first."""
        with suppress(EOFError, OSError):
            self._connection.send_bytes(request)
            while True:
                wait([self._connection, self._process.sentinel])
                if not self._connection.poll():
                    return None
                message = self._connection.recv_bytes()
                if message.startswith(_NEWS):
                    if self._hear is not None:
                        self._hear(pickle.loads(message[len(_NEWS) :]))
                elif message != _BEAT:
                    return message
                self._allowed_s = self._patience_s
                watch.set(self._allowed_s)
        return None

    @contextmanager
    def _watched(self) -> Iterator[_Watchdog]:
        """Kill the process if its heartbeats stop meanwhile."""
        watch = _Watchdog(self._kill_hanging)
        watch.set(self._allowed_s)
        thread = threading.Thread(target=watch.run, daemon=True)
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
            suppress(OSError),  # it is closed, at either end
            socket.socket(fileno=os.dup(self._connection.fileno())) as end,
        ):
            end.shutdown(socket.SHUT_RDWR)


class _Watchdog:
    """Calls a function once a deadline has passed that was not set again before.

    It runs in its own thread, so that it can end a call whose thread is stuck in sending to a
    worker that does not read, or in reading an answer that does not continue.
    """

    def __init__(self, on_timeout: Callable[[], None]) -> None:
        self._on_timeout = on_timeout
        self._deadline_s = math.inf
        self._ended = False
        self._changed = threading.Condition()

    def set(self, seconds: float) -> None:
        """Set the deadline to this many seconds from now."""
        with self._changed:
            self._deadline_s = time.monotonic() + seconds
            self._changed.notify()

    def run(self) -> None:
        """Wait for :meth:`end` or for the deadline."""
        with self._changed:
            # It may have ended before this thread runs; the caller does not wait for it.
            while not self._ended and (left_s := self._deadline_s - time.monotonic()) > 0:
                self._changed.wait(min(left_s, heartbeat.LONGEST_S))
            if self._ended:
                return
        self._on_timeout()

    def end(self) -> None:
        """Stop waiting."""
        with self._changed:
            self._ended = True
            self._changed.notify()


def _hang_message(patience_s: float) -> str:
    """Return that a worker hung, and what may help.

    >>> _hang_message(600.0)[:68]
    'A worker process hung: it sent no heartbeat for 600 seconds (run.pat'
    """
    return (
        f"A worker process hung: it sent no heartbeat for {patience_s:g} seconds "
        "(run.patience_s), and was killed. If a single step can take that long, raise "
        "run.patience_s; otherwise look for an incompatible driver or library."
    )


def _death_message(exit_code: int | None) -> str:
    """Return what ended a worker, and what may help.

    >>> _death_message(3)
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
        "--workers 1, and look for an incompatible driver or library."
    )


def _work(connection: Connection) -> None:
    """Serve calls until the parent closes the pipe: the main function of the process."""
    for number in RUN_SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    end_with_parent()

    def send_beat() -> None:
        with suppress(OSError):  # the parent has ended, and this process is about to
            connection.send_bytes(_BEAT)

    def send_news(news: object) -> None:
        with suppress(OSError):
            connection.send_bytes(_NEWS + pickle.dumps(news))

    with (
        heartbeat.listening(send_beat),
        hearing(send_news),
        suppress(EOFError, OSError),  # the parent closed the pipe
    ):
        heartbeat.beat()
        while True:
            connection.send_bytes(_answer(connection.recv_bytes()))


def _answer(request: bytes) -> bytes:
    try:
        function, args, kwargs = pickle.loads(request)
        return pickle.dumps((True, function(*args, **kwargs)))
    except Exception as error:
        return pickle.dumps((False, portable_error(error, "the worker process")))
