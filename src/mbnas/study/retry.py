"""Failed trainings run again, once what made them fail is mended."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mbnas.study.driver import first_divergence
from mbnas.study.evaluator import Watch, ignore
from mbnas.study.run import OpenStudy
from mbnas.study.workplace import Workplace, workplace_of
from mbnas.training.record import FIRST_FRESH, TrainingKey


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


def retry_failed(held: OpenStudy, watch: Watch = ignore) -> Retried:
    """Run every failed training of a study again, those of comparisons too.

    A network that had no score may have one now, and may be better than what the search went
    on from. Then the search is taken back to where it would have turned, and goes on from
    there when it is resumed.

    Args:
        held: The study, held by this process.
        watch: Told after every training.
    """
    ledger = held.ledger
    keys = ledger.withdraw_failed()
    if not keys:
        return Retried(num_repeated=0, num_mended=0, forgotten_from=None)
    with workplace_of(held.study.configuration) as workplace:
        forgotten_from = _repeat(held, keys, workplace, watch)
    if forgotten_from is not None:
        ledger.forget_evaluations(forgotten_from)
        ledger.set_fact("state", "stopped")
    outcomes = ledger.outcomes()
    mended = [key for key in keys if outcomes[key].score is not None]
    return Retried(num_repeated=len(keys), num_mended=len(mended), forgotten_from=forgotten_from)


def _repeat(
    held: OpenStudy, keys: Sequence[TrainingKey], workplace: Workplace, watch: Watch
) -> int | None:
    """Run trainings again; return the first evaluation that the search would not ask for now."""
    ledger = held.ledger
    networks = [record.architecture for record in ledger.networks().values()]
    fresh = [key.initialisation for key in keys if key.is_fresh]
    if fresh:
        held.evaluator(workplace, range(FIRST_FRESH, max(fresh) + 1), measured=True).repeat(
            keys, networks, watch
        )
    evaluator = held.search_evaluator(workplace)
    evaluator.repeat(keys, networks, watch)
    budget = int(ledger.facts()["budget"])
    return first_divergence(held.begin_search, evaluator, ledger, budget=budget)
