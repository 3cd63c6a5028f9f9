"""One run of a study's search, from the state of its ledger to the end of its budget."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace

from mbnas.search.lookahead import Speculation
from mbnas.study.configuration import Configuration
from mbnas.study.drive.confirm import confirm
from mbnas.study.drive.dispatcher import FindTraining
from mbnas.study.drive.driver import SearchProgress, WatchSearch, drive
from mbnas.study.drive.evaluation_request import Watch
from mbnas.study.drive.retry_failed import finish_retry
from mbnas.study.drive.time_limit import TimeLimit
from mbnas.study.ledger.facts import HOURS
from mbnas.study.open_study import OpenStudy
from mbnas.study.pool.worker_pool import WatchEpoch, WorkerPool, worker_pool_of


def run_search(
    study: OpenStudy,
    *,
    watch: WatchSearch | None = None,
    watch_confirmation: Watch | None = None,
    find_training: FindTraining | None = None,
    worker_pool: WorkerPool | None = None,
    begun: Callable[[], None] | None = None,
    watch_epoch: WatchEpoch | None = None,
) -> None:
    """Run or resume a study's search until its budget is spent, and confirm its leaders.

    However it ends, running trainings end with it and the ledger holds the search's state.

    Args:
        study: Held by this process.
        watch: Called at each proposal and after each training.
        watch_confirmation: Called at the start of each round of the confirmation and after each of
            its trainings.
        find_training: Finds trainings in the ledgers of other studies.
        worker_pool: Where trainings run; as configured if ``None``.
        begun: Called once, when the ledger says that the search runs.
        watch_epoch: Called after each epoch of a training in a process of this machine.
    """
    configuration, ledger = study.configuration, study.ledger
    ledger.set_fact("budget", str(configuration.search.evaluations))
    ledger.set_fact("state", "running")
    limit: TimeLimit | None = None
    began_s = time.monotonic()
    if configuration.search.hours is not None:
        ledger.set_fact(HOURS, str(configuration.search.hours))

    def record_cost_and_watch(progress: SearchProgress) -> None:
        if limit is not None:
            limit.note(progress.trainings.finished)
            progress = replace(progress, left_s=limit.left_s)
        if progress.trainings.complete is not None:
            study.costs.record(progress.trainings.complete)
        if watch is not None:
            watch(progress)

    try:
        if begun is not None:
            begun()
        study.record_missing_costs()  # those of a search that was killed before it wrote them
        pool = (
            worker_pool_of(configuration, watch_epoch)
            if worker_pool is None
            else nullcontext(worker_pool)
        )
        with pool as worker_pool:
            limit = _time_limit(study, workers=worker_pool.slots, began_s=began_s)
            if ledger.is_retrying():
                finish_retry(study, worker_pool)
                ledger.set_fact("state", "running")
            drive(
                study.searcher,
                study.search_evaluator(worker_pool, find_training=find_training),
                ledger,
                budget=study.budget(),
                watch=record_cost_and_watch,
                speculate=_speculation(configuration),
                may_begin=None if limit is None else limit.may_begin,
            )
            if configuration.search.confirmation > 0:
                confirm(
                    study,
                    worker_pool,
                    limit=limit,
                    watch=watch_confirmation,
                    find_training=find_training,
                )
        study.record_missing_costs()  # those of networks trained ahead of their proposal
    except BaseException:
        ledger.set_fact("state", "stopped")
        raise
    ledger.set_fact("state", "finished")


def _time_limit(study: OpenStudy, *, workers: int, began_s: float) -> TimeLimit | None:
    """Return the time limit of a study's search, ``None`` if its time is not limited."""
    configuration = study.configuration
    if configuration.search.hours is None:
        return None
    return TimeLimit(
        study.ledger,
        configuration.search,
        folds=configuration.protocol.folds,
        workers=workers,
        cost_of=study.costs.counted,
        began_s=began_s,
    )


def _speculation(configuration: Configuration) -> Speculation:
    if not configuration.run.speculate:
        return "nothing"
    return "certain" if configuration.search.is_stepwise else "possible"
