"""A page that is rewritten while a search runs, without slowing the search down.

The longer a search, the longer its page takes to write. Writing it after every evaluation would
take time proportional to the square of their number.
"""

from __future__ import annotations

import time
from collections.abc import Callable

LARGEST_SHARE = 0.05
"""Largest share of the elapsed time that writing may take."""


class RateLimitedPage:
    """Writes a page and keeps writing under 5 % of elapsed time.

    Args:
        write: Writes the page.
        largest_share: Of the elapsed time.
        clock: Returns the time in seconds.
    """

    def __init__(
        self,
        write: Callable[[], None],
        *,
        largest_share: float = LARGEST_SHARE,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._write = write
        self._largest_share = largest_share
        self._clock = clock
        self._begun = clock()
        self._spent_s = self._last_s = 0.0

    def write(self) -> None:
        """Write the page regardless of the share, as at the beginning and at the end."""
        begun = self._clock()
        try:
            self._write()
        finally:
            self._last_s = self._clock() - begun
            self._spent_s += self._last_s

    def write_if_due(self) -> None:
        """Write the page unless another write as long as the last would exceed the share."""
        elapsed_s = self._clock() - self._begun
        if self._spent_s + self._last_s <= self._largest_share * elapsed_s:
            self.write()
