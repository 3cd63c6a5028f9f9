"""Files are complete or absent, have the mode of the umask, and a refusal is explained."""

import errno
import os
import pickle
import resource
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from mbnas.errors import WriteError
from mbnas.machine import files
from mbnas.machine.files import (
    check_writable,
    is_temporary,
    ready_folder,
    refusal,
    remove_leftovers,
    replacing,
    temporary_name,
    write_bytes,
    write_text,
)


def names(folder):
    return sorted(each.name for each in folder.iterdir())


def test_an_existing_file_is_replaced_at_the_end(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with replacing(path) as aside:
        assert aside.parent == tmp_path
        assert aside.name.endswith(".a.txt")
        aside.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert names(tmp_path) == ["a.txt"]


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError, MemoryError])
def test_an_error_leaves_the_existing_file(error, tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")

    def write():
        with replacing(path) as aside:
            aside.write_text("half")
            raise error

    with pytest.raises(error):
        write()
    assert path.read_text() == "old"
    assert names(tmp_path) == ["a.txt"]


@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o027, 0o640), (0o077, 0o600)])
def test_a_file_has_the_mode_of_the_umask(umask, mode, tmp_path):
    path = tmp_path / "a.txt"
    for _ in range(2):  # new, and in place of another
        before = os.umask(umask)
        try:
            write_text(path, "text")
        finally:
            os.umask(before)
        assert stat.S_IMODE(path.stat().st_mode) == mode
        path.chmod(0o666)


@pytest.mark.parametrize("length", [1, 200, 255])
def test_a_name_may_be_as_long_as_the_file_system_allows(length, tmp_path):
    path = tmp_path / ("ä" * (length // 2) + "b" * (length % 2))
    write_text(path, "text")
    assert path.read_text() == "text"


def test_names_that_are_not_utf_8_are_kept(tmp_path):
    path = tmp_path / os.fsdecode(b"caf\xe9.txt")
    write_text(path, "text")
    assert [os.fsencode(name) for name in names(tmp_path)] == [b"caf\xe9.txt"]


# Refusals


CODES = [
    (errno.ENOSPC, "The disk is full: ", True),
    (errno.EDQUOT, "quota", True),
    (errno.EROFS, "its file system is read-only", True),
    (errno.EACCES, "you have no permission", True),
    (errno.EPERM, "you have no permission", True),
    (errno.EIO, "the disk reports an error", True),
    (errno.ENOENT, "its folder does not exist", True),
    (errno.ENOTDIR, "there is a file in place of a folder", True),
    (errno.ESTALE, os.strerror(errno.ESTALE), True),
    (errno.EFBIG, "it is larger than a file may be here", False),
    (errno.ENAMETOOLONG, "its name is too long", False),
    (errno.EISDIR, "it is a folder", False),
    (errno.ELOOP, "its links form a circle", False),
]


@pytest.mark.parametrize(("code", "told", "of_place"), CODES)
def test_every_refusal_has_a_reason_and_a_remedy(code, told, of_place, tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")

    def write():
        with replacing(path) as aside:
            aside.write_text("half")
            raise OSError(code, os.strerror(code))

    with pytest.raises(WriteError) as caught:
        write()
    said = str(caught.value)
    assert told in said
    assert str(path) in said
    assert said.count(". ") == 1
    assert said.endswith(".")
    assert "\n" not in said
    assert caught.value.of_place is of_place
    assert path.read_text() == "old"
    assert names(tmp_path) == ["a.txt"]
    again = pickle.loads(pickle.dumps(caught.value))
    assert (str(again), again.of_place) == (said, of_place)


def test_a_full_disk_says_how_much_is_left_and_needed(tmp_path, monkeypatch):
    room = os.statvfs_result((4096, 4096, 100, 4, 3, 100, 50, 50, 0, 255))
    monkeypatch.setattr("mbnas.machine.files.os.statvfs", lambda place: room)
    full = OSError(errno.ENOSPC, "No space left on device")
    path = tmp_path / "absent/a.txt"
    assert str(refusal(path, full)) == (
        f"The disk is full: {path} cannot be written (12.3 kB are left). Free some space and run "
        "the same command again."
    )
    assert "(it needs 2.0 MB, and 12.3 kB are left)" in str(
        refusal(path, full, needed_bytes=2_000_000)
    )
    room = os.statvfs_result((4096, 4096, 100, 40, 30, 100, 0, 0, 0, 255))
    assert "as the disk has as many files as it can hold" in str(refusal(path, full))


def test_a_real_full_disk(small_disk):
    disk = small_disk("64k")
    write_bytes(disk / "a.bin", b"old")
    with pytest.raises(WriteError, match=r"The disk is full: .*/a.bin cannot be written \(it ne"):
        write_bytes(disk / "a.bin", bytes(100_000))
    assert (disk / "a.bin").read_bytes() == b"old"
    assert names(disk) == ["a.bin"]


def test_a_real_limit_on_the_size_of_files(tmp_path):
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
    try:
        with pytest.raises(WriteError, match="larger than a file may be here") as caught:
            write_bytes(tmp_path / "a.bin", bytes(2000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert "ulimit -f" in str(caught.value)
    assert names(tmp_path) == []


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("absent/a.txt", "its folder does not exist"),
        ("file/a.txt", "there is a file in place of a folder"),
        ("folder", "it is a folder"),
        ("loop/a.txt", "its links form a circle"),
        ("b" * 256, "its name is too long"),
    ],
)
def test_impossible_paths_are_refused(name, told, tmp_path):
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    (tmp_path / "loop").symlink_to("loop")
    before = names(tmp_path)
    for write in (check_writable, lambda path: write_text(path, "text")):
        with pytest.raises(WriteError, match=told):
            write(tmp_path / name)
    assert names(tmp_path) == before
    assert names(tmp_path / "folder") == []


def test_a_folder_without_permission(open_directory, unprivileged):
    open_directory.chmod(0o555)
    with unprivileged():
        for write in (check_writable, lambda path: write_text(path, "text")):
            with pytest.raises(WriteError, match="you have no permission"):
                write(open_directory / "a.txt")
        with pytest.raises(WriteError, match="you have no permission"):
            ready_folder(open_directory / "folder")
    assert names(open_directory) == []


def test_a_check_changes_nothing(tmp_path):
    (tmp_path / "old").write_text("kept")
    check_writable(tmp_path / "old")
    check_writable(tmp_path / "new")
    check_writable(Path("/dev/stdout"))
    assert names(tmp_path) == ["old"]
    assert (tmp_path / "old").read_text() == "kept"


def test_a_pipe_is_written_to_and_not_replaced(tmp_path):
    path = tmp_path / "pipe"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        write_text(path, "text")
        assert os.read(reader, 100) == b"text"
    finally:
        os.close(reader)
    assert stat.S_ISFIFO(path.stat().st_mode)


@pytest.mark.parametrize("device", ["/dev/null", "/dev/full", "/dev/stdout", "/dev/fd/1"])
def test_devices_are_never_replaced(device, tmp_path):
    before = os.lstat(device)
    script = f"from mbnas.machine.files import *; write_text(Path({device!r}), 'text')"
    with (tmp_path / "out").open("wb") as out:
        ended = subprocess.run(
            [sys.executable, "-c", script], stdout=out, stderr=subprocess.PIPE, check=False
        )
    after = os.lstat(device)
    assert (before.st_mode, before.st_ino) == (after.st_mode, after.st_ino)
    assert (tmp_path / "out").read_text() == ("text" if device[5:] in ("stdout", "fd/1") else "")
    assert ended.returncode == (device == "/dev/full")
    if device == "/dev/full":
        assert b"WriteError: The disk is full: /dev/full" in ended.stderr


# What killed processes leave


WRITER = """
import sys, time
from pathlib import Path
from mbnas.machine.files import replacing

with replacing(Path(sys.argv[1])) as aside:
    aside.write_text("half")
    print("writing", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def writer(tmp_path):
    """A process that is writing ``a.txt``."""
    arguments = [sys.executable, "-c", WRITER, str(tmp_path / "a.txt")]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "writing\n"
        yield process
        process.kill()


def test_temporary_files_of_killed_processes_only_are_removed(writer, tmp_path):
    (aside,) = names(tmp_path)
    assert is_temporary(aside)
    remove_leftovers(tmp_path)
    assert names(tmp_path) == [aside]
    writer.send_signal(signal.SIGKILL)
    writer.wait()
    assert names(tmp_path) == [aside]
    remove_leftovers(tmp_path)
    assert names(tmp_path) == []


def test_files_next_to_a_temporary_file_are_removed_with_it(writer, tmp_path):
    (aside,) = names(tmp_path)
    (tmp_path / f"{aside}-journal").touch()
    remove_leftovers(tmp_path)
    assert names(tmp_path) == [aside, f"{aside}-journal"]
    writer.kill()
    writer.wait()
    remove_leftovers(tmp_path)
    assert names(tmp_path) == []


def test_ready_folder_removes_only_leftovers(tmp_path):
    folder = tmp_path / "new/folder"
    ready_folder(folder)
    strangers = [".123.study.toml", ".mbnas", "a.txt", ".tmpA1b2C3"]
    for name in strangers:
        (folder / name).touch()
    (folder / temporary_name("folder")).mkdir()  # folders are removed by who makes them
    (folder / temporary_name("link")).symlink_to(folder / "a.txt")
    kept = names(folder)
    (folder / temporary_name("a.txt")).touch()
    ready_folder(folder)
    assert names(folder) == kept


def test_without_locks_files_are_written_and_leftovers_kept(tmp_path, monkeypatch):
    def refuse(descriptor, operation):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr("mbnas.machine.files.fcntl.flock", refuse)
    write_text(tmp_path / "a.txt", "text")
    (tmp_path / temporary_name("a.txt")).touch()
    remove_leftovers(tmp_path)
    assert len(names(tmp_path)) == 2
    assert (tmp_path / "a.txt").read_text() == "text"


def test_a_temporary_file_that_was_removed_as_a_leftover_is_created_again(tmp_path, monkeypatch):
    flock, taken = files.fcntl.flock, []

    def remove_first(descriptor, operation):
        if not taken:
            taken.extend(tmp_path.iterdir())
            taken[0].unlink()
        return flock(descriptor, operation)

    monkeypatch.setattr("mbnas.machine.files.fcntl.flock", remove_first)
    write_text(tmp_path / "a.txt", "text")
    assert len(taken) == 1
    assert (tmp_path / "a.txt").read_text() == "text"
    assert names(tmp_path) == ["a.txt"]


def test_two_writers_and_a_clean_up_at_once_lose_nothing(tmp_path):
    script = """
import sys, time
from pathlib import Path
from mbnas.machine.files import ready_folder, write_text
path, end = Path(sys.argv[1]), time.monotonic() + 1.5
while time.monotonic() < end:
    ready_folder(path.parent)
    write_text(path, sys.argv[2] * 5000)
    assert path.read_text() in ("a" * 5000, "b" * 5000)
"""
    writers = [
        subprocess.Popen([sys.executable, "-c", script, str(tmp_path / "file"), letter])
        for letter in "ab"
    ]
    assert [each.wait() for each in writers] == [0, 0]
    assert names(tmp_path) == ["file"]
