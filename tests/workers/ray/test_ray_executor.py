"""The contract of every executor with Ray, and what only the Ray executor does.

The calls are functions of the standard library, or travel as source code.
"""

import operator
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import CancelledError, wait
from contextlib import suppress
from pathlib import Path

import pytest

from mbnas.errors import StudyError, TrainingError, UsageError, WorkerDied
from mbnas.workers.ray.cluster import cluster_slots, connected
from mbnas.workers.ray.ray_executor import RayExecutor

from ..executor_contract import ExecutorContract

ray = pytest.importorskip("ray")
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", autouse=True)
def _ray():
    with connected("local", local_cpus=2):
        yield


@pytest.fixture
def executor():
    with RayExecutor(lambda: 2) as executor:
        yield executor


@pytest.fixture
def impatient():
    with RayExecutor(lambda: 1, max_retries=0) as executor:
        yield executor


class TestContract(ExecutorContract):
    pass


# RayExecutor only


def test_an_exception_has_the_traceback_of_the_worker_as_a_note(executor):
    error = executor.submit(operator.truediv, 1, 0).exception()
    assert "In the Ray worker:\nTraceback" in error.__notes__[0]


def test_calls_run_in_other_processes(executor):
    assert executor.submit(os.getpid).result() != os.getpid()


def test_a_call_that_cannot_be_pickled_fails_only_itself(executor):
    argument = executor.submit(abs, threading.Lock())
    result = executor.submit(threading.Lock)
    with pytest.raises(TypeError, match=r"pickle|serialize"):
        argument.result()
    with pytest.raises(TypeError, match=r"pickle|serialize"):
        result.result()
    assert executor.submit(abs, -1).result() == 1


def test_an_exception_that_cannot_be_unpickled_becomes_a_training_error(executor):
    code = "class Odd(Exception): pass\nraise Odd('odd')"
    with pytest.raises(TrainingError, match="Odd: odd"):
        executor.submit(exec, code, {"__name__": "nowhere"}).result()


def test_a_waiting_call_can_be_cancelled_and_never_runs(impatient, tmp_path):
    running = impatient.submit(time.sleep, 0.5)
    waiting = impatient.submit(os.mkdir, tmp_path / "made")
    assert waiting.cancel()
    running.result()
    assert impatient.submit(abs, -1).result() == 1
    assert not (tmp_path / "made").exists()


def test_a_worker_that_dies_fails_only_its_own_call(impatient):
    died = impatient.submit(os._exit, 3)
    with pytest.raises(WorkerDied, match=r"died in the middle of a training \(once\)"):
        died.result()
    assert impatient.submit(abs, -1).result() == 1


def test_a_call_whose_worker_dies_is_rerun(executor, tmp_path):
    place = tmp_path / "been here"
    code = (
        f"import os\nif not os.path.exists({str(place)!r}): os.mkdir({str(place)!r}); os._exit(1)"
    )
    assert executor.submit(exec, code).result() is None
    assert place.exists()


def test_terminate_ends_running_and_waiting_calls_at_once(tmp_path):
    with RayExecutor(lambda: 2) as executor:
        os.mkfifo(tmp_path / "pipe")
        futures = [executor.submit(exec, f"open({str(tmp_path / 'pipe')!r}, 'w').write('here')")]
        futures += [executor.submit(time.sleep, 600) for _ in range(6)]
        assert (tmp_path / "pipe").read_text() == "here"
        executor.terminate()
        assert not wait(futures[1:], timeout=0).not_done
        for future in futures[1:]:
            with pytest.raises(CancelledError):
                future.result()
    with RayExecutor(lambda: 2) as executor:  # the cores are free again
        assert executor.submit(abs, -1).result(timeout=60) == 1


def test_calls_survive_the_death_of_the_cancellation_actor(tmp_path):
    with RayExecutor(lambda: 2) as executor:
        os.mkfifo(tmp_path / "pipe")
        lasting = executor.submit(eval, f"open({str(tmp_path / 'pipe')!r}).read()")
        with (tmp_path / "pipe").open("w") as pipe:  # opens when the call does
            living = cancellation_actors()  # that of an earlier executor may still be about to end
            assert living
            for actor in living:
                with suppress(ProcessLookupError):
                    os.kill(actor, signal.SIGKILL)
            assert executor.submit(abs, -1).result(timeout=60) == 1
            pipe.write("lived on")
        assert lasting.result(timeout=60) == "lived on"
        sleeping = executor.submit(time.sleep, 600)
        executor.terminate()
        assert sleeping.done()
    end_s = time.monotonic() + 30
    while cancellation_actors() and time.monotonic() < end_s:
        time.sleep(0.05)
    assert not cancellation_actors()


def cancellation_actors():
    """The live actors of this process's own cluster, whose raylet is its child."""
    found = []
    for command in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            if command.read_bytes().startswith(b"ray::_CancellationActor"):
                number = int(command.parent.name)
                if parent(parent(number)) == os.getpid():
                    found.append(number)
    return found


def parent(number):
    """The parent of a process."""
    stat = Path(f"/proc/{number}/stat").read_text()
    return int(stat.rpartition(")")[2].split()[1])


def test_no_more_calls_are_submitted_to_ray_than_there_are_slots(tmp_path):
    slots = 1
    with RayExecutor(lambda: slots) as executor:
        first = executor.submit(time.sleep, 0.3)
        second = executor.submit(abs, -1)
        wait([first], timeout=0.1)
        assert first.running()
        assert not second.running()


def test_the_share_of_a_gpu_follows_from_the_arguments():
    with RayExecutor(lambda: 1, gpus=lambda number: float(number < 0)) as executor:
        assert executor.submit(abs, 1).result() == 1
        without = executor.submit(abs, -1)
        assert not wait([without], timeout=0.5).done  # there is no GPU here
        executor.terminate()


def test_a_call_ended_by_rays_memory_monitor_is_a_lost_worker(impatient):
    error = impatient._explained(ray.exceptions.OutOfMemoryError("full"))
    assert isinstance(error, WorkerDied)
    assert "ran out of memory" in str(error)


def test_other_errors_of_ray_are_study_errors(impatient):
    error = impatient._explained(ray.exceptions.RaySystemError("No module named 'mbnas'"))
    assert isinstance(error, StudyError)
    assert "No module named 'mbnas'" in str(error)


# Clusters


def test_a_cluster_has_as_many_slots_as_its_cores_hold():
    assert cluster_slots(cpus=1, gpus=0.0) == 2
    assert cluster_slots(cpus=2, gpus=0.0) == 1
    assert cluster_slots(cpus=3, gpus=0.0) == 0
    assert cluster_slots(cpus=1, gpus=0.5) == 0


def test_an_existing_connection_is_used_and_kept():
    with connected("nowhere:1"):
        pass
    assert ray.is_initialized()


def run_python(code):
    """Run Python code in a new process that is not connected to Ray."""
    lines = "from mbnas.workers.ray.cluster import connected\n" + code
    environment = {name: text for name, text in os.environ.items() if name != "RAY_ADDRESS"}
    return subprocess.run(
        [sys.executable, "-c", lines], capture_output=True, text=True, env=environment, check=False
    )


@pytest.mark.parametrize(
    ("address", "error", "message"),
    [
        ("ray://somewhere:10001", UsageError, "not supported"),
        ("127.0.0.1:1", StudyError, "cannot be joined"),
    ],
)
def test_a_cluster_that_cannot_be_joined_is_explained(address, error, message):
    code = f"with connected({address!r}): pass"
    process = run_python(code)
    assert f"{error.__module__}.{error.__name__}: " in process.stderr
    assert message in process.stderr.splitlines()[-1]


def test_without_ray_the_error_says_how_to_install_it():
    process = run_python("import sys; sys.modules['ray'] = None\nwith connected(None): pass")
    assert "pip install 'mbnas[ray]'" in process.stderr.splitlines()[-1]


LOCAL = """
import os, signal, sys, time
from mbnas.workers.ray.ray_executor import RayExecutor
from mbnas.errors import WorkerDied
os.setsid()
def mine(*_): print("mine", file=sys.stderr)
signal.signal(signal.SIGTERM, mine)
with connected("local", local_cpus=1), RayExecutor(lambda: 1, max_retries=1) as executor:
    assert isinstance(executor.submit(os._exit, 1).exception(), WorkerDied)
    os.killpg(os.getpgid(0), signal.SIGTERM)  # as a batch system does
    time.sleep(2)
    assert executor.submit(abs, -1).result() == 1
"""


def test_ray_writes_no_output_and_leaves_signals_to_this_process():
    process = run_python(LOCAL)
    assert (process.returncode, process.stdout, process.stderr) == (0, "", "mine\n")


# If Ray is asked to cancel a task that finishes at that moment, it aborts the driver.
TERMINATING = """
import random, time
from concurrent.futures import wait
from mbnas.workers.ray.ray_executor import RayExecutor
moments = random.Random(0)
with connected("local", local_cpus=2):
    for _ in range(times):
        with RayExecutor(lambda: 2) as executor:
            wait([executor.submit(abs, -1) for _ in range(2)])
            calls = [executor.submit(time.sleep, moments.uniform(0, 0.02)) for _ in range(6)]
            time.sleep(moments.uniform(0, 0.03))
            executor.terminate()
            assert not wait(calls, timeout=0).not_done
"""


def test_terminating_while_calls_finish_leaves_the_driver_alive(kills):
    process = run_python(f"times = {kills(10)}\n{TERMINATING}")
    assert process.returncode == 0, process.stderr


def test_importing_the_executor_does_not_import_ray():
    code = "import sys, mbnas.workers.ray.ray_executor; sys.exit('ray' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
