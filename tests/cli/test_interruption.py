"""However a search ends, no process keeps running, and the next run resumes where it ended."""

import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import pytest

from mbnas.cli.main import main
from mbnas.study.ledger.ledger import Ledger

INLINE = ("--set", "run.executor=inline")
ON_RAY = ("--set", "run.executor=ray", "--workers", "2")
WORKERS = ("--set", "run.executor=processes", "--workers", "2")


@contextmanager
def running(arguments):
    """A process in a new session, all of whose processes end with the ``with``."""
    process = subprocess.Popen(
        arguments,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        for number in session(process.pid):
            os.kill(number, signal.SIGKILL)
        process.communicate()


def session(leader):
    """Return the processes of a session that are still running."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, _, number = stat.read_text().rpartition(")")[2].split()[:4]
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(number) == leader and state not in "ZX":
            found.append(int(stat.parent.name))
    return found


def until(condition, process):
    """Wait until a condition holds or the process ends."""
    deadline = time.monotonic() + 120
    while not condition() and process.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.005)


def nobody_goes_on(leader):
    deadline = time.monotonic() + 30
    while session(leader):
        assert time.monotonic() < deadline, "a worker outlived its search"
        time.sleep(0.01)


def prepares(study):
    return lambda: any(study.glob("slices/.*"))


def begins(study):
    return (study / "study.toml").exists


def trains(study, number):
    """Return whether that many trainings are in the ledger."""

    def recorded():
        return num_trainings(study) >= number

    return recorded


def num_trainings(study):
    if not (study / "study.toml").exists():
        return 0
    with closing(sqlite3.connect(f"file:{study}/ledger.sqlite?mode=rw", uri=True)) as ledger:
        return ledger.execute("SELECT count(*) FROM trainings").fetchone()[0]


def interrupted(arguments, condition, number):
    """Send a signal to a whole session, as a terminal does; return status and standard error."""
    with running(arguments) as process:
        until(condition, process)
        os.killpg(process.pid, number)
        _, said = process.communicate(timeout=60)
        nobody_goes_on(process.pid)
    return process.returncode, said


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "more", "status", "what"),
    [
        (signal.SIGINT, ("--workers", "2"), 130, "Stopped."),
        (signal.SIGTERM, INLINE, 143, "Ended by SIGTERM."),
        (signal.SIGINT, ON_RAY, 130, "Stopped."),
        (signal.SIGTERM, ON_RAY, 143, "Ended by SIGTERM."),
    ],
    ids=["Ctrl-C", "SIGTERM", "Ctrl-C on Ray", "SIGTERM on Ray"],
)
def test_a_signal_ends_a_search_cleanly(
    number, more, status, what, command, finished, dataset, content, tmp_path, capsys
):
    if more == ON_RAY:
        pytest.importorskip("ray")
    study = tmp_path / "study"
    ended = interrupted(command(study, *more), trains(study, 1), number)
    assert ended == (status, f"mbnas: {what} Run the same command again to resume.\n")
    assert main(["status", str(study), "--json"]) == 0
    standing = json.loads(capsys.readouterr().out)
    assert standing["state"] == "stopped"
    assert 0 < standing["trainings"] < 12
    assert "Stopped" in (study / "report.html").read_text(encoding="utf-8")
    assert main(["search", str(dataset), str(study), *INLINE]) == 0
    assert content(study) == content(finished)


def test_a_signal_during_preparation_leaves_nothing(command, tmp_path):
    study = tmp_path / "far/study"
    ended = interrupted(command(study), prepares(study), signal.SIGINT)
    assert ended == (130, "mbnas: Stopped. Run the same command again to resume.\n")
    assert not list(tmp_path.iterdir())


def test_a_killed_search_is_shown_as_stopped(command, tmp_path, capsys):
    study = tmp_path / "study"
    with running(command(study, *INLINE)) as process:
        until(trains(study, 1), process)
        assert main(["status", str(study), "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["state"] == "running"
        process.kill()
        process.wait()
    assert main(["status", str(study), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["state"] == "stopped"
    assert main(["report", str(study)]) == 0
    page = (study / "report.html").read_text(encoding="utf-8")
    assert ("Stopped" in page, "Running" in page) == (True, False)


# Starts searches, one after another, in copies of a process that has all modules loaded
NURSERY = """
import gc, os, sys
import mbnas.cli.commands.comparisons.reproduce, mbnas.study.drive.retry_failed
import mbnas.training.run_training
import torch._dynamo  # which torch loads with the first optimiser
from mbnas.cli.main import main

gc.freeze()  # searching all modules for cycles takes longer than a training here
for line in sys.stdin:
    child = os.fork()
    if child == 0:
        os.setsid()
        print(os.getpid(), flush=True)
        os.dup2(2, 1)  # the search's output is not an answer of this process
        os._exit(main(line.rstrip("\\n").split("\\t")))
    _, status = os.waitpid(child, 0)
    print(os.waitstatus_to_exitcode(status), flush=True)
"""


class Nursery:
    """Starts searches fast, so that many can be killed."""

    def __init__(self, process):
        self._process = process

    def start(self, arguments):
        """Start a search and return its process number."""
        self._process.stdin.write("\t".join(arguments) + "\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())

    def end(self):
        """Return the exit status of the search once it has ended."""
        return int(self._process.stdout.readline())


@pytest.fixture
def nursery(tmp_path):
    with (
        (tmp_path / "said").open("w") as said,
        subprocess.Popen(
            [sys.executable, "-c", NURSERY],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=said,
            text=True,
        ) as process,
    ):
        yield Nursery(process)


def workers_of(driver):
    """The trainings' processes of a search: spawned, and not multiprocessing's own tracker."""
    return [
        number
        for number in session(driver)
        if number != driver and b"spawn_main" in Path(f"/proc/{number}/cmdline").read_bytes()
    ]


def kill_a_worker(driver, rng):
    """Kill one of a search's workers at a random moment."""
    deadline = time.monotonic() + 120
    while True:
        assert time.monotonic() < deadline
        time.sleep(rng.uniform(0.05, 0.8))
        with suppress(IndexError, OSError):  # it has none at this moment, or has ended by itself
            return os.kill(rng.choice(workers_of(driver)), signal.SIGKILL)


@pytest.mark.slow
def test_kills_before_a_study_has_begun_leave_nothing_behind(command, finished, content, tmp_path):
    study, rng = tmp_path / "study", random.Random(0)
    for met in (prepares, prepares, begins):
        with running(command(study, *INLINE)) as process:
            until(met(study), process)
            time.sleep(rng.uniform(0, 0.3))
            process.kill()
            process.wait()
    done = subprocess.run(command(study), capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    with_spares = content(study)[1]  # idle workers began trainings that were never needed
    assert content(study)[0] == content(finished)[0]
    assert set(content(finished)[1]) <= set(with_spares)
    assert {each.name for each in study.iterdir()} == {each.name for each in finished.iterdir()}
    assert not list(study.glob("slices/.*"))


@pytest.mark.slow
def test_kills_leave_the_ledger_of_an_undisturbed_search(
    nursery, dataset, options, content, kills, tmp_path
):
    """Forty of the driver, or eight; one in eight has workers, of which two are killed before."""
    rng, lives = random.Random(0), kills(40)
    evaluations = str(10 + 3 * lives // 2)
    longer = [*options, "--evaluations", evaluations, "--set", "run.speculate=false"]

    def search(study, *more):
        return ["search", str(dataset), str(study), *longer, "--set", "run.retries=99", *more]

    nursery.start(search(tmp_path / "left alone", *INLINE))
    assert nursery.end() == 0
    study = tmp_path / "study"
    for life in range(lives):
        has_workers = life % 8 == 7
        driver = nursery.start(search(study, *(WORKERS if has_workers else INLINE)))
        if has_workers:
            kill_a_worker(driver, rng)
            kill_a_worker(driver, rng)
        else:
            met = trains(study, num_trainings(study) + rng.randint(0, 1))
            deadline = time.monotonic() + 120
            while not met() and time.monotonic() < deadline:
                time.sleep(0.01)
        time.sleep(rng.uniform(0, 0.3))
        os.kill(driver, signal.SIGKILL)
        assert nursery.end() == -signal.SIGKILL, "the search ended before it was killed"
        nobody_goes_on(driver)
    nursery.start(search(study, *INLINE))
    assert nursery.end() == 0
    assert content(study) == content(tmp_path / "left alone")
    with Ledger.open(study / "ledger.sqlite", read_only=True) as ledger:
        assert {each.kind for each in ledger.lost_runs()} == {"worker died"}
