"""A search that ends in time: which proposals still fit, and how much is left to confirm.

The time is that of all runs of the study together, as the ledger adds it up, so a search that was
killed and resumed ends in time too. Networks begin only if their trainings are expected to end
before the time that is kept for the confirmation.
"""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable

from mbnas.search.confirmation import fewest
from mbnas.search.settings import SearchSettings
from mbnas.study.ledger.facts import SECONDS
from mbnas.study.ledger.ledger import Ledger
from mbnas.training.training_record import TrainingRecord

_NUM_LATEST = 50
MEASURING = 1.2
"""A training of the confirmation takes this many times as long: it also predicts whole volumes."""
_SPARE = 1.25
"""What one leader needs is kept this many times: trainings differ in length."""
_MOST_KEPT = 0.75
"""Largest share of the time that is kept for one leader."""


def least_hours(search: SearchSettings, training_s: float, *, folds: int, workers: int) -> float:
    """Return the shortest time limit of which some is kept to confirm one network.

    Args:
        search: Settings of the search.
        training_s: How long a training takes.
        folds: Of the protocol.
        workers: Trainings at a time.
    """
    least_s = _least_s(search, training_s, folds=folds, workers=workers)
    return least_s / _MOST_KEPT / 3600


def _least_s(search: SearchSettings, training_s: float, *, folds: int, workers: int) -> float:
    """Return the seconds to keep so that the reference and one leader can be confirmed."""
    if search.confirmation == 0:
        return 0.0
    num_trainings = fewest(1, 1 + len(search.confirm_also)) * folds
    return _SPARE * math.ceil(num_trainings / workers) * MEASURING * training_s


class TimeLimit:
    """The time of a study's search.

    Args:
        ledger: Of the study; the time spent is written to it.
        search: Settings with ``hours``.
        folds: Of the protocol.
        workers: Trainings at a time.
        began_s: When this run of the study began, by the clock; now if ``None``.
        clock: Returns the time in seconds.
    """

    def __init__(
        self,
        ledger: Ledger,
        search: SearchSettings,
        *,
        folds: int,
        workers: int,
        began_s: float | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        assert search.hours is not None
        self._ledger = ledger
        self._search = search
        self._total_s = 3600 * search.hours
        self._folds = folds
        self._workers = workers
        self._clock = clock
        now_s = clock() if began_s is None else began_s
        self._began_s = now_s - float(ledger.facts().get(SECONDS, 0.0))
        known = [each.wall_s for each in ledger.trainings(with_epochs=False) if not each.borrowed]
        self._latest: deque[float] = deque(known, _NUM_LATEST)

    @property
    def left_s(self) -> float:
        """Seconds left; negative once the time is over."""
        return self._total_s - (self._clock() - self._began_s)

    @property
    def training_s(self) -> float | None:
        """Mean duration of the latest trainings; ``None`` while none has ended."""
        return math.fsum(self._latest) / len(self._latest) if self._latest else None

    def note(self, finished: TrainingRecord | None = None) -> None:
        """Write the time spent to the ledger, and learn from a training that has ended."""
        if finished is not None and not finished.borrowed and finished.error is None:
            self._latest.append(finished.wall_s)
        self._ledger.set_fact(SECONDS, f"{self._clock() - self._began_s:.1f}")

    def may_begin(self, num_trainings: int) -> bool:
        """Return whether trainings are expected to end before the confirmation must begin.

        The first trainings may always begin: nothing is known of their duration.
        """
        training_s = self.training_s
        if training_s is None:
            return True
        needed_s = math.ceil(num_trainings / self._workers) * training_s
        return needed_s <= self.left_s - self._kept_s(training_s)

    def num_confirming(self) -> int:
        """Return for how many initialisations, summed over networks, the time left suffices."""
        if self._search.confirmation == 0 or (training_s := self.training_s) is None:
            return 0
        each_s = MEASURING * training_s * self._folds / self._workers
        return max(0, int(self.left_s / each_s))

    def _kept_s(self, training_s: float) -> float:
        """Return the seconds that are kept for the confirmation.

        They are its share, or what the reference and one leader need if that is longer. If this is
        more than :data:`_MOST_KEPT` of the time, nothing is kept: no leader could be confirmed.
        """
        least_s = _least_s(self._search, training_s, folds=self._folds, workers=self._workers)
        if least_s > _MOST_KEPT * self._total_s:
            return 0.0
        return max(self._search.confirmation * self._total_s, least_s)
