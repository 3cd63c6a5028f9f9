"""One writer at a time, and no stale lock ever."""

import errno
import fcntl
import os
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest

from mbnas.errors import StudyError
from mbnas.study.lock import holder_of, study_lock

HOLDER = """
import sys, time
from pathlib import Path
from mbnas.study.lock import study_lock
with study_lock(Path(sys.argv[1]), "mbnas search other"):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def other_holder(tmp_path):
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path)], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_the_second_learns_who_holds_the_study(tmp_path, other_holder):
    with (
        pytest.raises(StudyError) as raised,
        study_lock(tmp_path, "mbnas search mine"),
    ):
        pass
    message = str(raised.value)
    assert message.startswith(
        f"{tmp_path} is in use by process {other_holder.pid} on {socket.gethostname()} "
        "(`mbnas search other`, since 20"
    )
    assert "Wait until it ends, or end it" in message


def test_a_killed_holder_is_no_obstacle(tmp_path, other_holder):
    other_holder.send_signal(signal.SIGKILL)
    other_holder.wait()
    assert (tmp_path / ".lock").read_text()
    assert holder_of(tmp_path) is None
    with study_lock(tmp_path, "mbnas search mine") as holder:
        assert holder.pid == os.getpid()


def test_the_lock_is_free_again_afterwards(tmp_path):
    for _ in range(2):
        with study_lock(tmp_path, "mbnas search mine"):
            pass
    assert holder_of(tmp_path) is None


def test_the_lock_is_free_again_after_an_error(tmp_path):
    with pytest.raises(ZeroDivisionError), study_lock(tmp_path, "mbnas search mine"):
        raise ZeroDivisionError
    assert holder_of(tmp_path) is None


def test_one_process_cannot_hold_a_study_twice(tmp_path):
    with (
        study_lock(tmp_path, "mbnas search mine"),
        pytest.raises(StudyError, match=f"process {os.getpid()} on"),
        study_lock(tmp_path, "mbnas search mine"),
    ):
        pass


def test_the_holder_of_a_study_is_known(tmp_path):
    assert holder_of(tmp_path) is None
    with study_lock(tmp_path, "mbnas search mine") as holder:
        assert holder_of(tmp_path) == holder


def test_a_holder_without_a_name_still_holds(tmp_path):
    with study_lock(tmp_path, "mbnas search mine"):
        (tmp_path / ".lock").write_text("")
        assert holder_of(tmp_path).pid == 0


def test_reading_the_holder_does_not_block_the_lock(tmp_path, monkeypatch):
    (tmp_path / ".lock").touch()
    glance = os.open(tmp_path / ".lock", os.O_RDONLY)
    fcntl.flock(glance, fcntl.LOCK_SH)
    monkeypatch.setattr("time.sleep", lambda _: fcntl.flock(glance, fcntl.LOCK_UN))
    with study_lock(tmp_path, "mbnas search mine"):
        pass
    os.close(glance)


def test_a_missing_study_is_an_error(tmp_path):
    with (
        pytest.raises(StudyError, match=r"no study directory .*nowhere"),
        study_lock(tmp_path / "nowhere", "mbnas search mine"),
    ):
        pass


def test_a_read_only_study_is_an_error(open_directory, unprivileged):
    open_directory.chmod(0o555)
    with (
        unprivileged(),
        pytest.raises(StudyError, match="is read-only and a study must be written"),
        study_lock(open_directory, "mbnas search mine"),
    ):
        pass


@pytest.mark.parametrize(
    ("number", "sentence"),
    [
        (errno.ENOLCK, "file system without locks"),
        (errno.ENOSPC, "The disk is full"),
        (errno.EIO, "cannot be locked"),
    ],
)
def test_each_error_of_the_file_system_has_a_message(tmp_path, monkeypatch, number, sentence):
    def fail(*_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("fcntl.flock", fail)
    with pytest.raises(StudyError, match=sentence), study_lock(tmp_path, "mbnas search mine"):
        pass


def test_a_full_disk_leaves_no_lock_file_behind(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr("os.pwrite", full)
        with pytest.raises(StudyError, match="disk is full"), study_lock(tmp_path, "mbnas search"):
            pass
    assert not list(tmp_path.iterdir())
    with study_lock(tmp_path, "mbnas search"):
        assert holder_of(tmp_path) is not None


def test_a_process_that_waited_for_a_removed_lock_file_locks_the_new_one(tmp_path):
    found = []

    def second():
        with study_lock(tmp_path, "second"):
            found.append(holder_of(tmp_path))

    waiting = threading.Thread(target=second)
    with study_lock(tmp_path, "first"):
        waiting.start()
        time.sleep(0.1)
        (tmp_path / ".lock").unlink()
    waiting.join()
    assert [holder and holder.command for holder in found] == ["second"]
