"""The time that workers spent on a study, saved and wasted.

A training occupies one worker, and so one device; all values are sums of durations of trainings.
Saved time is estimated from the durations of what was run.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from mbnas.search.searcher import Proposal
from mbnas.space.genotype import Genotype
from mbnas.study.ledger.snapshot import Snapshot
from mbnas.study.progress.search_status import SearchStatus
from mbnas.training.training_record import LostRunRecord, TrainingRecord

_NONE_DROPPED: Mapping[str, int] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeShare:
    """A part of a time account.

    Attributes:
        count: How many trainings, runs or networks.
        seconds: Time of workers.
    """

    count: int
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeAccount:
    """The time account of a study.

    Attributes:
        spent: All runs of this study's own workers, lost runs included.
        compared: Of these, trainings on fresh initialisations, which are for comparisons.
        borrowed: Saved: trainings copied from other studies that had trained the same network.
        asked_again: Saved: networks that the searcher asked for again, each as long as an
            evaluation took on average.
        dropped: Saved: trainings that racing left out, each as long as those that its
            network had took on average.
        failed: Wasted: lost runs, and failed trainings.
        ahead: Wasted, unless the search still asks for them: trainings of networks that no
            evaluation asked for.
    """

    spent: TimeShare
    compared: TimeShare
    borrowed: TimeShare
    asked_again: TimeShare
    dropped: TimeShare
    failed: TimeShare
    ahead: TimeShare

    @property
    def saved_s(self) -> float:
        """Time of workers that would have been spent as well."""
        return self.borrowed.seconds + self.asked_again.seconds + self.dropped.seconds

    @property
    def wasted_s(self) -> float:
        """Time of workers that gave no score."""
        return self.failed.seconds + self.ahead.seconds


def time_account(
    trainings: Sequence[TrainingRecord],
    lost_runs: Sequence[LostRunRecord],
    *,
    asked: Collection[str],
    evaluated: Collection[str],
    asked_again: int = 0,
    dropped: Mapping[str, int] = _NONE_DROPPED,
) -> TimeAccount:
    """Return the time account of a study.

    Args:
        trainings: All of the study, borrowed ones included; epochs and volumes may be absent.
        lost_runs: All of the study.
        asked: Digests of the networks that the searcher asked for.
        evaluated: Of these, the ones whose evaluation is complete.
        asked_again: How often the searcher asked for a network that it knew already.
        dropped: How many trainings racing left out, by digest of the network.
    """
    own = [each for each in trainings if not each.borrowed]
    searched = [each for each in own if not each.key.is_fresh]
    failed = [each.wall_s for each in own if each.error is not None]
    failed += [each.wall_s for each in lost_runs]
    return TimeAccount(
        spent=_share([each.wall_s for each in own] + [each.wall_s for each in lost_runs]),
        compared=_share(each.wall_s for each in own if each.key.is_fresh),
        borrowed=_share(each.wall_s for each in trainings if each.borrowed),
        asked_again=TimeShare(
            count=asked_again,
            seconds=asked_again * _mean_evaluation_s(trainings, frozenset(evaluated)),
        ),
        dropped=_dropped(trainings, dropped),
        failed=_share(failed),
        ahead=_share(each.wall_s for each in searched if is_ahead(each, asked)),
    )


def time_account_of(snapshot: Snapshot, status: SearchStatus) -> TimeAccount:
    """Return the time account of the study of a snapshot.

    Args:
        snapshot: Of the study's ledger.
        status: Of the search in it.
    """
    return time_account(
        snapshot.trainings,
        snapshot.lost_runs,
        asked={each.record.network for each in status.evaluations},
        evaluated={each.record.network for each in status.complete},
        asked_again=num_asked_again(snapshot.proposals),
        dropped={
            each.record.network: each.num_trainings - each.dropped_after
            for each in status.evaluations
            if each.dropped_after is not None
        },
    )


def num_asked_again(proposals: Iterable[Proposal]) -> int:
    """Return how often a network was proposed from no more initialisations than before."""
    most: dict[Genotype, float] = {}
    again = 0
    for proposal in proposals:
        wanted = proposal.initialisations or math.inf
        for genotype in proposal.genotypes:
            again += wanted <= most.get(genotype, 0)
            most[genotype] = max(wanted, most.get(genotype, 0))
    return again


def is_ahead(training: TrainingRecord, asked: Collection[str]) -> bool:
    """Whether a training has a score and its network was not asked for."""
    key = training.key
    return training.score is not None and not key.is_fresh and key.network not in asked


def _share(durations: Iterable[float]) -> TimeShare:
    found = tuple(durations)
    return TimeShare(count=len(found), seconds=math.fsum(found))


def _mean_evaluation_s(trainings: Sequence[TrainingRecord], evaluated: Collection[str]) -> float:
    """Return how long the trainings of an evaluation took together, on average."""
    durations = (
        each.wall_s for each in trainings if each.key.network in evaluated and not each.key.is_fresh
    )
    return math.fsum(durations) / len(evaluated) if evaluated else 0.0


def _dropped(trainings: Sequence[TrainingRecord], dropped: Mapping[str, int]) -> TimeShare:
    durations: dict[str, list[float]] = defaultdict(list)
    for each in trainings:
        if each.key.network in dropped and not each.key.is_fresh:
            durations[each.key.network].append(each.wall_s)
    return TimeShare(
        count=sum(dropped[network] for network in durations),
        seconds=math.fsum(
            dropped[network] * math.fsum(own) / len(own) for network, own in durations.items()
        ),
    )
