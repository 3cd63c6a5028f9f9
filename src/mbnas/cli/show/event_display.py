"""The display of what runs, on standard error: one bar at a time, and sentences above it.

Without a terminal, a line is printed once a minute.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from rich.progress import TaskID

from mbnas.actions.events import EpochProgress, Event, Message, Stage, StageProgress
from mbnas.cli.show.messages import note, progress_bar, say, warn
from mbnas.wording import duration_text

_LABELS: dict[Stage, str] = {
    "preparing": "Preparing volumes",
    "searching": "Trainings",
    "confirming": "Confirmation",
    "comparing": "Retraining",
    "training": "Epochs",
    "predicting": "Predicting",
}
LOG_EVERY_S = 60.0


class EventDisplay:
    """Shows events: a bar of the stage that runs, and messages.

    A stage's bar is shown from its first event until the next stage's; a stage without events has
    none. Use it as a context manager, and as the watch of an action.

    Args:
        clock: Returns the time in seconds.

    Attributes:
        is_seen: Whether standard error is a terminal; otherwise warnings are printed, and the
            progress once a minute.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._progress = progress_bar()
        self.is_seen = not self._progress.disable
        self._tasks: dict[Stage, TaskID] = {}
        self._stage: Stage | None = None
        self._event: StageProgress | None = None
        self._epoch = ""
        self._clock = clock
        self._logged_s = clock()

    def __enter__(self) -> EventDisplay:
        self._progress.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._progress.stop()

    def __call__(self, event: Event) -> None:
        """Show an event."""
        match event:
            case Message(text=text, is_warning=True):
                warn(text)
            case Message(text=text):
                say(text)
            case StageProgress():
                self._event = event
                self._show(event)
            case EpochProgress():
                self._epoch = (
                    f"fold {event.fold}: epoch {event.epoch}/{event.num_epochs}, "
                    f"loss {event.loss:.3f}"
                )
                if self._event is not None:
                    self._show(self._event)

    def _show(self, event: StageProgress) -> None:
        if not self.is_seen:
            self._log(event)
            return
        is_new = event.stage != self._stage
        task = self._begun(event.stage) if is_new else self._tasks[event.stage]
        self._progress.update(
            task,
            completed=event.done,
            total=event.total,
            note=self._note(event),
            left_s=event.left_s,
            refresh=is_new,
        )

    def _begun(self, stage: Stage) -> TaskID:
        """Return the task of a stage whose bar takes the place of the last one's."""
        if self._stage is not None:
            self._progress.update(self._tasks[self._stage], visible=False)
        self._stage, self._epoch = stage, ""
        if stage not in self._tasks:
            self._tasks[stage] = self._progress.add_task(_LABELS[stage], total=None, note="")
        else:
            self._progress.update(self._tasks[stage], visible=True)
        return self._tasks[stage]

    def _log(self, event: StageProgress) -> None:
        """Print a line if the last one is a minute old."""
        if (now_s := self._clock()) - self._logged_s < LOG_EVERY_S:
            return
        self._logged_s = now_s
        of = "" if event.total is None else f" of {event.total}"
        left = "" if event.left_s is None else f", {duration_text(event.left_s)} left"
        parts = (f"{_LABELS[event.stage]}: {event.done}{of}{left}", self._note(event))
        note("; ".join(filter(None, parts)))

    def _note(self, event: StageProgress) -> str:
        parts = [_best(event), self._epoch]
        if event.stage == "confirming":
            parts.append("leaders and the reference on fresh initialisations")
        elif event.stage == "searching":
            parts.append(f"{event.in_flight} in flight, {event.why}")
        return "; ".join(filter(None, parts))


def _best(event: StageProgress) -> str:
    best = event.best
    return "" if best is None else f"best {best.score:.4f} (network {best.number})"
