"""``mbnas report``, written and served."""

import http.client
import json
import re
import shutil
import signal
import subprocess
import sys
from contextlib import closing
from urllib.parse import urlsplit

import pytest

from mbnas.cli.main import main
from mbnas.prediction.model.model_card import CARD
from mbnas.study.ledger.ledger import Ledger


@pytest.fixture
def study(finished, tmp_path):
    return shutil.copytree(finished, tmp_path / "study", symlinks=True)


def content(study):
    return {
        path.relative_to(study): (path.stat().st_mtime_ns, path.stat().st_size)
        for path in study.rglob("*")
        if path.is_file()
    }


def test_a_served_page_renews_itself_and_writes_nothing(study):
    before = content(study)
    command = [sys.executable, "-m", "mbnas", "report", str(study), "--live"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as run:
        try:
            address = urlsplit(run.stdout.readline().strip())
            assert address.hostname == "127.0.0.1"
            with closing(http.client.HTTPConnection(address.netloc, timeout=60)) as asked:
                asked.request("GET", "/")
                page = asked.getresponse().read().decode()
                assert '<html lang="en" data-edition="1">' in page
                assert "connect-src 'self'" in page
                assert "Finished" in page
                asked.request("GET", "/events")
                events = asked.getresponse()
                assert json.loads(events.readline().removeprefix(b"data: "))["number"] == 1
                assert content(study) == before
                with Ledger.open(study / "ledger.sqlite") as ledger:
                    ledger.set_fact("state", "running")
                for _ in range(8):  # comments between events
                    if (line := events.readline()).startswith(b"data: "):
                        break
                assert json.loads(line.removeprefix(b"data: ")) == {"number": 2, "problem": None}
            with closing(http.client.HTTPConnection(address.netloc, timeout=60)) as asked:
                asked.request("GET", "/")
                assert "Stopped" in asked.getresponse().read().decode()  # no process holds it
        finally:
            run.send_signal(signal.SIGINT)
        assert run.wait(60) == 130
        assert run.stderr.read() == ""


def test_the_file_asks_no_server(study, capsys):
    (study / "report.html").unlink()
    assert main(["report", str(study)]) == 0
    page = (study / "report.html").read_text(encoding="utf-8")
    assert capsys.readouterr().out.strip() == str(study / "report.html")
    assert "EventSource" not in page
    assert "connect-src" not in page
    assert "data-edition" not in page


def test_a_port_without_a_server_is_misused(study, capsys):
    assert main(["report", str(study), "--port", "8000"]) == 2
    assert "add --live" in capsys.readouterr().err


def test_a_port_that_does_not_exist_is_misused(study, capsys):
    assert main(["report", str(study), "--live", "--port", "99999"]) == 2
    assert "must be from 0 to 65535" in capsys.readouterr().err


def test_the_page_offers_to_train_until_there_is_a_model(study):
    def commands():
        assert main(["report", str(study)]) == 0
        page = (study / "report.html").read_text()
        return re.findall(r"<code>mbnas (\w+) [^<]*</code>", page[: page.index("<dl")])

    (study / "weights/best").mkdir(parents=True)  # as while a model is trained
    assert commands() == ["compare", "train", "figures"]
    (study / "weights/best" / CARD).write_text("{}")
    assert commands() == ["compare", "predict", "export", "figures"]
