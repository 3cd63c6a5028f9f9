"""The display of events on standard error: only of the stage that is under way."""

import io

import pytest

from mbnas.actions.events import EpochProgress, Message, StageProgress
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
    assert "best 0.8123 (network 7); 2 in flight, node 1 kernel" in screen.getvalue()


def test_a_search_that_time_limits_shows_what_is_left_of_it(screen):
    with EventDisplay() as display:
        display(StageProgress(stage="searching", done=3, total=None, left_s=3723.0))
    assert "1:02:03" in screen.getvalue()
    assert "3/?" not in screen.getvalue()


def test_the_epoch_of_what_trains_is_shown_until_the_next_stage(screen):
    epoch = EpochProgress(fold=2, epoch=5, num_epochs=24, loss=0.3123)
    with EventDisplay() as display:
        display(epoch)  # before any stage
        display(StageProgress(stage="searching", done=3, total=9))
        display(epoch)
        display(StageProgress(stage="searching", done=3, total=9))
        display._progress.refresh()
        assert "fold 2: epoch 5/24, loss 0.312" in screen.getvalue()
        seen = screen.tell()
        display(StageProgress(stage="comparing", done=0, total=4))
    assert "epoch 5/24" not in screen.getvalue()[seen:].split("Retraining", 1)[1]


def test_the_note_is_not_cut_at_eighty_columns(screen, monkeypatch):
    with EventDisplay() as display:
        display._progress.console.width = 80
        best = NumberedScore(number=7, genotype=Genotype.parse("0vgg3"), score=0.81234)
        display(
            StageProgress(
                stage="searching", done=3, total=900, best=best, in_flight=2, why="a mutation"
            )
        )
    assert "best 0.8123 (network 7); 2 in flight, a mutation" in screen.getvalue()


def test_without_a_terminal_a_line_is_printed_once_a_minute(capsys):
    now_s = 0.0
    with EventDisplay(clock=lambda: now_s) as display:
        for now_s in (1.0, 59.0, 61.0, 90.0, 122.0):
            display(StageProgress(stage="searching", done=int(now_s), total=200, why="start"))
    assert capsys.readouterr().err.splitlines() == [
        "mbnas: Trainings: 61 of 200; 0 in flight, start",
        "mbnas: Trainings: 122 of 200; 0 in flight, start",
    ]


def test_warnings_are_printed_without_a_terminal_and_messages_are_not(capsys):
    with EventDisplay() as display:
        display(Message(text="All is well."))
        display(Message(text="Case a\nb is odd.", is_warning=True))
        display(StageProgress(stage="preparing", done=1, total=2))
    assert capsys.readouterr().err == "mbnas: warning: Case a\\nb is odd.\n"
