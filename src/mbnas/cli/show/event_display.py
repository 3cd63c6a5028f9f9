"""The display of what runs, on standard error: one bar at a time, and sentences above it."""

from __future__ import annotations

from rich.progress import TaskID

from mbnas.actions.events import Event, Message, Stage, StageProgress
from mbnas.cli.show.messages import progress_bar, say, warn

_LABELS: dict[Stage, str] = {
    "preparing": "Preparing volumes",
    "searching": "Trainings",
    "confirming": "Confirmation",
    "comparing": "Retraining",
    "training": "Epochs",
    "predicting": "Predicting",
}


class EventDisplay:
    """Shows events: a bar of the stage that runs, and messages.

    A stage's bar is shown from its first event until the next stage's; a stage without events has
    none. Use it as a context manager, and as the watch of an action.

    Attributes:
        is_seen: Whether standard error is a terminal; otherwise only warnings are printed.
    """

    def __init__(self) -> None:
        self._progress = progress_bar()
        self.is_seen = not self._progress.disable
        self._tasks: dict[Stage, TaskID] = {}
        self._stage: Stage | None = None

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
                self._show(event)

    def _show(self, event: StageProgress) -> None:
        is_new = event.stage != self._stage
        task = self._begun(event.stage) if is_new else self._tasks[event.stage]
        self._progress.update(
            task, completed=event.done, total=event.total, note=_note(event), refresh=is_new
        )

    def _begun(self, stage: Stage) -> TaskID:
        """Return the task of a stage whose bar takes the place of the last one's."""
        if self._stage is not None:
            self._progress.update(self._tasks[self._stage], visible=False)
        self._stage = stage
        if stage not in self._tasks:
            self._tasks[stage] = self._progress.add_task(_LABELS[stage], total=None, note="")
        else:
            self._progress.update(self._tasks[stage], visible=True)
        return self._tasks[stage]


def _note(event: StageProgress) -> str:
    if event.stage == "confirming":
        return "leaders and the reference on fresh initialisations"
    if event.stage != "searching":
        return ""
    best = event.best
    best_text = "" if best is None else f"best {best.score:.4f} (network {best.number})"
    return f"{event.in_flight} in flight, {event.why}; {best_text}"
