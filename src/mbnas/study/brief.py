"""Where a search stands in figures alone: quick, however many trainings there are.

The file counts; no training becomes a value of its own. A search that races is judged training
by training, and a ledger with an unsound row has to be read to name it: both are read in full.
"""

from __future__ import annotations

from dataclasses import dataclass

from mbnas.study.configuration import Configuration
from mbnas.study.ledger import Ledger
from mbnas.study.snapshot import BestNetwork, Tally
from mbnas.study.standing import Standing, read_standing


@dataclass(frozen=True, slots=True, kw_only=True)
class Brief:
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
    tally: Tally
    best: BestNetwork | None


def brief_of(standing: Standing) -> Brief:
    """Return the figures of a standing."""
    best = standing.best
    return Brief(
        state=standing.state,
        budget=standing.budget,
        num_dropped=standing.num_dropped,
        tally=Tally(
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


def read_brief(ledger: Ledger, configuration: Configuration) -> Brief:
    """Return where the search in a ledger stands, in figures.

    Args:
        ledger: Open, for reading at least.
        configuration: Of its study.
    """
    protocol = configuration.protocol
    with ledger.one_state():
        if configuration.search.dropped_below is not None or ledger.has_unsound_rows():
            return brief_of(read_standing(ledger, configuration))
        facts = ledger.facts()
        tally, best = ledger.tally(folds=protocol.folds, initialisations=protocol.initialisations)
        return Brief(
            state=facts["state"],
            budget=int(facts["budget"]),
            num_dropped=0,
            tally=tally,
            best=best,
        )
