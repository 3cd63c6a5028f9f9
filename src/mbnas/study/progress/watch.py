"""The status of a study, read repeatedly while another process searches."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from mbnas.study.directory import Study
from mbnas.study.ledger.ledger import Ledger
from mbnas.study.lock import Holder, holder_of
from mbnas.study.progress.search_status import SearchStatus, search_status
from mbnas.study.progress.time_left import TimeLeft, estimate_time_left, seconds_of
from mbnas.training.training_record import TrainingRecord

_NUM_LAST = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchedStatus:
    """The status of a study at one moment.

    Attributes:
        at_s: When, in seconds since 1970.
        status: Of the search; ``stopped`` if no process runs it.
        num_trainings: Trainings that ended, those included that no network needs yet.
        num_failed: Failed ones among them.
        num_lost_runs: Lost runs.
        last: The trainings recorded last, the newest first.
        time_left: Of a running search.
        is_new: Whether anything was recorded, or the state changed, since the status before.
    """

    at_s: float
    status: SearchStatus
    num_trainings: int
    num_failed: int
    num_lost_runs: int
    last: tuple[TrainingRecord, ...]
    time_left: TimeLeft | None
    is_new: bool


def watch_status(
    study: Study, *, clock: Callable[[], float], pause: Callable[[], None]
) -> Iterator[WatchedStatus]:
    """Yield the status of a study, after each pause, until its search has ended.

    The last status is of a search that is finished or that no process runs.

    Args:
        study: Another process may be writing it.
        clock: Returns the time in seconds since 1970.
        pause: Waits until the next status is due.
    """
    version: int | None = None
    known: _LedgerStatus | None = None
    last_signature: object = None
    with Ledger.open(study.ledger, read_only=True) as ledger:
        while True:
            holder = holder_of(study.path)  # before the ledger, to see what it wrote last
            newest = ledger.data_version()
            if known is None or newest != version:
                version, known = newest, _LedgerStatus.read(study, ledger)
            current = _watched_status(known, holder, at_s=clock())
            yield replace(current, is_new=_signature(current) != last_signature)
            last_signature = _signature(current)
            if holder is None or current.status.state == "finished":
                return
            pause()


def _signature(watched: WatchedStatus) -> object:
    """Return what must differ for a status to be new: all that does not depend on the time."""
    status = watched.status
    counts = (len(status.evaluations), len(status.complete), status.budget)
    return status.state, counts, watched.num_trainings, watched.num_failed, watched.num_lost_runs


@dataclass(frozen=True, slots=True, kw_only=True)
class _LedgerStatus:
    """What the ledger says; read again after something was written."""

    status: SearchStatus
    trainings: tuple[TrainingRecord, ...]
    num_lost_runs: int

    @classmethod
    def read(cls, study: Study, ledger: Ledger) -> _LedgerStatus:
        snapshot = ledger.read()
        return cls(
            status=search_status(snapshot, study.configuration),
            trainings=snapshot.trainings,
            num_lost_runs=len(snapshot.lost_runs),
        )


def _watched_status(known: _LedgerStatus, holder: Holder | None, *, at_s: float) -> WatchedStatus:
    status = known.status
    if status.state == "running" and holder is None:  # its process was killed
        status = replace(status, state="stopped")
    begun_s = None if holder is None else seconds_of(holder.started_at)
    is_timed = status.state == "running" and begun_s is not None
    return WatchedStatus(
        at_s=at_s,
        status=status,
        num_trainings=len(known.trainings),
        num_failed=sum(each.error is not None for each in known.trainings),
        num_lost_runs=known.num_lost_runs,
        last=known.trainings[: -_NUM_LAST - 1 : -1],
        time_left=estimate_time_left(status, known.trainings, begun_s=begun_s or 0.0, now_s=at_s)
        if is_timed
        else None,
        is_new=True,
    )
