"""A log that a search does not wait for, and that cannot end it.

Services over a network are slow, and sometimes away. A thread of its own therefore reads the
ledger, as any other reader does, and writes to the service what is missing there. If that fails,
the search goes on without the log, and the next one writes what is missing.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from queue import Empty, SimpleQueue
from types import TracebackType

from mbnas.escaping import visible
from mbnas.report.live.run_writer import RunWriter
from mbnas.study.drive.evaluation_request import Progress

PATIENCE_S = 120.0
"""At the end of a search, the log is waited for while it writes a run within this time."""
INTERRUPTED_S = 10.0
"""How long the run that is being written is waited for if a search is interrupted."""

Tell = Callable[[str], None]
"""Called with a sentence for the user."""


class BackgroundLog:
    """Writes what a ledger has and a service lacks. Use it in a ``with``.

    Args:
        title: Of the service.
        opened: Returns the writer, in the thread that writes. It is passed what tells the user.
        warn: Called with what the user should know, in the thread that trains.
        patience_s: See :data:`PATIENCE_S`.
        interrupted_s: See :data:`INTERRUPTED_S`.
    """

    def __init__(
        self,
        title: str,
        opened: Callable[[Tell], AbstractContextManager[RunWriter]],
        *,
        warn: Tell,
        patience_s: float = PATIENCE_S,
        interrupted_s: float = INTERRUPTED_S,
    ) -> None:
        self._title = title
        self._opened = opened
        self._warn = warn
        self._patience_s = patience_s
        self._interrupted_s = interrupted_s
        self._sentences: SimpleQueue[str] = SimpleQueue()
        self._news = threading.Event()
        self._has_ended = self._is_abandoned = False
        self._num_written = 0
        self._thread = threading.Thread(target=self._run, name=f"log to {title}", daemon=True)

    def __enter__(self) -> BackgroundLog:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._is_abandoned = kind is not None
        self._has_ended = True
        self._news.set()
        self._join(self._interrupted_s if self._is_abandoned else self._patience_s)
        self._tell()

    def watch(self, progress: Progress) -> None:
        """Have what was just recorded written soon."""
        self._news.set()
        self._tell()

    def _tell(self) -> None:
        """Tell the user what the other thread has to say."""
        while True:
            try:
                self._warn(self._sentences.get_nowait())
            except Empty:
                return

    def _join(self, patience_s: float) -> None:
        """Wait for the thread while it goes on writing runs."""
        while True:
            seen = self._num_written
            self._thread.join(patience_s)
            if not self._thread.is_alive():
                return
            if self._is_abandoned or self._num_written == seen:
                self._is_abandoned = True
                self._stop(f"it did not answer within {patience_s:g} s")
                return

    def _run(self) -> None:
        try:
            with self._opened(self._sentences.put) as writer:
                self._follow(writer)
        except Exception as error:  # of a library, a network or a service: of any kind
            lines = str(error).strip().splitlines()
            self._stop(": ".join((type(error).__name__, *lines[:1])))

    def _follow(self, writer: RunWriter) -> None:
        while True:
            self._news.clear()
            is_last = self._has_ended  # what is recorded from here on sets _news again
            for record in writer.unwritten():
                if self._is_abandoned:
                    return
                writer.write(record)
                self._num_written += 1
            writer.write_evaluations()
            if is_last:
                return
            self._news.wait()

    def _stop(self, reason: str) -> None:
        self._sentences.put(
            f"The log to {self._title} has stopped ({visible(reason).rstrip('.')}); training goes "
            "on without it, and what is missing is logged when the study is resumed."
        )
