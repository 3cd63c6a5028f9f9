"""How long a search will still take, by the rate of its trainings."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from mbnas.study.progress.search_status import SearchStatus
from mbnas.training.training_record import TrainingRecord

_WINDOW_S = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeLeft:
    """The rate of a search and the time left.

    Attributes:
        since_s: Since when trainings were counted, in seconds since 1970.
        trainings_per_hour: Those that ended since then.
        left_s: How long the trainings that are still needed take at this rate.
    """

    since_s: float
    trainings_per_hour: float
    left_s: float


def estimate_time_left(
    status: SearchStatus, trainings: Iterable[TrainingRecord], *, begun_s: float, now_s: float
) -> TimeLeft | None:
    """Return the time left of a running search, ``None`` while no training has ended.

    The rate is that since the search began or was resumed, or of the last hour if shorter. If the
    time of the search is limited, no more than the rest of it is left.

    Args:
        status: Of the search.
        trainings: All of the study; borrowed ones do not count.
        begun_s: When the search began or was resumed, in seconds since 1970.
        now_s: The time now.
    """
    since_s = max(begun_s, now_s - _WINDOW_S)
    ended = sum(
        since_s < ended_s <= now_s
        for each in trainings
        if not each.borrowed and (ended_s := _ended_s(each)) is not None
    )
    if not ended:
        return None
    per_s = ended / (now_s - since_s)
    left_s = num_needed(status) / per_s
    if status.spent is not None:
        left_s = min(left_s, max(0.0, 3600 * status.spent.hours - status.spent.seconds))
    return TimeLeft(since_s=since_s, trainings_per_hour=3600 * per_s, left_s=left_s)


def num_needed(status: SearchStatus) -> float:
    """Return how many trainings the rest of the budget needs, its confirmation included.

    Those of the search are at the present mean per network, or as many as its budget pays for.
    """
    complete, evaluations = status.complete, status.evaluations
    if not evaluations:
        return 0.0
    if status.num_searching is not None:
        unsearched = max(0, status.num_searching - len(status.trainings))
        return float(unsearched + status.num_confirming)
    per_network = _mean([len(each.trainings) for each in complete]) or max(
        each.num_trainings for each in evaluations
    )
    begun = sum(len(each.trainings) for each in evaluations if not each.complete)
    searching = max(0, (status.budget - len(complete)) * per_network - begun)
    return float(searching + status.num_confirming)


def seconds_of(moment: str) -> float | None:
    """Return a time in ISO 8601 as seconds since 1970, ``None`` if it is not one.

    A time without a time zone is in UTC.

    >>> seconds_of("1970-01-01T00:01:00+00:00"), seconds_of("just now")
    (60.0, None)
    """
    try:
        parsed = datetime.fromisoformat(moment)
        return (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None


def _ended_s(training: TrainingRecord) -> float | None:
    started_s = seconds_of(training.started_at)
    return None if started_s is None else started_s + training.wall_s


def _mean(counts: Sequence[int]) -> float:
    return sum(counts) / len(counts) if counts else 0.0
