"""Progress bars on standard error: only of the stage that is under way."""

import io

import pytest

from mbnas.cli.show import messages as display
from mbnas.cli.show.load_warning import load_sentence
from mbnas.cli.terminal import Terminal


@pytest.fixture
def screen(monkeypatch):
    """The output to a terminal of 80 columns."""
    written = io.StringIO()
    monkeypatch.setenv("TERM", "xterm")

    def console():
        terminal = Terminal(stderr=True)
        terminal.file, terminal._force_terminal, terminal.width = written, True, 80
        terminal.is_interactive = True
        return terminal

    monkeypatch.setattr(display, "error_console", console)
    return written


def test_a_stage_without_work_has_no_bar(screen):
    with display.stages("Preparing volumes", "Epochs") as (_, epochs):
        epochs(1, 4)
        epochs(4, 4)
    assert "Epochs" in screen.getvalue()
    assert "1/4" in screen.getvalue()
    assert "Preparing" not in screen.getvalue()


def test_a_finished_stage_is_replaced_by_the_next(screen):
    with display.stages("Preparing volumes", "Epochs") as (preparing, epochs):
        preparing(2, 2)
        assert "Preparing volumes" in screen.getvalue()
        seen = screen.tell()
        epochs(0, 4)
    after = screen.getvalue()[seen:]
    assert "Epochs" in after
    assert "Preparing volumes" not in after


@pytest.mark.parametrize(
    ("load", "is_said"), [(0.0, False), (3.9, False), (4.0, True), (30.0, True)]
)
def test_a_machine_is_busy_if_every_core_has_a_process(load, is_said):
    assert (load_sentence(load, 4) is not None) == is_said
