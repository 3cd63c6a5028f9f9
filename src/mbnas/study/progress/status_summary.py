"""Where a search stands in figures alone: quick, however many trainings there are.

The file counts; no training becomes a value of its own. A search that races is judged training
by training, and a ledger with an unsound row has to be read to name it: both are read in full.
"""

from __future__ import annotations

from dataclasses import dataclass

from mbnas.study.configuration import Configuration
from mbnas.study.ledger.ledger import Ledger
from mbnas.study.ledger.search_counts import count_search, has_invalid_rows
from mbnas.study.ledger.snapshot import BestNetwork, TrainingCounts
from mbnas.study.progress.search_status import SearchStatus, read_status


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusSummary:
    """A search at one moment, in figures.

    Attributes:
        state: ``running``, ``finished`` or ``stopped``.
        budget: Distinct networks it may evaluate.
        num_dropped: Networks that racing dropped.
        tally: Counts of networks and trainings.
        best: ``None`` without a score.
    """

    state: str
    budget: int
    num_dropped: int
    tally: TrainingCounts
    best: BestNetwork | None


def status_summary_of(standing: SearchStatus) -> StatusSummary:
    """Return the figures of a standing."""
    best = standing.best
    return StatusSummary(
        state=standing.state,
        budget=standing.budget,
        num_dropped=standing.num_dropped,
        tally=TrainingCounts(
            asked=len(standing.evaluations),
            complete=len(standing.complete),
            trainings=len(standing.trainings),
            failed=standing.num_failed,
            collapsed=standing.num_collapsed,
            repeated=standing.num_repeated,
            unpredicted=standing.num_unpredicted,
            absent=standing.num_absent,
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
    """Return where the search in a ledger stands, in figures.

    Args:
        ledger: Open, for reading at least.
        configuration: Of its study.
    """
    protocol = configuration.protocol
    with ledger.one_state():
        if configuration.search.dropped_below is not None or has_invalid_rows(ledger):
            return status_summary_of(read_status(ledger, configuration))
        facts = ledger.facts()
        tally, best = count_search(
            ledger, folds=protocol.folds, initialisations=protocol.initialisations
        )
        return StatusSummary(
            state=facts["state"],
            budget=int(facts["budget"]),
            num_dropped=0,
            tally=tally,
            best=best,
        )
