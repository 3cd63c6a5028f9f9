"""A page served on this machine only, with an event stream that tells of its newer editions.

The server listens on the loopback address. It answers ``GET`` of the page and of the stream, and
nothing else. A request must name this server as its host: a web page elsewhere whose name was
made to resolve to 127.0.0.1 is refused (DNS rebinding).

Source: WHATWG HTML, section 9.2, server-sent events.
"""

from __future__ import annotations

import errno
import json
import threading
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar
from urllib.parse import urlsplit

from mbnas.errors import MbnasError, UsageError
from mbnas.report.live.live_page import Edition, LivePage

LOOPBACK = "127.0.0.1"
EVENTS = "/events"
MOST_STREAMS = 32
"""Most event streams at a time."""

_BEAT_S = 10.0  # a comment this often finds out which readers have left
_PATIENCE_S = 30.0  # for a request, and for a reader who takes nothing


class PageServer(ThreadingHTTPServer):
    """Serves a page until it is closed.

    Args:
        page: To serve.
        port: On the loopback address; 0 for any free one.

    Raises:
        UsageError: if the port cannot be used.
    """

    daemon_threads = True

    def __init__(self, page: LivePage, *, port: int = 0) -> None:
        self.page = page
        self.closing = threading.Event()
        self.streams = threading.BoundedSemaphore(MOST_STREAMS)
        try:
            super().__init__((LOOPBACK, port), _Handler)
        except OverflowError:
            raise UsageError(f"--port (={port}) must be from 0 to 65535.") from None
        except OSError as error:
            raise UsageError(_refusal(port, error)) from error

    @property
    def address(self) -> str:
        """The address of the page."""
        return f"http://{LOOPBACK}:{self.server_port}/"

    @property
    def hosts(self) -> tuple[str, ...]:
        """The hosts that a request may name."""
        return tuple(f"{name}:{self.server_port}" for name in (LOOPBACK, "localhost"))

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Do nothing: the reader has left."""

    def server_close(self) -> None:
        """Close the port and end all streams."""
        self.closing.set()
        super().server_close()


def watch(
    page: LivePage, version: Callable[[], object], stop: threading.Event, *, interval_s: float
) -> None:
    """Render a page again whenever a version changes, until told to stop.

    Args:
        page: To render.
        version: Returns a value that differs once the page is to be rendered again. If it cannot
            be read, the page is tried once more, which tells readers why.
        stop: Ends the watch.
        interval_s: Between two looks.
    """
    seen = _version_or_none(version)
    while not stop.wait(interval_s):
        found = _version_or_none(version)
        if found != seen and page.refresh():
            seen = found


def _version_or_none(version: Callable[[], object]) -> object:
    try:
        return version()
    except MbnasError:
        return None


def _refusal(port: int, error: OSError) -> str:
    why = "is in use" if error.errno == errno.EADDRINUSE else f"cannot be used ({error.strerror})"
    return f"Port {port} {why}. Choose another with --port, or leave it out for any free one."


class _Handler(BaseHTTPRequestHandler):
    """Answers one request."""

    server: PageServer
    protocol_version = "HTTP/1.1"
    timeout = _PATIENCE_S
    headers_for_all: ClassVar = {
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "Referrer-Policy": "no-referrer",
        "Cross-Origin-Resource-Policy": "same-origin",
    }

    def do_GET(self) -> None:
        """Answer a request of the page or of the stream."""
        path = urlsplit(self.path).path
        if self.headers.get("Host") not in self.server.hosts:
            self._refuse(HTTPStatus.MISDIRECTED_REQUEST, "This server answers to its own address.")
        elif path == "/":
            self._answer(HTTPStatus.OK, "text/html; charset=utf-8", self.server.page.edition.html)
        elif path == EVENTS:
            self._stream()
        else:
            self._refuse(HTTPStatus.NOT_FOUND, "There is nothing here but the page.")

    def _only_get(self) -> None:
        self._refuse(HTTPStatus.METHOD_NOT_ALLOWED, "Only GET is answered.", Allow="GET")

    do_HEAD = do_POST = do_PUT = do_DELETE = do_PATCH = do_OPTIONS = do_TRACE = _only_get
    do_CONNECT = _only_get

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (named by http.server)
        """Log nothing: the terminal is the user's."""

    def version_string(self) -> str:
        """Return the server's name without versions."""
        return "mbnas"

    def _refuse(self, status: HTTPStatus, words: str, **headers: str) -> None:
        self.close_connection = True
        self._answer(status, "text/plain; charset=utf-8", f"{words}\n", **headers)

    def _answer(self, status: HTTPStatus, kind: str, text: str, **headers: str) -> None:
        body = text.encode()
        self._begin(status, kind, {"Content-Length": str(len(body))} | headers)
        if self.command != "HEAD":
            self.wfile.write(body)

    def _begin(self, status: HTTPStatus, kind: str, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in ({"Content-Type": kind} | self.headers_for_all | headers).items():
            self.send_header(name, value)
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()

    def _stream(self) -> None:
        if not self.server.streams.acquire(blocking=False):
            self._refuse(HTTPStatus.SERVICE_UNAVAILABLE, "Too many windows show this page.")
            return
        try:
            self.close_connection = True  # it has no length
            self._begin(HTTPStatus.OK, "text/event-stream", {})
            self._send_editions()
        finally:
            self.server.streams.release()

    def _send_editions(self) -> None:
        seen = self.server.page.edition
        self._send(_event(seen))
        while not self.server.closing.is_set():
            found = self.server.page.wait(seen, _BEAT_S)
            self._send(":\n\n" if found is seen else _event(found))
            seen = found

    def _send(self, text: str) -> None:
        self.wfile.write(text.encode())
        self.wfile.flush()


def _event(edition: Edition) -> str:
    told = {"number": edition.number, "problem": edition.problem}
    return f"data: {json.dumps(told)}\n\n"
