"""One call of an executor: what is called, its future, and errors that travel between processes."""

from __future__ import annotations

import pickle
import traceback
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

from mbnas.errors import TrainingError


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A call that an executor has accepted, and the future that receives its outcome."""

    future: Future[Any]
    function: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: dict[str, Any]

    def cancel(self) -> None:
        """Cancel the call, which has not started, and wake the threads that wait for it."""
        self.future.cancel()
        self.future.set_running_or_notify_cancel()

    def finish(self, succeeded: bool, outcome: Any) -> None:
        """Give the future its result, or the exception that the call raised."""
        if succeeded:
            self.future.set_result(outcome)
        else:
            self.future.set_exception(outcome)


def check_open(closed: bool) -> None:
    """Check that an executor still accepts calls.

    Raises:
        RuntimeError: if it is closed.
    """
    if closed:
        raise RuntimeError("This executor was shut down: it accepts no more calls.")


def portable_error(error: Exception, place: str) -> Exception:
    """Return an error that can be pickled and unpickled, with its traceback as a note.

    It is the error itself where possible, otherwise a :class:`TrainingError` with its text.

    Args:
        error: The error that is being handled.
        place: Where it was raised, such as ``the worker process``.
    """
    note = f"In {place}:\n{traceback.format_exc()}"
    try:
        pickle.loads(pickle.dumps(error))  # many exceptions can be pickled but not unpickled
    except Exception:
        error = TrainingError(f"{type(error).__name__}: {error}")
    error.add_note(note)
    return error
