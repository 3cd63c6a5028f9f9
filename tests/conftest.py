"""Settings for all tests: shapes are checked at run time, examples are drawn alike every time.

And places that tests of several parts need: directories that cannot be written, also where the
tests run as root, and a server of files.
"""

import gc
import hashlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from . import shape_checks

settings.register_profile(
    "mbnas", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("mbnas")

# One thread for torch, numpy and all processes that tests start: what tests compute is too small
# to share, and threads that wait for work keep cores busy. OpenMP reads this when it is loaded.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# The tests start hundreds of processes: without cached bytecode, each compiles all modules again.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

shape_checks.install("mbnas")
pytest.register_assert_rewrite("tests.workers.executor_contract")

# A shell that starts the tests in the background has them, and all they start, ignore Ctrl-C.
signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items):
    """Begin with the files that have slow tests, so that no long file is left for the end."""
    slow = {each.path for each in items if each.get_closest_marker("slow")}
    items.sort(key=lambda each: each.path not in slow)


@pytest.fixture(scope="module", autouse=True)
def _frozen():
    """Leave what is loaded so far out of all searches for cycles: every training makes one."""
    gc.collect()
    gc.freeze()


@pytest.fixture
def kills():
    """Return how often a test kills or ends processes at random: a fifth, or all in ``make check``.

    The target ``check`` sets ``MBNAS_TEST_KILLS=all``.
    """
    has_all = os.environ.get("MBNAS_TEST_KILLS") == "all"
    return lambda number: number if has_all else max(1, number // 5)


NOBODY = 65534


@pytest.fixture
def open_directory():
    """A directory that every user can reach, unlike pytest's own."""
    directory = Path(tempfile.mkdtemp())
    directory.chmod(0o777)
    yield directory
    directory.chmod(0o777)
    shutil.rmtree(directory)


@pytest.fixture
def unprivileged():
    """A context in which permissions hold for this process: root becomes nobody inside."""

    @contextmanager
    def dropped():
        user = os.geteuid()
        if user == 0:
            os.seteuid(NOBODY)
        try:
            yield
        finally:
            os.seteuid(user)

    return dropped


@pytest.fixture
def small_disk(tmp_path):
    """A function that makes a disk of some bytes, where one may be mounted."""
    place, mounted = tmp_path / "disk", []

    def make(size):
        place.mkdir()
        command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "mbnas-test", str(place)]
        if not shutil.which("mount") or subprocess.run(command, capture_output=True).returncode:
            pytest.skip("a small disk can be mounted by root alone")
        mounted.append(place)
        return place

    yield make
    if (loading := sys.modules.get("mbnas.training.loading.load_slices")) is not None:
        loading.load_slices.cache_clear()  # what this process trained on is mapped from there
    gc.collect()
    for each in mounted:
        subprocess.run(["umount", str(each)], check=True)


class FileServer(ThreadingHTTPServer):
    """Serves bytes on this machine, remembers what it sent, and misbehaves as it is told.

    Attributes:
        files: What there is, by path.
        sent: Status, first byte and number of bytes of every answer.
        has_ranges: Whether it sends parts.
        tells_version: Whether it sends entity tags.
        cuts: After how many bytes the next answers are cut.
        failures: Statuses of the next answers, in place of what was asked for.
        claims: Which parts the next answers say that they are, whatever was asked for.
    """

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Answer)
        self.files, self.sent, self.cuts, self.failures, self.claims = {}, [], [], [], []
        self.has_ranges = self.tells_version = True

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}"


class _Answer(BaseHTTPRequestHandler):
    def do_GET(self):
        server, body = self.server, self.server.files.get(self.path)
        if server.failures or body is None:
            self.refuse(server.failures.pop(0) if server.failures else 404)
            return
        tag = f'"{hashlib.md5(body).hexdigest()}"'
        is_part = server.has_ranges and self.headers.get("If-Range", tag) == tag
        asked = self.headers.get("Range", "bytes=0-") if is_part else "bytes=0-"
        start = int(asked.removeprefix("bytes=").removesuffix("-"))
        if start and start >= len(body):
            self.refuse(416)
            return
        claim = f"bytes {start}-{len(body) - 1}/{len(body)}" if start else None
        claim = server.claims.pop(0) if server.claims else claim
        self.send_response(206 if claim else 200)
        self.send_header("Content-Length", str(len(body) - start))
        if claim:
            self.send_header("Content-Range", claim)
        if server.tells_version:
            self.send_header("ETag", tag)
        sent = body[start:][: server.cuts.pop(0) if server.cuts else None]
        server.sent.append((206 if claim else 200, start, len(sent)))
        self.end_headers()
        with suppress(ConnectionError):  # who asked has seen enough
            self.wfile.write(sent)

    def refuse(self, status):
        self.server.sent.append((status, 0, 0))
        self.send_error(status)

    def log_message(self, *arguments):
        pass


@pytest.fixture
def file_server(monkeypatch):
    """A server on this machine that is reached without a proxy, and pauses that take no time."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr("mbnas.data.fetch.transfer.time.sleep", lambda seconds: None)
    with FileServer() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()
