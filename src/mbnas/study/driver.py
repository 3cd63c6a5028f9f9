"""The search itself: searcher → trainings → executor → ledger → searcher.

Resuming needs no code of its own: the searcher runs again from its seed, and what the
ledger already knows is answered at once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from mbnas.errors import StudyError
from mbnas.genotype.genotype import Genotype
from mbnas.search.limit import limited
from mbnas.search.searcher import Batch, Searcher
from mbnas.study.evaluator import Evaluator, Progress
from mbnas.study.ledger import EvaluationRecord, Ledger


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """What a search is doing, for whoever watches.

    Attributes:
        batch: What the searcher waits for.
        asked: Distinct networks asked for so far, this batch included.
        progress: Of the batch's trainings.
    """

    batch: Batch
    asked: int
    progress: Progress


def ignore(moment: Moment) -> None:
    """Watch nothing."""


def drive(
    searcher: Searcher,
    evaluator: Evaluator,
    ledger: Ledger,
    *,
    budget: int,
    watch: Callable[[Moment], None] = ignore,
) -> None:
    """Run a search until its budget of distinct networks is spent or it ends by itself.

    Where a batch is larger than what is left, its first networks are evaluated (:func:`limited`).

    Args:
        searcher: Fresh, from the study's seed, also when the study resumes.
        evaluator: Scores networks through ``ledger``.
        ledger: Keeps the networks in the order asked for.
        budget: How many distinct networks may be evaluated, those of earlier runs included.
        watch: Told at every batch and after every training.

    Raises:
        StudyError: if the ledger holds another search's networks.
    """
    recorded = [record.genotype for record in ledger.evaluations()]
    asked: dict[Genotype, None] = {}
    proposals = limited(searcher, budget)
    try:
        batch = next(proposals)
        while True:
            new = [genotype for genotype in dict.fromkeys(batch.genotypes) if genotype not in asked]
            for genotype in new:
                asked[genotype] = None
                _remember(ledger, recorded, genotype, len(asked), batch)
            _evaluate(evaluator, batch, new, len(asked), watch)
            batch = proposals.send([evaluator.score(genotype) for genotype in batch.genotypes])
    except StopIteration:
        return
    finally:
        proposals.close()


def _evaluate(
    evaluator: Evaluator,
    batch: Batch,
    genotypes: list[Genotype],
    asked: int,
    watch: Callable[[Moment], None],
) -> None:
    def pass_on(progress: Progress) -> None:
        watch(Moment(batch=batch, asked=asked, progress=progress))

    evaluator.evaluate(genotypes, pass_on)


def _remember(
    ledger: Ledger, recorded: list[Genotype], genotype: Genotype, number: int, batch: Batch
) -> None:
    if number > len(recorded):
        ledger.record_evaluation(
            EvaluationRecord(
                number=number, genotype=genotype, why=batch.why, incumbent=batch.incumbent
            )
        )
    elif recorded[number - 1] != genotype:
        raise StudyError(
            f"Evaluation {number} of the ledger is {recorded[number - 1]}, but this search asks "
            f"for {genotype}: the study was searched by another version of mbnas or its ledger "
            "was edited. Search into a new directory."
        )
