"""What a person sees on standard error while the work goes on; nothing where nobody looks."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from itertools import islice

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
from mbnas.escaping import in_message

_ESTIMATE_OVER_S = 1800.0
_MOST_REASONS = 20


def error_console() -> Terminal:
    """Return the console on standard error."""
    return Terminal(stderr=True)


def say(text: str, *, step: str = "") -> None:
    """Tell a person at a terminal what happens and why.

    Args:
        text: One or more sentences.
        step: Which step of several this is, in bold before the text.
    """
    console = error_console()
    if console.is_terminal:
        console.print(headed(step, f" {text}") if step else words(text))


def note(text: str) -> None:
    """Print what happened, or what comes next, also where standard error is a file."""
    print(f"mbnas: {in_message(text)}", file=sys.stderr)


def note_reasons(failed: Mapping[str, str], what: str, more: str) -> None:
    """Print why cases could not be done, the first of them, and how many more there are.

    Args:
        failed: The reason of each, by name.
        what: What they could not be, such as ``measured``.
        more: What follows the number of the others, up to the full stop.
    """
    for case, reason in islice(failed.items(), _MOST_REASONS):
        note(f"{case} could not be {what}: {reason}")
    if len(failed) > _MOST_REASONS:
        note(f"And {len(failed) - _MOST_REASONS} more{more}.")


def warn(text: str) -> None:
    """Print a warning, also where standard error is a file."""
    note(f"warning: {text}")


@contextmanager
def counting(label: str) -> Iterator[Callable[[int, int], None]]:
    """Show a bar for a known number of things; yields what to call with (done, total)."""
    with progress_bar() as progress:
        task = progress.add_task(label, total=None, note="")

        def show(done: int, total: int) -> None:
            progress.update(task, completed=done, total=total)

        yield show


@contextmanager
def stages(*labels: str) -> Iterator[tuple[Callable[[int, int], None], ...]]:
    """Show a bar for each of several stages, which follow one another.

    A stage has a bar from its first count on, until the next stage has one: what has nothing to
    do, or is done, is not shown. Yields what to call with (done, total), one for each label.
    """
    with progress_bar() as progress:
        tasks = [progress.add_task(label, total=None, note="", visible=False) for label in labels]

        def show(stage: int, done: int, total: int) -> None:
            is_new = not progress.tasks[stage].visible
            if is_new:
                for number, task in enumerate(tasks):
                    progress.update(task, visible=number == stage)
                progress.reset(tasks[stage])  # its time begins now
            progress.update(tasks[stage], completed=done, total=total, refresh=is_new)

        yield tuple(partial(show, stage) for stage in range(len(labels)))


@contextmanager
def moving_bytes() -> Iterator[Callable[[str, int, int | None], None]]:
    """Show a bar for bytes, one stage after another; yields what to call with (stage, done, total).

    What a stage begins with, such as a part from before, does not count as speed.
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
    """Return a bar on standard error, disabled where that is no terminal.

    Its tasks have the field ``note``, shown at the end, and may have ``per``: how many
    steps are one of what is counted.
    """
    console = error_console()
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        _Evaluations(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}"),
        console=console,
        disable=not console.is_terminal,
        speed_estimate_period=_ESTIMATE_OVER_S,
        transient=True,
    )


class _Evaluations(MofNCompleteColumn):
    """Counts in units of ``per`` steps: a search's bar moves with trainings, counts networks."""

    def render(self, task: Task) -> Text:
        """Return the count as text."""
        per = task.fields.get("per", 1)
        total = "?" if task.total is None else int(task.total) // per
        return Text(f"{int(task.completed) // per}/{total}", style="progress.download")
