"""Downloads from a server that closes connections, changes files, or cannot send parts."""

import errno
import os
import socket
import urllib.request

import pytest

from mbnas.data.fetch.transfer import Version, discard, fetch
from mbnas.errors import DownloadError

BODY = bytes(range(256)) * 4000
HALF = len(BODY) // 2


@pytest.fixture
def server(file_server):
    file_server.files["/file"] = BODY
    return file_server


@pytest.fixture
def path(tmp_path):
    return tmp_path / "file"


def fetched(server, path, **options):
    fetch(f"{server.url}/file", path, **options)
    return path.read_bytes()


def cut(server, path, after=HALF):
    """Download only a part."""
    server.cuts.append(after)
    with pytest.raises(DownloadError, match="was cut"):
        fetched(server, path, pauses_s=())
    assert path.read_bytes() == BODY[:after]


def test_a_file_is_downloaded(server, path):
    seen = []
    assert fetched(server, path, progress=lambda *each: seen.append(each)) == BODY
    assert seen[0] == (0, len(BODY))
    assert seen[-1] == (len(BODY), len(BODY))
    assert server.sent == [(200, 0, len(BODY))]


def test_a_partial_file_is_continued_from_its_last_byte(server, path):
    cut(server, path)
    assert fetched(server, path) == BODY
    assert server.sent[1:] == [(206, HALF, len(BODY) - HALF)]


def test_a_complete_file_is_not_requested_again(server, path):
    fetched(server, path)
    assert fetched(server, path) == BODY
    assert len(server.sent) == 1


def test_a_server_without_ranges_sends_the_whole_file_again(server, path):
    server.has_ranges = False
    cut(server, path)
    assert fetched(server, path) == BODY
    assert server.sent[1:] == [(200, 0, len(BODY))]


@pytest.mark.parametrize("tells_version", [True, False])
def test_two_versions_of_a_file_are_not_mixed(server, path, tells_version):
    server.tells_version = tells_version
    cut(server, path)
    server.files["/file"] = changed = bytes(len(BODY) + 1)
    assert fetched(server, path) == changed
    assert server.sent[-1] == (200, 0, len(changed))


def test_a_file_that_became_shorter_than_its_part_is_downloaded_again(server, path):
    server.tells_version = False
    cut(server, path)
    server.files["/file"] = b"short"
    assert fetched(server, path) == b"short"
    assert [status for status, *_ in server.sent[1:]] == [416, 200]


def test_a_part_of_an_unknown_version_is_downloaded_again(server, path):
    path.write_bytes(b"of something else")
    assert fetched(server, path) == BODY
    path.with_name("file.json").write_text("{")
    assert fetched(server, path) == BODY
    assert server.sent == [(200, 0, len(BODY))] * 2


@pytest.mark.parametrize("claim", ["bytes 7-9/10", "pages 1-2"])
def test_an_unrequested_part_is_not_used(server, path, claim):
    server.claims.append(claim)
    with pytest.raises(DownloadError, match="sent a part that was not requested"):
        fetched(server, path)
    cut(server, path)
    server.claims.append(claim)
    assert fetched(server, path) == BODY
    assert server.sent[-1] == (200, 0, len(BODY))


def test_a_discarded_file_is_downloaded_again(server, path):
    cut(server, path)
    discard(path)
    assert not list(path.parent.iterdir())
    assert fetched(server, path) == BODY
    assert server.sent[-1] == (200, 0, len(BODY))


def test_a_closed_connection_is_retried(server, path):
    server.cuts += [100, 0, 0, 100, 0, 0, 100]
    assert fetched(server, path, pauses_s=(0.0, 0.0, 0.0)) == BODY
    assert [start for _, start, _ in server.sent] == [0, 100, 100, 100, 200, 200, 200, 300]


def test_retries_end_without_progress(server, path):
    server.cuts += [1500, 0, 0]
    with pytest.raises(DownloadError) as raised:
        fetched(server, path, pauses_s=(0.0, 0.0))
    assert str(raised.value) == (
        f"The connection to {server.url}/file was cut with 1.0 MB to go. Check the network. "
        "1.5 kB are kept: the same command continues from there."
    )
    assert len(server.sent) == 3


def test_a_busy_server_is_asked_again(server, path):
    server.failures += [503, 429]
    assert fetched(server, path, pauses_s=(0.0, 0.0)) == BODY
    server.failures += [503, 503]
    discard(path)
    with pytest.raises(DownloadError, match=r"with status 503 .* Nothing was fetched"):
        fetched(server, path, pauses_s=(0.0,))


@pytest.mark.parametrize(("status", "told"), [(404, "has no http"), (403, "refused http")])
def test_a_server_that_refuses_is_not_asked_again(server, path, status, told):
    server.failures.append(status)
    with pytest.raises(DownloadError, match=told):
        fetched(server, path)
    assert len(server.sent) == 1
    assert not path.exists()


def test_a_small_disk_is_refused_before_anything_is_written(server, path):
    with pytest.raises(DownloadError, match=r"has .* free, and .* are needed for file"):
        fetched(server, path, copies=10**12)
    assert not list(path.parent.iterdir())


def test_an_unreachable_server_is_a_download_error(path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/file"
        with pytest.raises(DownloadError, match=r"cannot be fetched: Connection refused\. Check"):
            fetch(url, path, pauses_s=())


@pytest.mark.parametrize(
    ("reason", "attempts", "told"),
    [
        (TimeoutError("timed out"), 2, "did not answer within 30 s"),
        (OSError(errno.ENETUNREACH, "Network is unreachable"), 2, "Network is unreachable"),
        (socket.gaierror(socket.EAI_AGAIN, "Try later"), 2, r"by its name \(Try later\)"),
        (socket.gaierror(socket.EAI_NONAME, "Unknown"), 1, r"by its name \(Unknown\)"),
    ],
)
def test_each_network_error_has_its_message(path, monkeypatch, reason, attempts, told):
    asked = []

    def fail(request, timeout):
        asked.append(request)
        raise urllib.request.URLError(reason)

    monkeypatch.setattr("mbnas.data.fetch.transfer.urlopen", fail)
    with pytest.raises(DownloadError, match=told):
        fetch("http://far.example/file", path, pauses_s=(0.0,))
    assert len(asked) == attempts


@pytest.mark.parametrize("url", ["far.example/file", "http:///file", "http://far example/file"])
def test_an_invalid_address_is_a_download_error(path, url):
    with pytest.raises(DownloadError, match=r"Correct (it|the address)\."):
        fetch(url, path, pauses_s=())


def test_only_a_strong_tag_or_a_date_identifies_a_version():
    assert Version(etag='"a"', modified="then").validator == '"a"'
    assert Version(etag='W/"a"', modified="then").validator is None
    assert Version(modified="then").validator == "then"


def test_an_error_of_the_disk_is_passed_on(server, tmp_path):
    with pytest.raises(OSError, match=os.strerror(errno.ENOENT)):
        fetched(server, tmp_path / "absent" / "file")
