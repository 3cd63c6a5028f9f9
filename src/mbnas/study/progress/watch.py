"""Looking at a study again and again while another process searches, until it ends."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from mbnas.study.directory import Study
from mbnas.study.ledger.ledger import Ledger
from mbnas.study.lock import Holder, holder_of
from mbnas.study.progress.search_status import SearchStatus, status_in
from mbnas.study.progress.time_left import Pace, pace_of, seconds_of
from mbnas.training.training_record import TrainingRecord

_NUM_LAST = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Glance:
    """What is seen of a study at one moment.

    Attributes:
        at_s: When, in seconds since 1970.
        standing: Where the search stands; ``stopped`` if nobody runs it any more.
        num_trainings: That ended, those included that no network needs yet.
        num_failed: Of these, those that ended with an error.
        num_runs_failed: Runs of a training that came to nothing.
        last: The trainings that were recorded last, the newest first.
        pace: Of a search that runs.
        is_new: Whether something was recorded, or the state changed, since the glance before.
    """

    at_s: float
    standing: SearchStatus
    num_trainings: int
    num_failed: int
    num_runs_failed: int
    last: tuple[TrainingRecord, ...]
    pace: Pace | None
    is_new: bool


def glances(
    study: Study, *, clock: Callable[[], float], pause: Callable[[], None]
) -> Iterator[Glance]:
    """Yield what is seen of a study, again after every pause, until its search has ended.

    The last glance is of a search that is finished, or that nobody runs any more.

    Args:
        study: Which another process may write meanwhile.
        clock: Tells the time, in seconds since 1970.
        pause: Waits until the next glance.
    """
    version: int | None = None
    seen: _Seen | None = None
    told: object = None
    with Ledger.open(study.ledger, read_only=True) as ledger:
        while True:
            holder = holder_of(study.path)  # before the ledger: what it wrote last is then there
            newest = ledger.data_version()
            if seen is None or newest != version:
                version, seen = newest, _Seen.read(study, ledger)
            glance = _glance(seen, holder, at_s=clock())
            yield replace(glance, is_new=_gist(glance) != told)
            told = _gist(glance)
            if holder is None or glance.standing.state == "finished":
                return
            pause()


def _gist(glance: Glance) -> object:
    """Return what makes a glance news: all but the time and what follows from it."""
    standing = glance.standing
    counts = (len(standing.evaluations), len(standing.complete), standing.budget)
    return standing.state, counts, glance.num_trainings, glance.num_failed, glance.num_runs_failed


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen:
    """What the ledger says; read again when something was written."""

    standing: SearchStatus
    trainings: tuple[TrainingRecord, ...]
    num_runs_failed: int

    @classmethod
    def read(cls, study: Study, ledger: Ledger) -> _Seen:
        snapshot = ledger.read()
        return cls(
            standing=status_in(snapshot, study.configuration),
            trainings=snapshot.trainings,
            num_runs_failed=len(snapshot.lost_runs),
        )


def _glance(seen: _Seen, holder: Holder | None, *, at_s: float) -> Glance:
    standing = seen.standing
    if standing.state == "running" and holder is None:  # it was killed
        standing = replace(standing, state="stopped")
    begun_s = None if holder is None else seconds_of(holder.started_at)
    is_paced = standing.state == "running" and begun_s is not None
    return Glance(
        at_s=at_s,
        standing=standing,
        num_trainings=len(seen.trainings),
        num_failed=sum(each.error is not None for each in seen.trainings),
        num_runs_failed=seen.num_runs_failed,
        last=seen.trainings[: -_NUM_LAST - 1 : -1],
        pace=pace_of(standing, seen.trainings, begun_s=begun_s or 0.0, now_s=at_s)
        if is_paced
        else None,
        is_new=True,
    )
