"""How often a page that follows a search is worth rewriting.

The longer a search, the longer its page takes to write; rewritten after every evaluation, it
would cost as much as the square of their number.
"""

from __future__ import annotations

import time
from collections.abc import Callable

MOST = 0.05
"""The share of the time that writing may take."""


class RewriteInterval:
    """Writes a page as often as keeps the writing below a share of the time gone by.

    Args:
        write: Writes the page.
        most: The share.
        clock: Tells the time in seconds.
    """

    def __init__(
        self,
        write: Callable[[], None],
        *,
        most: float = MOST,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._write = write
        self._most = most
        self._clock = clock
        self._begun = clock()
        self._spent_s = self._last_s = 0.0

    def write(self) -> None:
        """Write the page, whatever it costs: at the beginning and at the end."""
        begun = self._clock()
        try:
            self._write()
        finally:
            self._last_s = self._clock() - begun
            self._spent_s += self._last_s

    def write_if_cheap(self) -> None:
        """Write the page unless that, taking as long as last time, would exceed the share."""
        gone_by_s = self._clock() - self._begun
        if self._spent_s + self._last_s <= self._most * gone_by_s:
            self.write()
