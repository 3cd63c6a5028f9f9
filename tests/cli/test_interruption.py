"""However a search ends, nobody goes on working, and the next run goes on where it ended."""

import json
import os
import random
import signal
import sqlite3
import subprocess
import time
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from mbnas.cli.main import main

INLINE = ("--set", "run.executor=inline")


@contextmanager
def running(arguments):
    """A process in a session of its own, of which nobody outlives the ``with``."""
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
    """The processes of a session that are still at work."""
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
    """Whether so many trainings are in the ledger."""

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


@pytest.mark.parametrize(
    ("number", "more", "status", "what"),
    [
        (signal.SIGINT, ("--workers", "2"), 130, "Stopped."),
        (signal.SIGTERM, INLINE, 143, "Ended by SIGTERM."),
        pytest.param(signal.SIGINT, ("--executor", "ray"), 130, "Stopped.", marks=pytest.mark.slow),
    ],
    ids=["Ctrl-C", "SIGTERM", "Ctrl-C on Ray"],
)
def test_a_signal_ends_a_search_cleanly(
    number, more, status, what, command, finished, dataset, content, tmp_path, capsys
):
    study = tmp_path / "study"
    ended = interrupted(command(study, *more), trains(study, 1), number)
    assert ended == (status, f"mbnas: {what} The same command goes on from here.\n")
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
    assert ended == (130, "mbnas: Stopped. The same command goes on from here.\n")
    assert not list(tmp_path.iterdir())


def test_a_killed_search_is_told_to_be_stopped(command, tmp_path, capsys):
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


@pytest.mark.slow
def test_ten_kills_leave_the_ledger_of_an_undisturbed_search(command, finished, content, tmp_path):
    study, rng = tmp_path / "study", random.Random(0)
    kills = [(prepares, ()), (prepares, ()), (begins, ())] + [
        (None, more) for more in (INLINE, ("--workers", "2"), INLINE, ("--workers", "1"))
    ]
    kills += [(None, INLINE)] * 3
    for condition, more in kills:
        met = condition(study) if condition else trains(study, num_trainings(study) + 1)
        with running(command(study, *more)) as process:
            until(met, process)
            time.sleep(rng.uniform(0, 0.3))
            process.kill()
            process.wait()
            nobody_goes_on(process.pid)
    done = subprocess.run(command(study), capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert content(study) == content(finished)
    assert {each.name for each in study.iterdir()} == {each.name for each in finished.iterdir()}
    assert not list(study.glob("slices/.*"))
