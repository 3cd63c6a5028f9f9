"""Progress as lines of text, for scripts, notebooks and logs."""

from __future__ import annotations

import sys
from typing import Protocol, runtime_checkable

from mbnas.actions.events import EpochProgress, Event, Message, StageProgress
from mbnas.escaping import in_message
from mbnas.wording import counted

_UNITS = {
    "preparing": "volume",
    "searching": "training",
    "confirming": "training",
    "comparing": "training",
    "training": "epoch",
    "predicting": "case",
}
_WORDS = {
    "preparing": "Prepared",
    "searching": "Searched",
    "confirming": "Confirmed by",
    "comparing": "Compared by",
    "training": "Trained",
    "predicting": "Predicted",
}
_LINES_OF_A_STAGE = 10


@runtime_checkable
class Writable(Protocol):
    """A stream of text."""

    def write(self, text: str, /) -> object:
        """Write text."""

    def flush(self) -> object:
        """Write what is kept back."""


class ProgressLines:
    """Prints events as lines: each network that gets a score, and each tenth of another stage.

    It is what functions use whose ``watch`` is left out.

    >>> import sys
    >>> import mbnas
    >>> lines = mbnas.ProgressLines(sys.stdout)
    >>> lines(mbnas.StageProgress(stage="preparing", done=20, total=20))
    Prepared 20 of 20 volumes.

    Args:
        to: Where to print; standard error by default.
    """

    def __init__(self, to: Writable | None = None) -> None:
        self._to = to
        self._shown: tuple[str, int] | None = None

    def __call__(self, event: Event) -> None:
        """Print what is new in an event."""
        if isinstance(event, Message):
            self._print(f"Warning: {event.text}" if event.is_warning else event.text)
        elif isinstance(event, EpochProgress):
            pass  # an epoch is not worth a line
        elif event.stage == "searching":
            self._print_scores(event)
        else:
            self._print_count(event)

    def _print_scores(self, event: StageProgress) -> None:
        of = "" if event.total is None else f" of {event.total}"
        for each in event.scored:
            best = event.best or each
            self._print(
                f"Network {each.number}: {each.score:.4f}; best {best.score:.4f} "
                f"(network {best.number}); {event.done}{of} trainings."
            )

    def _print_count(self, event: StageProgress) -> None:
        if not event.total or not event.done:
            return
        tenth = event.done * _LINES_OF_A_STAGE // event.total
        if self._shown != (shown := (event.stage, tenth)) and tenth:
            self._shown = shown
            unit = counted(event.total, _UNITS[event.stage])
            self._print(f"{_WORDS[event.stage]} {event.done} of {unit}.")

    def _print(self, text: str) -> None:
        print(in_message(text), file=self._to or sys.stderr, flush=True)
