"""The server of a page, asked through real sockets."""

import http.client
import json
import socket
import threading
import time
from contextlib import contextmanager

import pytest

from mbnas.errors import StudyError, UsageError
from mbnas.report.live.live_page import LivePage
from mbnas.report.live.page_server import MOST_STREAMS, PageServer, watch


@pytest.fixture
def page():
    return LivePage(lambda number: f"<p>edition {number} ä</p>", clock=lambda: 0.0)


@contextmanager
def serving(page, **options):
    with PageServer(page, **options) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join(20)


@pytest.fixture
def server(page):
    with serving(page) as server:
        yield server


def ask(server, method="GET", path="/", **headers):
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=20)
    try:
        connection.request(method, path, headers=headers)
        response = connection.getresponse()
        return response, response.read().decode()
    finally:
        connection.close()


@contextmanager
def stream(server):
    """Yield a function that returns the next event."""
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=20)
    connection.request("GET", "/events")
    response = connection.getresponse()
    assert response.getheader("Content-Type") == "text/event-stream"

    def following():
        for _ in range(4):
            if (line := response.readline().decode()).startswith("data: "):
                return json.loads(line.removeprefix("data: "))
        raise AssertionError("no event")

    try:
        yield following
    finally:
        response.close()
        connection.close()


def test_the_page_is_answered_and_may_not_be_kept(server):
    response, text = ask(server)
    assert response.status == 200
    assert text == "<p>edition 1 ä</p>"
    assert response.getheader("Content-Type") == "text/html; charset=utf-8"
    assert response.getheader("Cache-Control") == "no-store"
    assert "Python" not in response.getheader("Server")


def test_it_listens_on_this_machine_only(server):
    assert server.server_address[0] == "127.0.0.1"
    assert server.address == f"http://127.0.0.1:{server.server_port}/"


@pytest.mark.parametrize("path", ["/report.html", "/study.toml", "/../study.toml", "/events/"])
def test_nothing_else_is_answered(server, path):
    response, text = ask(server, path=path)
    assert response.status == 404
    assert "edition" not in text


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH"])
@pytest.mark.parametrize("path", ["/", "/events"])
def test_only_get_is_answered(server, method, path):
    response, text = ask(server, method, path)
    assert response.status == 405
    assert response.getheader("Allow") == "GET"
    assert "edition" not in text


@pytest.mark.parametrize("path", ["/", "/events"])
@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:{port}", "127.0.0.1:1", "", "[::1]"]
)
def test_a_name_that_was_made_to_resolve_here_is_refused(server, path, host):
    response, text = ask(server, path=path, Host=host.format(port=server.server_port))
    assert response.status == 421
    assert "edition" not in text


def test_localhost_is_a_name_of_it(server):
    assert ask(server, Host=f"localhost:{server.server_port}")[0].status == 200


def test_the_stream_tells_of_each_edition(server):
    with stream(server) as following:
        assert following() == {"number": 1, "problem": None}
        server.page.refresh()
        assert following() == {"number": 2, "problem": None}
    assert ask(server)[1] == "<p>edition 2 ä</p>"


def test_readers_that_leave_make_room_for_others(server):
    for _ in range(2 * MOST_STREAMS):
        with stream(server) as following:
            assert following()["number"] == 1
        server.page.refresh()  # tells those that left, so their places are free
        deadline = time.monotonic() + 20
        while not server.streams.acquire(blocking=False):
            assert time.monotonic() < deadline
            time.sleep(0.01)
        server.streams.release()
        server.page = LivePage(str, clock=lambda: 0.0)


def test_too_many_streams_are_refused(server):
    for _ in range(MOST_STREAMS):
        server.streams.acquire()
    assert ask(server, path="/events")[0].status == 503
    assert ask(server)[0].status == 200


def test_what_is_no_request_ends_only_itself(server, capfd):
    with socket.create_connection(("127.0.0.1", server.server_port)) as client:
        client.sendall(b"\x00\xff nonsense\r\n\r\n")
        client.recv(4096)
    with socket.create_connection(("127.0.0.1", server.server_port)) as client:
        client.sendall(b"GET / HT")
    assert ask(server)[0].status == 200
    assert capfd.readouterr().err == ""


def test_a_port_in_use_is_named_with_the_remedy(server, page):
    with pytest.raises(UsageError, match=rf"Port {server.server_port} is in use. Choose another"):
        PageServer(page, port=server.server_port)


@pytest.mark.parametrize("port", [-1, 65536])
def test_a_port_that_does_not_exist_is_refused(page, port):
    with pytest.raises(UsageError, match=r"must be from 0 to 65535"):
        PageServer(page, port=port)


def test_a_page_is_rendered_again_when_the_version_changes_and_when_it_cannot_be_read(page):
    versions = iter([1, 1, 2, 2, StudyError("gone"), 3])
    stop = threading.Event()

    def version():
        found = next(versions, None)
        if found is None:
            stop.set()
        if isinstance(found, StudyError):
            raise found
        return 3 if found is None else found

    watch(page, version, stop, interval_s=0.001)
    assert page.edition.number == 4  # for 2, for none, for 3
