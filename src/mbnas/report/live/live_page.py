"""A page that is rendered again whenever what it shows has changed, for any number of readers.

Rendering takes at most 5 % of the time, as for the page that a search writes
(:mod:`mbnas.report.live.rate_limited_page`), so that watching does not slow a search down.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from mbnas.errors import MbnasError
from mbnas.report.live.rate_limited_page import LARGEST_SHARE


@dataclass(frozen=True, slots=True, kw_only=True)
class Edition:
    """The page at one moment.

    Attributes:
        number: Of this edition, from 1.
        html: The page.
        problem: Why there is no newer one, in one sentence; ``None`` without a problem.
    """

    number: int
    html: str
    problem: str | None = None


class LivePage:
    """Keeps the newest edition of a page; readers wait for the next one.

    Args:
        render: Returns the page as HTML, given the number of its edition.
        clock: Returns the time in seconds.

    Raises:
        MbnasError: if the first edition cannot be rendered.
    """

    def __init__(
        self, render: Callable[[int], str], *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._render = render
        self._clock = clock
        self._changed = threading.Condition()
        self._due_at = float("-inf")
        self._edition = Edition(number=1, html=self._timed(1))

    @property
    def edition(self) -> Edition:
        """The newest edition."""
        with self._changed:
            return self._edition

    def refresh(self) -> bool:
        """Render the next edition, unless it is too early; return whether that was tried.

        If it cannot be rendered, the edition before stays, with the problem.
        """
        if self._clock() < self._due_at:
            return False
        number, html, problem = self._edition.number + 1, self._edition.html, None
        try:
            html = self._timed(number)
        except MbnasError as error:
            number, problem = number - 1, str(error)
        with self._changed:
            self._edition = Edition(number=number, html=html, problem=problem)
            self._changed.notify_all()
        return True

    def wait(self, seen: Edition, timeout_s: float) -> Edition:
        """Return the newest edition once it differs from one seen, or after a time."""
        with self._changed:
            self._changed.wait_for(lambda: self._edition is not seen, timeout_s)
            return self._edition

    def _timed(self, number: int) -> str:
        begun = self._clock()
        try:
            return self._render(number)
        finally:
            ended = self._clock()
            self._due_at = ended + (ended - begun) * (1 / LARGEST_SHARE - 1)
