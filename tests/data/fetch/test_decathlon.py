"""Datasets are downloaded completely or not at all, for any failure of server and disk."""

import errno
import fcntl
import hashlib
import io
import os
import re
import shutil
import tarfile

import pytest

from mbnas.data.fetch.decathlon import Task, download_task, find_task, tasks
from mbnas.errors import DownloadError, UsageError, WriteError

NAME = "Task05_Prostate"
FILES = {"dataset.json": b"{}", "imagesTr/prostate_00.nii.gz": os.urandom(20_000)}


def packed(files):
    """The bytes of an archive of files, and the links whose content is a text."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(f"{NAME}/{name}")
            if isinstance(content, str):
                member.type, member.linkname, content = tarfile.SYMTYPE, content, b""
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return made.getvalue()


BODY = packed(FILES)


def offered(server, body=BODY, served=None):
    """A task whose archive is ``body``, or is said to be."""
    server.files[f"/{NAME}.tar"] = body if served is None else served
    return Task(name=NAME, url=f"{server.url}/{NAME}.tar", md5=hashlib.md5(body).hexdigest())


def content(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def names(folder):
    return sorted(each.name for each in folder.iterdir())


def test_a_dataset_is_downloaded(file_server, tmp_path):
    seen = []
    task = offered(file_server)
    assert download_task(task, tmp_path / "new/data", watch=lambda *each: seen.append(each[0]))
    assert names(tmp_path / "new/data") == [NAME]
    assert content(tmp_path / "new/data" / NAME) == FILES
    assert list(dict.fromkeys(seen)) == ["Fetching", "Verifying", "Unpacking"]


def test_an_existing_dataset_is_not_downloaded(file_server, tmp_path):
    task = offered(file_server)
    assert download_task(task, tmp_path)
    assert not download_task(task, tmp_path)
    assert len(file_server.sent) == 1


def test_another_folder_of_that_name_is_not_changed(file_server, tmp_path):
    (tmp_path / NAME).mkdir()
    with pytest.raises(DownloadError, match="exists and is not a dataset"):
        download_task(offered(file_server), tmp_path)
    assert file_server.sent == []


def test_a_partial_download_is_kept_for_the_next_attempt(file_server, tmp_path):
    task = offered(file_server)
    file_server.cuts += [15_000, 0, 0, 0, 0]
    with pytest.raises(DownloadError, match=r"15\.0 kB are kept"):
        download_task(task, tmp_path)
    assert names(tmp_path) == [f".{NAME}.download"]
    file_server.sent.clear()
    assert download_task(task, tmp_path)
    assert file_server.sent == [(206, 15_000, len(BODY) - 15_000)]
    assert names(tmp_path) == [NAME]
    assert content(tmp_path / NAME) == FILES


def test_an_interrupted_unpacking_restarts_without_a_download(file_server, tmp_path):
    task = offered(file_server)

    def interrupt(stage, done, total):
        if stage == "Unpacking" and done:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        download_task(task, tmp_path, watch=interrupt)
    assert names(tmp_path) == [f".{NAME}.download"]
    left = tmp_path / f".{NAME}.download/unpacked"
    left.mkdir()  # as one that was killed would leave it
    (left / "half").touch()
    assert download_task(task, tmp_path)
    assert len(file_server.sent) == 1
    assert content(tmp_path / NAME) == FILES


def test_a_wrong_sum_is_refused_and_removed(file_server, tmp_path):
    other = bytes(len(BODY))
    with pytest.raises(DownloadError, match=f"MD5 sum {hashlib.md5(other).hexdigest()}, not"):
        download_task(offered(file_server, served=other), tmp_path / "data")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("status", [404, 500])
def test_nothing_is_left_of_a_refused_download(file_server, tmp_path, status):
    task = offered(file_server)
    file_server.failures += [status] * 5
    with pytest.raises(DownloadError, match=f"status {status}"):
        download_task(task, tmp_path / "new/data")
    assert not list(tmp_path.iterdir())


def test_nothing_is_left_of_a_connection_that_was_cut_at_once(file_server, tmp_path):
    task = offered(file_server)
    file_server.cuts += [0] * 5
    with pytest.raises(DownloadError, match="Nothing was fetched"):
        download_task(task, tmp_path / "data")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("link", ["/etc/passwd", "../../..", "dataset.json"])
def test_an_archive_with_a_link_is_refused(file_server, tmp_path, link):
    with pytest.raises(DownloadError, match="neither a file nor a folder"):
        download_task(offered(file_server, packed(FILES | {"link": link})), tmp_path)
    assert not (tmp_path / NAME).exists()


def test_the_disk_needs_space_for_the_archive_and_its_contents(file_server, tmp_path, monkeypatch):
    usage = shutil.disk_usage(tmp_path)
    free = 2 * len(BODY) - 1
    monkeypatch.setattr("shutil.disk_usage", lambda path: usage._replace(free=free))
    with pytest.raises(DownloadError, match=r"Free some space"):
        download_task(offered(file_server), tmp_path / "data")
    assert not list(tmp_path.iterdir())
    free += 1
    assert download_task(offered(file_server), tmp_path / "data")


def test_a_disk_that_fills_up_meanwhile_is_a_write_error(file_server, tmp_path, monkeypatch):
    def full(source, target):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    task = offered(file_server)
    with monkeypatch.context() as patch:
        patch.setattr("mbnas.data.fetch.unpack.shutil.copyfileobj", full)
        with pytest.raises(WriteError, match=r"The disk is full: "):
            download_task(task, tmp_path)
    assert names(tmp_path) == [f".{NAME}.download"]
    assert download_task(task, tmp_path)
    assert len(file_server.sent) == 1


def test_two_processes_cannot_download_at_once(file_server, tmp_path):
    work = tmp_path / f".{NAME}.download"
    work.mkdir()
    holder = os.open(work, os.O_RDONLY)
    fcntl.flock(holder, fcntl.LOCK_EX)
    try:
        with pytest.raises(DownloadError, match="Another process is downloading"):
            download_task(offered(file_server), tmp_path)
    finally:
        os.close(holder)
    assert download_task(offered(file_server), tmp_path)


def test_the_tasks_are_those_of_monai():
    known = tasks()
    assert len(known) == 10
    for name, task in known.items():
        assert task.name == name
        assert re.fullmatch(rf"https://.+/{name}\.tar", task.url)
        assert re.fullmatch(r"[0-9a-f]{32}", task.md5)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("Task05_Prostrate", "has no task Task05_Prostrate: the nearest is Task05_Pro"),
        ("spleen", "the nearest is Task09_Spleen"),
        ("zzz", "it has Task01_BrainTumour, Task02_Heart"),
    ],
)
def test_an_unknown_task_is_refused_with_the_nearest_name(name, told):
    with pytest.raises(UsageError, match=told):
        find_task(name)


@pytest.mark.parametrize("mirror", ["near.example/msd", "ftp://near.example", "http://", "/data"])
def test_a_mirror_must_be_an_address(mirror):
    with pytest.raises(UsageError, match="must be an address that begins with http"):
        Task(name=NAME, url=f"https://far.example/{NAME}.tar", md5="").at(mirror)
