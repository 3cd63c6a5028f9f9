"""A search that ends in time: which proposals still fit, and how much is left to confirm.

The time is that of all runs of the study together, as the ledger adds it up, so a search that was
killed and resumed ends in time too. Networks begin only if their trainings are expected to end
before the time that is kept for the confirmation. How long that takes is predicted from the cost of
their networks (:mod:`mbnas.study.progress.forecast`).
"""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable, Sequence

from mbnas.network.architecture import Architecture
from mbnas.network.cost.complexity import Complexity
from mbnas.search.confirmation import fewest
from mbnas.search.settings import SearchSettings
from mbnas.study.ledger.facts import SECONDS
from mbnas.study.ledger.ledger import Ledger
from mbnas.study.progress.forecast import TrainingSpeed, speed_of_trainings
from mbnas.training.training_record import TrainingRecord

_NUM_LATEST = 50
MEASURING = 1.5
"""A training of the confirmation takes at most about this many times as long: it also predicts
whole volumes. On pictures of 999×960 pixels it took 1.4 times as long, on small volumes 1.1 times.
"""
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
        cost_of: Returns the cost of a network for a slice.
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
        cost_of: Callable[[Architecture], Complexity],
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
        self._cost_of = cost_of
        self._costs: dict[str, Complexity] = {}
        self._latest: deque[tuple[float, Complexity]] = deque(maxlen=_NUM_LATEST)
        self._has_failed = False
        for each in ledger.trainings(with_epochs=False):
            self._learn(each)

    @property
    def left_s(self) -> float:
        """Seconds left; negative once the time is over."""
        return self._total_s - (self._clock() - self._began_s)

    @property
    def speed(self) -> TrainingSpeed | None:
        """The speed of the latest trainings of the search; ``None`` while none has ended."""
        return speed_of_trainings(self._latest, workers=self._workers)

    def note(self, finished: TrainingRecord | None = None) -> None:
        """Write the time spent to the ledger, and learn from a training that has ended."""
        if finished is not None:
            self._learn(finished)
        self._ledger.set_fact(SECONDS, f"{self._clock() - self._began_s:.1f}")

    def may_begin(self, networks: Sequence[Architecture]) -> bool:
        """Return whether trainings are expected to end before the confirmation must begin.

        The first trainings may always begin: nothing is known of their duration. While all have
        failed, others begin until the time is over.

        Args:
            networks: The network of each training.
        """
        if (speed := self.speed) is None:
            return not self._has_failed or self.left_s > 0
        each_s = [speed.training_s(self._cost_of(network)) for network in networks]
        longest_s = max(each_s)  # may be the last to begin
        needed_s = longest_s + (math.fsum(each_s) - longest_s) / self._workers
        return needed_s <= self.left_s - self._kept_s()

    def num_confirming(self, networks: Sequence[Architecture]) -> int:
        """Return for how many initialisations, summed over networks, the time left suffices.

        Args:
            networks: What is confirmed.
        """
        if self._search.confirmation == 0 or (speed := self.speed) is None:
            return 0
        training_s = speed.mean_s([self._cost_of(network) for network in networks])
        each_s = MEASURING * training_s * self._folds / self._workers
        return max(0, int(self.left_s / each_s))

    def _learn(self, ended: TrainingRecord) -> None:
        if ended.error is not None:
            self._has_failed = True
        elif not (ended.borrowed or ended.key.is_fresh):
            digest = ended.key.network
            if digest not in self._costs:
                self._costs[digest] = self._cost_of(self._ledger.networks()[digest].architecture)
            self._latest.append((ended.wall_s, self._costs[digest]))

    def _kept_s(self) -> float:
        """Return the seconds that are kept for the confirmation.

        They are its share, or what the reference and one leader need if that is longer. If this is
        more than :data:`_MOST_KEPT` of the time, nothing is kept: no leader could be confirmed.
        """
        training_s = math.fsum(each_s for each_s, _ in self._latest) / len(self._latest)
        least_s = _least_s(self._search, training_s, folds=self._folds, workers=self._workers)
        if least_s > _MOST_KEPT * self._total_s:
            return 0.0
        return max(self._search.confirmation * self._total_s, least_s)
