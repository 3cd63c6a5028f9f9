"""The contract of every executor, and what only process executors do.

The calls are functions of the standard library, which every process can unpickle.
"""

import math
import operator
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import CancelledError, wait
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType

import pytest

from mbnas.errors import TrainingError
from mbnas.machine.news import tell
from mbnas.workers import worker_process
from mbnas.workers.executors import Demand, InlineExecutor, ProcessExecutor, WorkerDied

from .executor_contract import ExecutorContract

EXECUTORS = {
    "inline": InlineExecutor,
    "one process": lambda: ProcessExecutor(1),
    "two processes": lambda: ProcessExecutor(2),
}


@pytest.fixture
def process():
    with ProcessExecutor(1) as executor:
        yield executor


def is_alive(pid: int) -> bool:
    """Return whether any thread of a process runs; a zombie does not."""
    try:
        states = [
            (task / "stat").read_text().rpartition(")")[2].split()[0]
            for task in Path(f"/proc/{pid}/task").iterdir()
        ]
    except (FileNotFoundError, ProcessLookupError):
        return Path(f"/proc/{pid}").exists()  # if it exists, a thread ended meanwhile
    return len(states) > 1 or any(state not in "ZX" for state in states)


def wait_for_end(pid: int) -> None:
    deadline = time.monotonic() + 30
    while is_alive(pid):
        assert time.monotonic() < deadline, f"process {pid} still runs"
        time.sleep(0.01)


class TestContract(ExecutorContract):
    @pytest.fixture(params=EXECUTORS)
    def executor(self, request):
        with EXECUTORS[request.param]() as executor:
            yield executor


# InlineExecutor only


def test_ctrl_c_passes_through_a_call_that_runs_inline():
    with InlineExecutor() as executor, pytest.raises(KeyboardInterrupt):
        executor.submit(signal.raise_signal, signal.SIGINT)


# ProcessExecutor only


def test_a_slot_keeps_its_worker(process):
    pids = {process.submit(os.getpid).result() for _ in range(3)}
    assert len(pids) == 1
    assert os.getpid() not in pids


def test_calls_run_at_the_same_time_in_as_many_processes_as_slots(tmp_path):
    # Opening a pipe for reading waits for a writer, and the other way round.
    os.mkfifo(tmp_path / "pipe")
    with ProcessExecutor(2) as executor:
        reader = executor.submit(Path.read_text, tmp_path / "pipe")
        executor.submit(Path.write_text, tmp_path / "pipe", "met")
        assert reader.result(timeout=30) == "met"


def test_each_slot_has_its_own_arguments(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    places = [tmp_path / "first", tmp_path / "second"]
    arguments = [(place,) for place in places]
    with ProcessExecutor(2, initializer=os.mkdir, slot_arguments=arguments) as executor:
        reader = executor.submit(Path.read_text, tmp_path / "pipe")
        executor.submit(Path.write_text, tmp_path / "pipe", "met")
        assert reader.result(timeout=30) == "met"
    assert all(place.is_dir() for place in places)


@pytest.mark.parametrize("arguments", [[()], [(), (), ()]])
def test_slot_arguments_must_fit_the_slots(arguments):
    with pytest.raises(ValueError, match="one tuple for each of 2 slots"):
        ProcessExecutor(2, slot_arguments=arguments)


def test_there_must_be_a_slot():
    with pytest.raises(ValueError, match="must be 1 or more"):
        ProcessExecutor(0)


@contextmanager
def sharing(slots, **arguments):
    """An executor of calls that demand memory; if the test fails, they are terminated."""
    with ProcessExecutor(slots, demand=demand_of_code, **arguments) as executor:
        try:
            yield executor
        except BaseException:
            executor.terminate()
            raise


def demand_of_code(_=None, names=MappingProxyType({})):
    """The demand of a call of :func:`hold`; other calls have none."""
    return Demand(memory_bytes=names.get("memory_bytes", 0), alone=names.get("alone", False))


def hold(executor, folder, name, **demand):
    """Submit a call that logs when it starts and ends, and that ends after :func:`let_go`."""
    os.mkfifo(folder / f"{name} may end")
    code = (
        "(folder / 'log').open('a').write(f'{name} starts\\n'), "
        "(folder / f'{name} may end').read_text(), "
        "(folder / 'log').open('a').write(f'{name} ends\\n')"
    )
    return executor.submit(eval, code, {"folder": folder, "name": name, **demand})


def let_go(folder, *names):
    """Let calls end, in this order; wait for each to start."""
    for name in names:
        os.close(wait_for_start(folder, name))


def wait_for_start(folder, name):
    """Wait for a call to start, and return the open pipe that it reads from."""
    deadline = time.monotonic() + 60
    while True:
        try:
            return os.open(folder / f"{name} may end", os.O_WRONLY | os.O_NONBLOCK)
        except OSError:
            assert time.monotonic() < deadline, f"{name} has not started"
            time.sleep(0.01)


def log(folder):
    return (folder / "log").read_text().splitlines()


def test_calls_share_the_memory_of_a_device(tmp_path):
    with sharing(3, device_memory_bytes=[10]) as executor:
        for name, memory_bytes in {"a": 6, "b": 6, "c": 4}.items():
            hold(executor, tmp_path, name, memory_bytes=memory_bytes)
        let_go(tmp_path, "c", "a", "b")  # c runs next to a, as b does not fit there
    lines = log(tmp_path)
    assert lines.index("c starts") < lines.index("a ends") < lines.index("b starts")


def test_a_call_larger_than_the_device_runs_by_itself(tmp_path):
    with sharing(2, device_memory_bytes=[10]) as executor:
        for name, memory_bytes in {"a": 11, "b": 1}.items():
            hold(executor, tmp_path, name, memory_bytes=memory_bytes)
        let_go(tmp_path, "a", "b")
    assert log(tmp_path) == ["a starts", "a ends", "b starts", "b ends"]


def test_a_call_that_must_run_alone_has_the_device_to_itself_in_a_new_process(tmp_path):
    with sharing(3) as executor:
        first, second = (hold(executor, tmp_path, name) for name in "ab")
        let_go(tmp_path, "b", "a")
        wait([first, second])
        idle = {executor.submit(os.getpid).result() for _ in range(3)}
        hold(executor, tmp_path, "c")
        hold(executor, tmp_path, "d", alone=True)
        hold(executor, tmp_path, "e")
        let_go(tmp_path, "c", "e")  # e passed d over
        end = wait_for_start(tmp_path, "d")
        assert not any(map(is_alive, idle))
        os.close(end)
    lines = log(tmp_path)
    assert lines.index("d ends") == lines.index("d starts") + 1


def test_slots_use_devices_in_turn_and_a_waiting_call_blocks_one_device_only(tmp_path):
    with sharing(4, device_memory_bytes=[10, 10]) as executor:
        for name in "ab":
            hold(executor, tmp_path, name, memory_bytes=9)
        hold(executor, tmp_path, "alone", alone=True)
        for name in "cd":
            hold(executor, tmp_path, name, memory_bytes=1)
        let_go(tmp_path, "c")  # it overtook the call that waits for an empty device
        let_go(tmp_path, "a", "b", "alone", "d")
    lines = log(tmp_path)
    assert lines.index("c ends") < lines.index("alone starts")
    assert len(lines) == 10


def test_cancelling_the_call_that_is_next_lets_others_run(tmp_path):
    with sharing(2, device_memory_bytes=[10]) as executor:
        hold(executor, tmp_path, "a", memory_bytes=6)
        waiting = hold(executor, tmp_path, "b", memory_bytes=6)
        hold(executor, tmp_path, "c", memory_bytes=4)
        let_go(tmp_path, "c")
        assert waiting.cancel()
        hold(executor, tmp_path, "d", memory_bytes=4)
        let_go(tmp_path, "d", "a")
        assert wait([waiting], timeout=0).done
    assert "b starts" not in log(tmp_path)


def test_a_call_whose_demand_raises_is_not_submitted():
    with (
        ProcessExecutor(1, demand=operator.truediv) as executor,
        pytest.raises(ZeroDivisionError),
    ):
        executor.submit(abs, 1, 0)


def test_there_must_be_a_device():
    with pytest.raises(ValueError, match="memory of one device or more"):
        ProcessExecutor(1, device_memory_bytes=[])


def test_an_initializer_that_fails_fails_the_call(tmp_path):
    place = tmp_path / "later"
    with ProcessExecutor(1, initializer=os.chdir, slot_arguments=[(place,)]) as executor:
        with pytest.raises(FileNotFoundError):
            executor.submit(os.getcwd).result()
        place.mkdir()
        assert executor.submit(os.getcwd).result() == str(place)


def test_an_initializer_that_cannot_be_pickled_fails_every_call():
    with ProcessExecutor(1, initializer=lambda: None) as executor:
        for _ in range(2):
            with pytest.raises(Exception, match="pickle"):
                executor.submit(os.getcwd).result()


def test_an_exception_has_the_traceback_of_the_worker_as_a_note(process):
    error = process.submit(operator.truediv, 1, 0).exception()
    assert "In the worker process:\nTraceback" in error.__notes__[0]


def test_a_call_that_cannot_be_pickled_fails_only_itself(process):
    argument = process.submit(abs, lambda: None)
    result = process.submit(open, os.devnull)
    with pytest.raises(Exception, match="pickle"):
        argument.result()
    with pytest.raises(TypeError, match="pickle"):
        result.result()
    assert process.submit(abs, -1).result() == 1


def test_an_exception_that_cannot_be_unpickled_becomes_a_training_error(process):
    code = "class Odd(Exception): pass\nraise Odd('odd')"
    with pytest.raises(TrainingError, match="Odd: odd"):
        process.submit(exec, code, {"__name__": "nowhere"}).result()


@pytest.mark.parametrize(
    ("how", "cause"),
    [
        ((os._exit, 3), "ended itself with status 3"),
        ((sys.exit, 4), "ended itself with status 4"),
        ((signal.raise_signal, signal.SIGKILL), r"killed \(signal 9, .* ran out of memory"),
        ((signal.raise_signal, signal.SIGUSR1), r"crashed \(signal 10, "),
    ],
)
def test_a_worker_that_dies_fails_its_own_call_and_is_replaced(process, how, cause):
    before = process.submit(os.getpid)
    died = process.submit(*how)
    after = process.submit(os.getpid)
    with pytest.raises(WorkerDied, match=cause):
        died.result()
    assert after.result() != before.result()


def test_a_worker_that_is_killed_while_idle_fails_no_call(process):
    pid = process.submit(os.getpid).result()
    os.kill(pid, signal.SIGKILL)
    wait_for_end(pid)
    assert process.submit(os.getpid).result() != pid


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_worker_ignores_signals_meant_for_the_run(process, number):
    assert process.submit(signal.raise_signal, number).result() is None
    assert process.submit(abs, -1).result() == 1


def test_a_watchdog_that_starts_after_its_call_has_ended_ends_at_once():
    watch = worker_process._Watchdog(lambda: None)
    watch.set(math.inf)
    watch.end()
    late = threading.Thread(target=watch.run, daemon=True)
    late.start()
    late.join(timeout=60)
    assert not late.is_alive()


def test_terminate_ends_running_and_queued_calls_at_once():
    with ProcessExecutor(2) as executor:
        pids = {executor.submit(os.getpid).result() for _ in range(10)}
        futures = [executor.submit(time.sleep, 600) for _ in range(6)]
        executor.terminate()
        assert not wait(futures, timeout=0).not_done
        for future in futures:
            with pytest.raises(CancelledError):
                future.result()
    assert not any(map(is_alive, pids))


def test_terminate_while_workers_start_cancels_the_call():
    executor = ProcessExecutor(2)
    future = executor.submit(time.sleep, 600)
    executor.terminate()
    with pytest.raises(CancelledError):
        future.result(timeout=0)


def test_shutdown_ends_the_workers(process):
    pid = process.submit(os.getpid).result()
    process.shutdown()
    assert not is_alive(pid)


IMPORTS = """
import os, sys, time
from mbnas.workers.executors import ProcessExecutor
"""
PARENT = f"""{IMPORTS}
executor = ProcessExecutor(2)
first, second = executor.submit(os.getpid), executor.submit(os.getpid)
busy = [executor.submit(time.sleep, 600)]
print(first.result(), second.result(), flush=True)
"""


@pytest.mark.parametrize("end", ["time.sleep(600)", "sys.exit()"])
def test_no_worker_outlives_its_parent(end):
    with subprocess.Popen(
        [sys.executable, "-c", PARENT + end], stdout=subprocess.PIPE, text=True
    ) as parent:
        pids = [int(word) for word in parent.stdout.readline().split()]
        if end == "time.sleep(600)":
            parent.send_signal(signal.SIGKILL)
        parent.wait(30)
    for pid in pids:
        wait_for_end(pid)


INTERRUPTED = f"""{IMPORTS}
executor = ProcessExecutor(2)
futures = [executor.submit(time.sleep, 600) for _ in range(4)]
print("started", flush=True)
try:
    futures[0].result()
except KeyboardInterrupt:
    executor.terminate()
"""


@pytest.mark.parametrize("delay_s", [0, 0.02, 0.05, 0.1, 0.5])
def test_ctrl_c_at_any_moment_reaches_only_the_parent(delay_s):
    with subprocess.Popen(
        [sys.executable, "-c", INTERRUPTED],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        process_group=0,
    ) as parent:
        assert parent.stdout.readline() == "started\n"
        time.sleep(0.02 + delay_s)  # the parent must have reached its `try`
        os.killpg(parent.pid, signal.SIGINT)
        assert parent.communicate(timeout=30) == ("", "")
        assert parent.returncode == 0


def test_importing_the_executors_does_not_import_torch():
    code = "import sys, mbnas.workers.executors; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_news_of_a_call_arrive_before_its_outcome():
    heard = []
    with ProcessExecutor(1, hear=heard.append) as executor:
        assert executor.submit(tell, ("epoch", 3)).result() is None
        assert heard == [("epoch", 3)]


def test_news_that_nobody_hears_are_no_outcome():
    with ProcessExecutor(1) as executor:
        assert executor.submit(tell, "epoch").result() is None
        assert executor.submit(math.sqrt, 4.0).result() == 2.0
