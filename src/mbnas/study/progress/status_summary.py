"""The status of a search as counts: quick, for any number of trainings.

The ledger's file computes the counts. Three ledgers are read in full: one of a search with racing,
which is judged training by training, one of a search whose networks have different numbers of
trainings, and one with an invalid row, so that the error names it.
"""

from __future__ import annotations

from dataclasses import dataclass

from mbnas.study.configuration import Configuration
from mbnas.study.ledger.ledger import Ledger
from mbnas.study.ledger.search_counts import count_search, has_invalid_rows
from mbnas.study.ledger.snapshot import BestNetwork, TrainingCounts
from mbnas.study.progress.search_status import (
    SearchStatus,
    TimeSpent,
    num_networks,
    read_status,
    time_spent,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusSummary:
    """Counts of a search at one moment.

    Attributes:
        state: ``running``, ``finished`` or ``stopped``.
        budget: Distinct networks it may evaluate.
        num_dropped: Networks that racing dropped.
        counts: Of networks and trainings.
        best: ``None`` without a score.
        spent: The time of its runs, if it is limited.
    """

    state: str
    budget: int
    num_dropped: int
    counts: TrainingCounts
    best: BestNetwork | None
    spent: TimeSpent | None = None


def status_summary_of(status: SearchStatus) -> StatusSummary:
    """Return the counts of a status."""
    best = status.best
    return StatusSummary(
        state=status.state,
        budget=status.budget,
        num_dropped=status.num_dropped,
        spent=status.spent,
        counts=TrainingCounts(
            asked=len(status.evaluations),
            complete=len(status.complete),
            trainings=len(status.trainings),
            failed=status.num_failed,
            collapsed=status.num_collapsed,
            repeated=status.num_repeated,
            unpredicted=status.num_unpredicted,
            absent=status.num_absent,
        ),
        best=None
        if best is None or best.score is None
        else BestNetwork(
            number=best.record.number,
            genotype=best.genotype,
            score=best.score,
            parameters=best.parameters,
            macs=best.macs,
        ),
    )


def read_status_summary(ledger: Ledger, configuration: Configuration) -> StatusSummary:
    """Return the counts of the search in a ledger.

    Args:
        ledger: Open, for reading at least.
        configuration: Of its study.
    """
    protocol = configuration.protocol
    with ledger.one_state():
        search = configuration.search
        if search.dropped_below is not None or search.is_stepwise or has_invalid_rows(ledger):
            return status_summary_of(read_status(ledger, configuration))
        facts = ledger.facts()
        counts, best = count_search(
            ledger, folds=protocol.folds, initialisations=protocol.initialisations
        )
        return StatusSummary(
            state=facts["state"],
            budget=num_networks(facts, configuration),
            num_dropped=0,
            counts=counts,
            best=best,
            spent=time_spent(facts),
        )
