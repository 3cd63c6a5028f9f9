"""Failed trainings run again, once what made them fail is mended.

The ledger says which trainings are still to be repeated and whether the search has to be looked
through afterwards. So a retry that was interrupted goes on where it was, by the same command or
before the next search.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from mbnas.search.searcher import Searcher
from mbnas.study.driver import first_divergence
from mbnas.study.evaluator import Evaluator, Watch, ignore
from mbnas.study.ledger import Ledger
from mbnas.study.study import Study
from mbnas.study.workplace import Workplace, workplace_of
from mbnas.training.record import FIRST_FRESH, TrainingKey


@runtime_checkable
class Held(Protocol):
    """A study held by this process, as far as a retry needs it."""

    @property
    def study(self) -> Study:
        """Its directory and configuration."""

    @property
    def ledger(self) -> Ledger:
        """Open for writing."""

    def evaluator(
        self, workplace: Workplace, initialisations: range, *, measured: bool = False
    ) -> Evaluator:
        """Return what trains networks from some initialisations."""

    def search_evaluator(self, workplace: Workplace) -> Evaluator:
        """Return what scores networks as the search has them scored."""

    def begin_search(self) -> Searcher:
        """Return the searcher, fresh from its seed."""


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


def retry_failed(held: Held, watch: Watch = ignore) -> Retried:
    """Run every failed training of a study again, those of comparisons too.

    A network that had no score may have one now, and may be better than what the search went
    on from. Then the search is taken back to where it would have turned, and goes on from
    there when it is resumed.

    Args:
        held: The study, held by this process.
        watch: Told after every training.
    """
    held.ledger.withdraw_failed()
    if not held.ledger.is_retrying():
        return Retried(num_repeated=0, num_mended=0, forgotten_from=None)
    with workplace_of(held.study.configuration) as workplace:
        return finish_retry(held, workplace, watch)


def finish_retry(held: Held, workplace: Workplace, watch: Watch = ignore) -> Retried:
    """Run what a retry has withdrawn and not yet repeated, and take the search back if need be.

    Args:
        held: The study, whose ledger says that a retry is under way.
        workplace: Where trainings run.
        watch: Told after every training.
    """
    ledger = held.ledger
    keys = ledger.withdrawn()
    _repeat(held, keys, workplace, watch)
    forgotten_from = first_divergence(
        held.begin_search,
        held.search_evaluator(workplace),
        ledger,
        budget=int(ledger.facts()["budget"]),
    )
    ledger.end_retry(forget_from=forgotten_from)
    outcomes = ledger.outcomes()
    mended = [key for key in keys if outcomes[key].score is not None]
    return Retried(num_repeated=len(keys), num_mended=len(mended), forgotten_from=forgotten_from)


def _repeat(held: Held, keys: Sequence[TrainingKey], workplace: Workplace, watch: Watch) -> None:
    networks = [record.architecture for record in held.ledger.networks().values()]
    if fresh := [key for key in keys if key.is_fresh]:
        last = max(key.initialisation for key in fresh)
        evaluator = held.evaluator(workplace, range(FIRST_FRESH, last + 1), measured=True)
        evaluator.repeat(fresh, networks, watch)
    if searched := [key for key in keys if not key.is_fresh]:
        held.search_evaluator(workplace).repeat(searched, networks, watch)
