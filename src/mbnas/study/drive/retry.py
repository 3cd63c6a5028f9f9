"""Failed trainings run again, once what made them fail is mended.

The ledger says which trainings are still to be repeated and whether the search has to be looked
through afterwards. So a retry that was interrupted goes on where it was, by the same command or
before the next search.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mbnas.study.drive.driver import first_divergence
from mbnas.study.drive.evaluator import Watch, ignore
from mbnas.study.drive.worker_pool import WorkerPool, worker_pool_of
from mbnas.study.open_study import OpenStudy
from mbnas.training.training_record import FIRST_FRESH, TrainingKey


@dataclass(frozen=True, slots=True, kw_only=True)
class Retried:
    """What came of running failed trainings again.

    Attributes:
        num_repeated: How many there were.
        num_mended: How many of them have a score now.
        forgotten_from: Number of the first evaluation that the search would not have asked for
            by the scores as they are now; it and all later ones are forgotten, their trainings
            kept. ``None`` if the search stands as it stood.
    """

    num_repeated: int
    num_mended: int
    forgotten_from: int | None


def retry_failed(study: OpenStudy, watch: Watch = ignore) -> Retried:
    """Run every failed training of a study again, those of comparisons too.

    A network that had no score may have one now, and may be better than what the search went
    on from. Then the search is taken back to where it would have turned, and goes on from
    there when it is resumed.

    Args:
        study: The study, held by this process.
        watch: Told after every training.
    """
    study.ledger.withdraw_failed()
    if not study.ledger.is_retrying():
        return Retried(num_repeated=0, num_mended=0, forgotten_from=None)
    with worker_pool_of(study.configuration) as worker_pool:
        return finish_retry(study, worker_pool, watch)


def finish_retry(study: OpenStudy, worker_pool: WorkerPool, watch: Watch = ignore) -> Retried:
    """Run what a retry has withdrawn and not yet repeated, and take the search back if need be.

    Args:
        study: The study, whose ledger says that a retry is under way.
        worker_pool: Where trainings run.
        watch: Told after every training.
    """
    ledger = study.ledger
    keys = ledger.withdrawn()
    _repeat(study, keys, worker_pool, watch)
    forgotten_from = first_divergence(
        study.searcher,
        study.search_evaluator(worker_pool),
        ledger,
        budget=int(ledger.facts()["budget"]),
    )
    ledger.end_retry(forget_from=forgotten_from)
    outcomes = ledger.outcomes()
    mended = [key for key in keys if outcomes[key].score is not None]
    return Retried(num_repeated=len(keys), num_mended=len(mended), forgotten_from=forgotten_from)


def _repeat(
    study: OpenStudy, keys: Sequence[TrainingKey], worker_pool: WorkerPool, watch: Watch
) -> None:
    networks = [record.architecture for record in study.ledger.networks().values()]
    if fresh := [key for key in keys if key.is_fresh]:
        last = max(key.initialisation for key in fresh)
        evaluator = study.evaluator(worker_pool, range(FIRST_FRESH, last + 1), measured=True)
        evaluator.repeat(fresh, networks, watch)
    if searched := [key for key in keys if not key.is_fresh]:
        study.search_evaluator(worker_pool).repeat(searched, networks, watch)
