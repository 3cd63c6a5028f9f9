"""The display of events on standard error: only of the stage that is under way."""

import io

import pytest

from mbnas.actions.events import Message, StageProgress
from mbnas.cli.show import messages
from mbnas.cli.show.event_display import EventDisplay
from mbnas.cli.terminal import Terminal
from mbnas.space.genotype import Genotype
from mbnas.study.ledger.snapshot import NumberedScore


@pytest.fixture
def screen(monkeypatch):
    """The output to a terminal of 200 columns."""
    written = io.StringIO()
    monkeypatch.setenv("TERM", "xterm")

    def console():
        terminal = Terminal(stderr=True)
        terminal.file, terminal._force_terminal, terminal.width = written, True, 200
        terminal.is_interactive = True
        return terminal

    monkeypatch.setattr(messages, "error_console", console)
    return written


def test_a_stage_without_events_has_no_bar(screen):
    with EventDisplay() as display:
        display(StageProgress(stage="training", done=1, total=4))
        display(StageProgress(stage="training", done=4, total=4))
    assert "Epochs" in screen.getvalue()
    assert "1/4" in screen.getvalue()
    assert "Preparing" not in screen.getvalue()


def test_a_finished_stage_is_replaced_by_the_next(screen):
    with EventDisplay() as display:
        display(StageProgress(stage="preparing", done=2, total=2))
        assert "Preparing volumes" in screen.getvalue()
        seen = screen.tell()
        display(StageProgress(stage="training", done=0, total=4))
    after = screen.getvalue()[seen:]
    assert "Epochs" in after
    assert "Preparing volumes" not in after


def test_a_search_shows_what_runs_and_its_best_network(screen):
    best = NumberedScore(number=7, genotype=Genotype.parse("0vgg3"), score=0.81234)
    event = StageProgress(
        stage="searching", done=3, total=None, in_flight=2, why="node 1 kernel", best=best
    )
    with EventDisplay() as display:
        display(event)
    assert "3/?" in screen.getvalue()
    assert "2 in flight, node 1 kernel; best 0.8123 (network 7)" in screen.getvalue()


def test_warnings_are_printed_without_a_terminal_and_messages_are_not(capsys):
    with EventDisplay() as display:
        display(Message(text="All is well."))
        display(Message(text="Case a\nb is odd.", is_warning=True))
        display(StageProgress(stage="preparing", done=1, total=2))
    assert capsys.readouterr().err == "mbnas: warning: Case a\\nb is odd.\n"
