"""What a person sees on standard error while the work goes on; nothing where nobody looks."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    Task,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from mbnas.study.driver import Moment
from mbnas.study.evaluator import Progress as Trainings
from mbnas.study.standing import Standing

_ESTIMATE_OVER_S = 1800.0


def error_console() -> Console:
    """Return the console on standard error."""
    return Console(stderr=True, highlight=False)


def say(text: str) -> None:
    """Tell a person at a terminal what happens and why."""
    if sys.stderr.isatty():
        error_console().print(text)


def warn(text: str) -> None:
    """Print a warning, also where standard error is a file."""
    print(f"mbnas: warning: {text}", file=sys.stderr)


@contextmanager
def counting(label: str) -> Iterator[Callable[[int, int], None]]:
    """Show a bar for a known number of things; yields what to call with (done, total)."""
    with _progress() as progress:
        task = progress.add_task(label, total=None, note="")

        def show(done: int, total: int) -> None:
            progress.update(task, completed=done, total=total)

        yield show


class SearchDisplay:
    """A search's progress: evaluations, trainings in flight, the best network, time left.

    Use it in a ``with``; give :meth:`watch` to the search.

    Args:
        budget: Distinct networks that the search may evaluate.
        per_evaluation: Trainings that make one score.
        workers: Trainings that may run at a time.
        standing: Reads where the search stands; called when an evaluation is complete.
    """

    def __init__(
        self, *, budget: int, per_evaluation: int, workers: int, standing: Callable[[], Standing]
    ) -> None:
        self._per_evaluation = per_evaluation
        self._workers = workers
        self._standing = standing
        self._progress = _progress()
        self._task = self._progress.add_task(
            "Evaluations", total=budget * per_evaluation, note="", per=per_evaluation
        )
        self._best = ""

    def __enter__(self) -> SearchDisplay:
        self._progress.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._progress.stop()

    def watch(self, moment: Moment) -> None:
        """Show a moment of the search."""
        trainings = moment.progress
        if trainings.finished is None or trainings.complete is not None:
            best = self._standing().best
            if best is not None:
                self._best = f"best {best.score:.4f} (network {best.record.number})"
        missing = trainings.total - trainings.done
        self._progress.update(
            self._task,
            completed=moment.asked * self._per_evaluation - missing,
            note=f"{min(missing, self._workers)} in flight, {moment.batch.why}; {self._best}",
        )


@contextmanager
def training_bar(label: str) -> Iterator[Callable[[Trainings], None]]:
    """Show a bar for the trainings of one request; yields what to give as ``watch``."""
    with counting(label) as show:
        yield lambda trainings: show(trainings.done, trainings.total)


def _progress() -> Progress:
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
