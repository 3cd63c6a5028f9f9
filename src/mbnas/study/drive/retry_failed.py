"""Failed trainings run again, once the cause of their failure is removed.

The ledger records which trainings are still to be run again. So an interrupted retry continues,
by the same command or before the next search.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from mbnas.study.drive.driver import first_divergence
from mbnas.study.drive.evaluation_request import Watch
from mbnas.study.ledger.facts import CONFIRMATION
from mbnas.study.open_study import OpenStudy
from mbnas.study.pool.worker_pool import WorkerPool, worker_pool_of
from mbnas.study.progress.confirmation_record import confirmation_in
from mbnas.training.training_record import FIRST_CONFIRMING, FIRST_FRESH, TrainingKey


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryResult:
    """The result of running failed trainings again.

    Attributes:
        num_repeated: How many were run again.
        num_mended: How many of them have a score now.
        forgotten_from: Number of the first evaluation that the search would not have asked for
            by the scores as they are now. It and all later ones are forgotten; their trainings
            are kept. ``None`` if the search is as before.
        confirms_again: Whether the confirmation, which was finished, goes on when the search is
            resumed, because trainings of it have a score now.
    """

    num_repeated: int
    num_mended: int
    forgotten_from: int | None
    confirms_again: bool = False


def retry_failed(study: OpenStudy, watch: Watch | None = None) -> RetryResult:
    """Run every failed training of a study again, those of comparisons too.

    A network that had no score may now have one, even the best. Then the search is taken back to
    the evaluation at which it would have decided otherwise, and continues from there when it is
    resumed.

    Args:
        study: Held by this process.
        watch: Called at the start and after each training.
    """
    study.ledger.withdraw_failed()
    if not study.ledger.is_retrying():
        return RetryResult(num_repeated=0, num_mended=0, forgotten_from=None)
    with worker_pool_of(study.configuration) as worker_pool:
        return finish_retry(study, worker_pool, watch)


def finish_retry(
    study: OpenStudy, worker_pool: WorkerPool, watch: Watch | None = None
) -> RetryResult:
    """Run the withdrawn trainings that were not repeated yet, and take the search back if needed.

    Args:
        study: Held by this process; its ledger says that a retry is under way.
        worker_pool: Where trainings run.
        watch: Called at the start and after each training.
    """
    ledger = study.ledger
    keys = ledger.withdrawn()
    _repeat(study, keys, worker_pool, watch)
    forgotten_from = first_divergence(
        study.searcher,
        study.search_evaluator(worker_pool),
        ledger,
        budget=study.budget(int(ledger.facts()["budget"])),
    )
    ledger.end_retry(forget_from=forgotten_from)
    outcomes = ledger.outcomes()
    mended = [key for key in keys if outcomes[key].score is not None]
    return RetryResult(
        num_repeated=len(keys),
        num_mended=len(mended),
        forgotten_from=forgotten_from,
        confirms_again=any(key.is_confirming for key in mended) and _confirm_again(study),
    )


def _confirm_again(study: OpenStudy) -> bool:
    """Let a finished confirmation go on when the search is resumed; return whether it was."""
    record = confirmation_in(study.ledger.facts())
    if record is None or not record.is_finished:
        return False
    again = replace(record, is_finished=False).to_json()
    study.ledger.set_facts({CONFIRMATION: again, "state": "stopped"})
    return True


def _repeat(
    study: OpenStudy, keys: Sequence[TrainingKey], worker_pool: WorkerPool, watch: Watch | None
) -> None:
    networks = [record.architecture for record in study.ledger.networks().values()]
    confirming = [key for key in keys if key.is_confirming]
    compared = [key for key in keys if key.is_fresh and not key.is_confirming]
    for first, fresh in ((FIRST_FRESH, compared), (FIRST_CONFIRMING, confirming)):
        if fresh:
            initialisations = range(first, 1 + max(key.initialisation for key in fresh))
            evaluator = study.evaluator(
                worker_pool, initialisations, measured=True, one_by_one=first == FIRST_CONFIRMING
            )
            evaluator.run_missing(fresh, networks, watch)
    if searched := [key for key in keys if not key.is_fresh]:
        study.search_evaluator(worker_pool).run_missing(searched, networks, watch)
