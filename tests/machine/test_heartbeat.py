"""Heartbeats: one listener, called once per interval, and the end of a process without any."""

import subprocess
import sys

import pytest

from mbnas.machine import heartbeat as pulse
from mbnas.machine.heartbeat import beat, ending_if_silent, listening


@pytest.fixture
def clock(monkeypatch):
    """The monotonic clock of heartbeats, which a test can set."""

    class Clock:
        now_s = 100.0

        def monotonic(self):
            return self.now_s

    clock = Clock()
    monkeypatch.setattr(pulse, "time", clock)
    return clock


def test_without_a_listener_nothing_happens(monkeypatch):
    monkeypatch.setattr(pulse, "time", None)  # not even a look at the clock
    beat()


def test_a_listener_is_called_at_the_first_beat_and_then_once_per_interval(clock):
    heard = []
    with listening(lambda: heard.append(clock.now_s), every_s=2.0):
        for now_s in (100.0, 100.5, 101.9, 102.0, 103.0, 109.0, 110.9, 111.0):
            clock.now_s = now_s
            beat()
    clock.now_s = 200.0
    beat()
    assert heard == [100.0, 102.0, 109.0, 111.0]


def test_the_inner_listener_is_called_in_place_of_the_outer(clock):
    heard = []
    with listening(lambda: heard.append("outer"), every_s=0.0):
        with listening(lambda: heard.append("inner"), every_s=0.0):
            beat()
        beat()
    assert heard == ["inner", "outer"]


def test_the_work_raises_what_a_listener_raises():
    def full():
        raise OSError("full")

    with listening(full), pytest.raises(OSError, match="full"):
        beat()


def run(code):
    return subprocess.run(
        [
            sys.executable,
            "-c",
            f"import ctypes, time\nfrom mbnas.machine.heartbeat import *\n{code}",
        ],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize(
    "hang",
    ["time.sleep(600)", "ctypes.PyDLL(None).sleep(600)", "while True: pass"],
    ids=["asleep", "holding the interpreter's lock", "busy"],
)
def test_a_process_without_heartbeat_ends_itself_with_a_traceback(hang):
    ended = run(f"def stuck():\n    {hang}\nwith ending_if_silent(0.3):\n    beat()\n    stuck()")
    assert ended.returncode == 1
    assert "Timeout" in ended.stderr
    assert "in stuck" in ended.stderr


def test_a_process_with_heartbeats_continues_beyond_its_patience():
    ended = run(
        "with ending_if_silent(3.0):\n"
        "    for _ in range(50):\n        time.sleep(0.1)\n        beat()\n"
        "time.sleep(3.5)\nprint('done')"
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "done\n", "")


def test_patience_may_be_infinite():
    with ending_if_silent(float("inf")):
        beat()
