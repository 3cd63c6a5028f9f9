"""Messages and progress bars on standard error."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice

from rich.console import RenderableType
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    Task,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.text import Text

from mbnas.cli.terminal import Terminal, headed, words
from mbnas.escaping import in_message, visible
from mbnas.results.choice.next_steps import NextStep

_ESTIMATE_OVER_S = 1800.0
_MOST_REASONS = 20
_MOST_STEPS = 3


def error_console() -> Terminal:
    """Return the console on standard error."""
    return Terminal(stderr=True)


def say(text: str, *, step: str = "") -> None:
    """Print what happens, if standard error is a terminal.

    Args:
        text: One or more sentences.
        step: Number of this step, printed in bold before the text.
    """
    console = error_console()
    if console.is_terminal:
        console.print(headed(step, f" {text}") if step else words(text))


def say_next(steps: Sequence[NextStep]) -> None:
    """Print the first of what can be done next, if standard error is a terminal."""
    shown = steps[:_MOST_STEPS]
    width = max(len(step.purpose) for step in shown)
    say("Next:")
    for step in shown:
        say(f"  {step.purpose:{width}}  {step.command}")


def note(text: str) -> None:
    """Print a message, even if standard error is not a terminal."""
    print(f"mbnas: {in_message(text)}", file=sys.stderr)


def note_reasons(failed: Mapping[str, str], what: str, more: str) -> None:
    """Print the reasons of the first failed cases, and the number of the others.

    Args:
        failed: Reasons by case.
        what: What failed, as a participle such as ``measured``.
        more: Text after the number of the others, up to the full stop.
    """
    for case, reason in islice(failed.items(), _MOST_REASONS):
        note(f"{case} could not be {what}: {reason}")
    if len(failed) > _MOST_REASONS:
        note(f"And {len(failed) - _MOST_REASONS} more{more}.")


def warn(text: str) -> None:
    """Print a warning, even if standard error is not a terminal."""
    note(f"warning: {text}")


@contextmanager
def counting(label: str) -> Iterator[Callable[[int, int], None]]:
    """Show a progress bar; yields a function to call with (done, total)."""
    with progress_bar() as progress:
        task = progress.add_task(label, total=None, note="")

        def show(done: int, total: int) -> None:
            progress.update(task, completed=done, total=total)

        yield show


@contextmanager
def moving_bytes() -> Iterator[Callable[[str, int, int | None], None]]:
    """Show a bar of bytes for consecutive stages; yields a function of (stage, done, total).

    The bytes with which a stage begins, such as a resumed download, do not count as speed.
    """
    console = error_console()
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        DownloadColumn(),
        TransferSpeedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        console=console,
        disable=not console.is_terminal,
        transient=True,
    ) as progress:
        task, at = progress.add_task("", total=None), ""

        def show(stage: str, done: int, total: int | None) -> None:
            nonlocal at
            if stage != at:
                progress.reset(task, description=stage, total=total, completed=done)
                at = stage
            progress.update(task, completed=done, total=total)

        yield show


def progress_bar() -> Progress:
    """Return a bar on standard error, disabled if that is not a terminal.

    Its tasks have the field ``note``, shown on a line of its own. They may have ``per``, the
    number of steps in each counted unit, and ``left_s``, the seconds left where they are known.
    """
    console = error_console()
    return _BarAndNote(
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        _Evaluations(),
        TimeElapsedColumn(),
        TextColumn("left"),
        _TimeLeft(),
        console=console,
        disable=not console.is_terminal,
        speed_estimate_period=_ESTIMATE_OVER_S,
        transient=True,
    )


class _BarAndNote(Progress):
    """Bars, with the note of each below them: beside them it would be cut in a narrow terminal."""

    def get_renderables(self) -> Iterator[RenderableType]:
        """Yield the bars, then the notes that are not empty."""
        yield self.make_tasks_table(self.tasks)
        for task in self.tasks:
            if task.visible and (note := task.fields.get("note")):
                yield Text(visible(note), style="dim", no_wrap=True, overflow="ellipsis")


class _TimeLeft(TimeRemainingColumn):
    """The time left: as it is known, or as the speed of the last steps suggests."""

    def render(self, task: Task) -> Text:
        """Return the time as text."""
        if (left_s := task.fields.get("left_s")) is None:
            return super().render(task)
        minutes, seconds = divmod(int(max(0.0, left_s)), 60)
        hours, minutes = divmod(minutes, 60)
        return Text(f"{hours}:{minutes:02}:{seconds:02}", style="progress.remaining")


class _Evaluations(MofNCompleteColumn):
    """A count in units of ``per`` steps: a search's bar moves by trainings and counts networks."""

    def render(self, task: Task) -> Text:
        """Return the count as text."""
        per = task.fields.get("per", 1)
        of = "" if task.total is None else f"/{int(task.total) // per}"
        return Text(f"{int(task.completed) // per}{of}", style="progress.download")
