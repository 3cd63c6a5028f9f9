"""Workers that are killed, stopped and stuck, at random moments and many times.

Whatever happens to its worker, a call ends: with its own result, or as one whose worker died.
"""

import os
import random
import signal
import threading
import time
from concurrent.futures import wait
from pathlib import Path

import pytest

from mbnas.machine import heartbeat as pulse
from mbnas.workers import worker_process as worker
from mbnas.workers.executors import Demand, ProcessExecutor, WorkerDied

CALLS = 50
PATIENCE_S = 2.0  # longer than a busy machine lets a worker wait

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
    """The living processes that this one started, but for Python's own resource tracker."""
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


class Fire:
    """Sends a signal to one of this process's workers at random moments, until put out.

    Attributes:
        pause_s: The longest time between two shots.
        shots: How many were fired.
    """

    def __init__(self, number, *, seed, pause_s):
        self._number, self._random, self.pause_s = number, random.Random(seed), pause_s
        self._out = threading.Event()
        self._thread = threading.Thread(target=self._burn)
        self.shots = 0

    def _burn(self):
        while not self._out.wait(self._random.uniform(0, self.pause_s)):
            if targets := children():
                try:
                    os.kill(self._random.choice(targets), self._number)
                except ProcessLookupError:
                    continue
                self.shots += 1

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._out.set()
        self._thread.join()


def outcomes(futures, expected):
    """Return how many calls have their own result; all others must have lost their worker."""
    assert not wait(futures, timeout=240).not_done
    survived = 0
    for future, value in zip(futures, expected, strict=True):
        if (error := future.exception()) is None:
            assert future.result() == value
            survived += 1
        else:
            assert isinstance(error, WorkerDied), error
    return survived


def assert_some_come_through(executor, fire, values):
    """Both ends are met: calls that come through the fire, and calls that lose their worker.

    Where workers start so slowly that none lives long enough, the fire abates.
    """
    survived = 0
    while not survived:
        futures = [executor.submit(eval, *echo_after(0.1, value)) for value in values]
        survived = outcomes(futures, values)
        assert survived < len(values)
        fire.pause_s *= 2
    assert fire.shots > 0


def assert_all_is_well_again(executor):
    """The executor still works in every slot, and ends without leaving a process behind."""
    results = [executor.submit(abs, -number) for number in range(10)]
    assert [future.result(timeout=240) for future in results] == list(range(10))
    executor.shutdown()
    assert children() == []


def echo_after(seconds, value):
    """Code, as a test's own functions cannot be unpickled elsewhere, that waits and gives back."""
    return "__import__('time').sleep(seconds) or value", {"seconds": seconds, "value": value}


@pytest.mark.parametrize("size", [1, 3_000_000], ids=["small answers", "large answers"])
def test_workers_killed_at_random_moments(size):
    values = [bytes([number]) * size for number in range(CALLS)]
    with ProcessExecutor(2) as executor:
        with Fire(signal.SIGKILL, seed=size, pause_s=0.4) as fire:
            assert_some_come_through(executor, fire, values)
        assert_all_is_well_again(executor)


def test_workers_stopped_at_random_moments():
    values = list(range(CALLS))
    with ProcessExecutor(2, patience_s=PATIENCE_S) as executor:
        with Fire(signal.SIGSTOP, seed=0, pause_s=2.0) as fire:
            assert_some_come_through(executor, fire, values)
        for pid in children():  # one may be stopped while it idles
            os.kill(pid, signal.SIGCONT)
        assert_all_is_well_again(executor)


def test_workers_killed_at_random_moments_while_calls_share_rooms():
    values = list(range(CALLS))
    demands = [Demand(memory_bytes=value % 7, alone=value % 11 == 0) for value in values]
    with ProcessExecutor(
        4, room_bytes=(10, 6), demand=lambda _, given: demands[given["value"]]
    ) as (executor):
        with Fire(signal.SIGKILL, seed=0, pause_s=0.4):
            futures = [executor.submit(eval, *echo_after(0.05, value)) for value in values]
            outcomes(futures, values)
        futures = [executor.submit(eval, *echo_after(0, value)) for value in values]
        assert outcomes(futures, values) == CALLS
        executor.shutdown()
        assert children() == []


def test_terminating_at_random_moments_under_fire_leaves_nothing():
    moments = random.Random(0)
    with Fire(signal.SIGKILL, seed=1, pause_s=0.2):
        for _ in range(10):
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
        assert_all_is_well_again(executor)


def test_a_worker_that_beats_may_take_longer_than_its_patience():
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
        assert_all_is_well_again(executor)


def test_a_worker_that_stops_while_it_answers_hangs():
    with ProcessExecutor(1, patience_s=PATIENCE_S) as executor:
        executor.submit(exec, STOPPING_BETWEEN_PIECES, {}).result(timeout=240)
        with pytest.raises(WorkerDied, match="hung"):
            executor.submit(bytes, 5_000_000).result(timeout=240)
        assert_all_is_well_again(executor)


def test_a_worker_that_never_starts_hangs(monkeypatch):
    monkeypatch.setattr(worker, "_STARTING_S", 0.001)  # no Python starts as fast
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
def test_a_worker_that_dies_or_hangs_in_the_initializer_fails_one_call_alone(
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
def test_patience_must_be_some(patience_s):
    with pytest.raises(ValueError, match=r"patience_s \(=.*\) must be above 0"):
        ProcessExecutor(1, patience_s=patience_s)


def test_a_listener_in_this_process_hears_nothing_of_a_workers_beats():
    heard = []
    with pulse.listening(lambda: heard.append(1)), ProcessExecutor(1) as executor:
        executor.submit(exec, "from mbnas.machine.heartbeat import beat; beat()").result(
            timeout=240
        )
    assert heard == []
