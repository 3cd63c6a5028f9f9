"""Calls in several processes: order, progress, errors, no orphans."""

import os
import signal
import subprocess
import sys
import time

import pytest

from mbnas.errors import DatasetError, MbnasError
from mbnas.machine.processes import map_in_processes


def refuse(item):
    raise DatasetError(f"item {item}")


@pytest.mark.parametrize("workers", [1, 2])
def test_results_come_in_order_with_progress(workers):
    done = []
    items = list(range(-3, 3))
    results = map_in_processes(
        abs, items, workers=workers, progress=lambda *counts: done.append(counts)
    )
    assert results == [3, 2, 1, 0, 1, 2]
    assert done == [(count, 6) for count in range(1, 7)]


def test_no_items_give_no_results():
    assert map_in_processes(abs, [], workers=2) == []


def test_an_error_is_passed_on():
    with pytest.raises(ValueError, match="invalid literal"):
        map_in_processes(int, ["1", "x", "3"], workers=2)
    with pytest.raises(DatasetError, match="item 1"):
        map_in_processes(refuse, [1, 2], workers=1)


def test_a_worker_that_dies_is_an_mbnas_error():
    with pytest.raises(MbnasError, match="One of 2 worker processes ended abruptly"):
        map_in_processes(os._exit, [3, 3], workers=2)


def test_workers_end_with_a_killed_parent(tmp_path):
    work = """
import os, sys, time
from pathlib import Path
def work(number):
    Path(sys.argv[1], str(os.getpid())).touch()
    time.sleep(60)
"""
    program = """
from mbnas.machine.processes import map_in_processes
from marking import work
map_in_processes(work, [1, 2], workers=2)
"""
    (tmp_path / "marking.py").write_text(work)
    (tmp_path / "program.py").write_text(program)
    marks = tmp_path / "marks"
    marks.mkdir()
    command = [sys.executable, tmp_path / "program.py", marks]
    parent = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    wait_until(lambda: len(list(marks.iterdir())) == 2)
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    wait_until(lambda: not any(alive(int(mark.name)) for mark in marks.iterdir()))


def wait_until(condition):
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def alive(process):
    try:
        with open(f"/proc/{process}/stat") as stat:  # noqa: PTH123
            return stat.read().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False
