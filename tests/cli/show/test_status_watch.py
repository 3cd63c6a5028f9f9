"""A search as another terminal sees it."""

import io
import json
import shutil

import pytest
from rich.console import Console

from mbnas.cli.main import main
from mbnas.cli.show import status_watch
from mbnas.study.ledger.ledger import Ledger
from mbnas.study.lock import study_lock


@pytest.fixture
def stopped(finished, tmp_path):
    study = shutil.copytree(finished, tmp_path / "study")
    with Ledger.open(study / "ledger.sqlite") as ledger:
        ledger.set_fact("state", "running")
    return study


def test_a_finished_study_is_one_line_in_a_pipe(finished, capsys):
    assert main(["status", str(finished), "--watch"]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    assert f"{finished}: finished, 6 of 6 networks evaluated; best 0." in line
    assert line.endswith("12 trainings")


def test_a_search_that_runs_is_watched_to_its_end(stopped, capsys, monkeypatch):
    def finish(seconds):
        assert seconds == 0.25
        with Ledger.open(stopped / "ledger.sqlite") as ledger:
            ledger.set_fact("state", "finished")

    monkeypatch.setattr(status_watch.time, "sleep", finish)
    with study_lock(stopped, "mbnas search"):
        assert main(["status", str(stopped), "--watch", "--interval", "0.25", "--json"]) == 0
    states = [json.loads(each)["state"] for each in capsys.readouterr().out.splitlines()]
    assert states == ["running", "finished"]


def test_a_killed_search_is_shown_as_stopped(stopped, capsys):
    assert main(["status", str(stopped), "--watch"]) == 0
    assert ": stopped, 6 of 6 networks" in capsys.readouterr().out


def test_at_a_terminal_the_status_is_drawn(finished, monkeypatch):
    screen = io.StringIO()
    monkeypatch.setattr(
        status_watch, "_screen", lambda: Console(file=screen, force_terminal=True, width=100)
    )
    assert main(["status", str(finished), "--watch"]) == 0
    drawn = screen.getvalue()
    assert "finished, 6 of 6 networks evaluated" in drawn
    assert "initialisation" in drawn
    assert drawn.endswith("\x1b[?25h")  # the cursor is back


def test_ctrl_c_ends_the_watch_quietly(stopped, capsys, monkeypatch):
    def interrupt(seconds):
        raise KeyboardInterrupt

    monkeypatch.setattr(status_watch.time, "sleep", interrupt)
    with study_lock(stopped, "mbnas search"):
        assert main(["status", str(stopped), "--watch"]) == 130
    said = capsys.readouterr()
    assert (len(said.out.splitlines()), said.err) == (1, "")


def test_an_interval_without_a_watch_is_misuse(finished, capsys):
    assert main(["status", str(finished), "--interval", "nan"]) == 2
    assert "--interval has no effect without --watch" in capsys.readouterr().err


@pytest.mark.parametrize("interval", ["0", "-1", "nan", "inf"])
def test_an_invalid_interval_is_misuse(finished, interval, capsys):
    assert main(["status", str(finished), "--watch", f"--interval={interval}"]) == 2
    assert f"--interval (={interval}) must be above 0 seconds" in capsys.readouterr().err
