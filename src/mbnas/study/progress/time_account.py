"""What a study cost in time of its workers: spent, saved and wasted.

A training keeps one worker, and so one device, busy for as long as it takes; all figures are
sums of such durations. What was saved was not measured but estimated, from the durations of
what was run.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from mbnas.training.training_record import LostRunRecord, TrainingRecord

_NONE_DROPPED: Mapping[str, int] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """A part of an account.

    Attributes:
        count: How many it was: trainings, runs or networks.
        seconds: Time of workers.
    """

    count: int
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """What a study cost.

    Attributes:
        spent: All runs of this study's own workers, those that came to nothing included.
        compared: Of these, trainings on fresh initialisations, which no search asked for.
        borrowed: Saved: trainings taken from other studies that had trained the same network.
        asked_again: Saved: networks that the searcher asked for again, each as long as an
            evaluation took on average.
        dropped: Saved: trainings that racing left out, each as long as those that its
            network had took on average.
        failed: Wasted: runs that came to nothing, and trainings that ended with an error.
        ahead: Wasted, unless the search still asks for them: trainings of networks that no
            evaluation asked for.
    """

    spent: Share
    compared: Share
    borrowed: Share
    asked_again: Share
    dropped: Share
    failed: Share
    ahead: Share

    @property
    def saved_s(self) -> float:
        """Time of workers that would have been spent otherwise."""
        return self.borrowed.seconds + self.asked_again.seconds + self.dropped.seconds

    @property
    def wasted_s(self) -> float:
        """Time of workers that no score came of."""
        return self.failed.seconds + self.ahead.seconds


def draw_up(
    trainings: Sequence[TrainingRecord],
    failures: Sequence[LostRunRecord],
    *,
    asked: Collection[str],
    evaluated: Collection[str],
    asked_again: int = 0,
    dropped: Mapping[str, int] = _NONE_DROPPED,
) -> Account:
    """Return the account of a study.

    Args:
        trainings: All of the study's, borrowed ones included; epochs and volumes may be absent.
        failures: All runs that came to nothing.
        asked: Digests of the networks that the searcher asked for.
        evaluated: Of these, the ones whose evaluation is complete.
        asked_again: How often the searcher asked for a network that it knew already.
        dropped: How many trainings racing left out, by digest of the network.
    """
    own = [each for each in trainings if not each.borrowed]
    searched = [each for each in own if not each.key.is_fresh]
    failed = [each.wall_s for each in own if each.error is not None]
    failed += [each.wall_s for each in failures]
    return Account(
        spent=_share([each.wall_s for each in own] + [each.wall_s for each in failures]),
        compared=_share(each.wall_s for each in own if each.key.is_fresh),
        borrowed=_share(each.wall_s for each in trainings if each.borrowed),
        asked_again=Share(
            count=asked_again,
            seconds=asked_again * _mean_evaluation_s(trainings, frozenset(evaluated)),
        ),
        dropped=_dropped(trainings, dropped),
        failed=_share(failed),
        ahead=_share(each.wall_s for each in searched if is_ahead(each, asked)),
    )


def is_ahead(training: TrainingRecord, asked: Collection[str]) -> bool:
    """Whether a training that has a score is of a network that no evaluation asked for."""
    key = training.key
    return training.score is not None and not key.is_fresh and key.network not in asked


def _share(durations: Iterable[float]) -> Share:
    found = tuple(durations)
    return Share(count=len(found), seconds=math.fsum(found))


def _mean_evaluation_s(trainings: Sequence[TrainingRecord], evaluated: Collection[str]) -> float:
    """Return how long the trainings of an evaluation took together, on average."""
    durations = (
        each.wall_s for each in trainings if each.key.network in evaluated and not each.key.is_fresh
    )
    return math.fsum(durations) / len(evaluated) if evaluated else 0.0


def _dropped(trainings: Sequence[TrainingRecord], dropped: Mapping[str, int]) -> Share:
    durations: dict[str, list[float]] = defaultdict(list)
    for each in trainings:
        if each.key.network in dropped and not each.key.is_fresh:
            durations[each.key.network].append(each.wall_s)
    return Share(
        count=sum(dropped[network] for network in durations),
        seconds=math.fsum(
            dropped[network] * math.fsum(own) / len(own) for network, own in durations.items()
        ),
    )
