"""Workers that are killed, stopped or stuck, many times and at random moments.

Every call ends, with its own result or with :class:`WorkerDied`.
"""

import os
import random
import signal
import threading
import time
from concurrent.futures import wait
from pathlib import Path

import pytest

from mbnas.machine import heartbeat
from mbnas.workers import worker_process
from mbnas.workers.executors import Demand, ProcessExecutor, WorkerDied

CALLS = 50
PATIENCE_S = 2.0  # longer than a worker waits on a busy machine

STUCK = "import ctypes; ctypes.PyDLL(None).sleep(600)"

# The next write of more than a pipe's page sends its first bytes, and then the worker stops.
STOPPING_BETWEEN_PIECES = """
import os, signal
write = os.write
def write_some(handle, data):
    if len(data) < 100_000:
        return write(handle, data)
    write(handle, data[:1000])
    signal.raise_signal(signal.SIGSTOP)
from multiprocessing import connection
connection.Connection._write = write_some
connection.Connection._send.__defaults__ = (write_some,)
"""


def children():
    """The live worker processes that this process started."""
    found = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            text = status.read_text()
            command = (status.parent / "cmdline").read_bytes()
        except (FileNotFoundError, ProcessLookupError):
            continue
        state, parent = text.rpartition(")")[2].split()[:2]
        if int(parent) == os.getpid() and state not in "ZX" and b"spawn_main" in command:
            found.append(int(status.parent.name))
    return found


class RandomSignals:
    """Sends a signal to a random worker of this process, at random moments.

    Attributes:
        pause_s: The longest time between two signals.
        sent: How many signals were sent.
    """

    def __init__(self, number, *, seed, pause_s):
        self._number, self._random, self.pause_s = number, random.Random(seed), pause_s
        self._last: int | None = None
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.sent = 0

    def _run(self):
        while not self._ended.wait(self._random.uniform(0, self.pause_s)):
            if targets := children():
                self._last = self._random.choice(targets)
                try:
                    os.kill(self._last, self._number)
                except ProcessLookupError:
                    continue
                self.sent += 1

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._ended.set()
        self._thread.join()
        if self._number == signal.SIGKILL:  # a worker that is dying must not get the next call
            while self._last in children():
                time.sleep(0.01)


def outcomes(futures, expected):
    """Return how many calls have their own result; all others must have raised WorkerDied."""
    assert not wait(futures, timeout=240).not_done
    survived = 0
    for future, value in zip(futures, expected, strict=True):
        if (error := future.exception()) is None:
            assert future.result() == value
            survived += 1
        else:
            assert isinstance(error, WorkerDied), error
    return survived


def assert_some_calls_survive(executor, signals, values):
    """Some calls have a result, and some have lost their worker.

    If workers start so slowly that no call survives, the signals become rarer.
    """
    survived = 0
    while not survived:
        futures = [executor.submit(eval, *echo_after(0.1, value)) for value in values]
        survived = outcomes(futures, values)
        assert survived < len(values)
        signals.pause_s *= 2
    assert signals.sent > 0


def assert_executor_works_again(executor):
    """The executor works in every slot, and leaves no process behind when it ends."""
    results = [executor.submit(abs, -number) for number in range(10)]
    assert [future.result(timeout=240) for future in results] == list(range(10))
    executor.shutdown()
    assert children() == []


def echo_after(seconds, value):
    """Return arguments of ``eval``, as the functions of a test cannot be unpickled."""
    return "__import__('time').sleep(seconds) or value", {"seconds": seconds, "value": value}


@pytest.mark.parametrize("size", [1, 3_000_000], ids=["small answers", "large answers"])
def test_workers_killed_at_random_moments(size):
    values = [bytes([number]) * size for number in range(CALLS)]
    with ProcessExecutor(2) as executor:
        with RandomSignals(signal.SIGKILL, seed=size, pause_s=0.4) as signals:
            assert_some_calls_survive(executor, signals, values)
        assert_executor_works_again(executor)


def test_workers_stopped_at_random_moments():
    values = list(range(CALLS))
    with ProcessExecutor(2, patience_s=PATIENCE_S) as executor:
        with RandomSignals(signal.SIGSTOP, seed=0, pause_s=2.0) as signals:
            assert_some_calls_survive(executor, signals, values)
        for pid in children():  # one may be stopped while it idles
            os.kill(pid, signal.SIGCONT)
        assert_executor_works_again(executor)


def test_workers_killed_at_random_moments_while_calls_share_devices():
    values = list(range(CALLS))
    demands = [Demand(memory_bytes=value % 7, alone=value % 11 == 0) for value in values]
    with ProcessExecutor(
        4, device_memory_bytes=(10, 6), demand=lambda _, given: demands[given["value"]]
    ) as (executor):
        with RandomSignals(signal.SIGKILL, seed=0, pause_s=0.4):
            futures = [executor.submit(eval, *echo_after(0.05, value)) for value in values]
            outcomes(futures, values)
        futures = [executor.submit(eval, *echo_after(0, value)) for value in values]
        assert outcomes(futures, values) == CALLS
        executor.shutdown()
        assert children() == []


def test_terminating_while_workers_are_killed_leaves_no_process(kills):
    moments = random.Random(0)
    with RandomSignals(signal.SIGKILL, seed=1, pause_s=0.2):
        for _ in range(kills(10)):
            executor = ProcessExecutor(2)
            futures = [executor.submit(time.sleep, 600) for _ in range(4)]
            time.sleep(moments.uniform(0, 0.5))
            executor.terminate()
            assert not wait(futures, timeout=0).not_done
    assert children() == []


@pytest.mark.parametrize(
    ("call", "argument"),
    [
        (time.sleep, 600),
        (exec, STUCK),
        (exec, "while True: pass"),
        (signal.raise_signal, signal.SIGSTOP),
    ],
    ids=["asleep", "holding the interpreter's lock", "busy", "stopped"],
)
def test_a_worker_that_hangs_fails_its_own_call_and_is_replaced(call, argument):
    with ProcessExecutor(1, patience_s=PATIENCE_S) as executor:
        before = executor.submit(os.getpid).result()
        stuck = executor.submit(call, argument)
        after = executor.submit(os.getpid)
        with pytest.raises(WorkerDied, match=r"hung: .* for 2 seconds \(run\.patience_s\)"):
            stuck.result(timeout=240)
        assert after.result(timeout=240) != before
        assert_executor_works_again(executor)


def test_a_worker_with_heartbeats_may_take_longer_than_the_patience():
    code = (
        "import time; from mbnas.machine.heartbeat import beat\n"
        "for _ in range(30): time.sleep(0.1); beat()"
    )
    with ProcessExecutor(1, patience_s=PATIENCE_S) as executor:
        assert executor.submit(exec, code).result(timeout=240) is None


def test_a_worker_that_does_not_read_its_call_hangs():
    with ProcessExecutor(1, patience_s=PATIENCE_S) as executor:
        os.kill(executor.submit(os.getpid).result(), signal.SIGSTOP)
        with pytest.raises(WorkerDied, match="hung"):
            executor.submit(len, bytes(20_000_000)).result(timeout=240)
        assert_executor_works_again(executor)


def test_a_worker_that_stops_while_it_answers_hangs():
    with ProcessExecutor(1, patience_s=PATIENCE_S) as executor:
        executor.submit(exec, STOPPING_BETWEEN_PIECES, {}).result(timeout=240)
        with pytest.raises(WorkerDied, match="hung"):
            executor.submit(bytes, 5_000_000).result(timeout=240)
        assert_executor_works_again(executor)


def test_a_worker_that_never_starts_hangs(monkeypatch):
    monkeypatch.setattr(worker_process, "_STARTING_S", 0.001)  # no Python starts that fast
    with ProcessExecutor(1, patience_s=0.001) as executor:
        with pytest.raises(WorkerDied, match=r"hung: .* for 0\.001 seconds"):
            executor.submit(time.sleep, 600).result(timeout=240)
        executor.shutdown()
        assert children() == []


@pytest.mark.parametrize(
    ("initializer", "sentence"),
    [((os._exit, 3), "ended itself with status 3"), ((time.sleep, 600), "hung")],
    ids=["dies", "hangs"],
)
def test_a_worker_that_dies_or_hangs_in_the_initializer_fails_only_one_call(
    initializer, sentence, tmp_path
):
    call, argument = initializer
    with ProcessExecutor(
        2, initializer=call, slot_arguments=[(argument,)] * 2, patience_s=PATIENCE_S
    ) as executor:
        for future in [executor.submit(abs, -number) for number in range(6)]:
            with pytest.raises(WorkerDied, match=sentence):
                future.result(timeout=240)
        executor.shutdown()
        assert children() == []


@pytest.mark.parametrize("patience_s", [0.0, -1.0, float("nan")])
def test_patience_must_be_above_zero(patience_s):
    with pytest.raises(ValueError, match=r"patience_s \(=.*\) must be above 0"):
        ProcessExecutor(1, patience_s=patience_s)


def test_a_listener_in_this_process_is_not_called_for_a_workers_heartbeat():
    calls = []
    with heartbeat.listening(lambda: calls.append(1)), ProcessExecutor(1) as executor:
        executor.submit(exec, "from mbnas.machine.heartbeat import beat; beat()").result(
            timeout=240
        )
    assert calls == []
