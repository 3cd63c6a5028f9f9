"""The search itself: searcher → trainings → executor → ledger → searcher.

Resuming needs no code of its own: the searcher runs again from its seed, and what the
ledger already knows is answered at once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from mbnas.errors import StudyError
from mbnas.search.limit import limited
from mbnas.search.lookahead import Lookahead
from mbnas.search.searcher import Proposal, Searcher
from mbnas.space.genotype import Genotype
from mbnas.study.drive.evaluator import Evaluator, Progress
from mbnas.study.ledger.facts import ASKED_AGAIN
from mbnas.study.ledger.ledger import Ledger
from mbnas.study.ledger.snapshot import EvaluationRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class Best:
    """The best network of a search so far.

    Attributes:
        number: Of its evaluation.
        score: Mean over its trainings.
    """

    number: int
    score: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """What a search is doing, for whoever watches.

    Attributes:
        batch: What the searcher waits for.
        asked: Distinct networks asked for so far, this batch included.
        progress: Of the batch's trainings.
        best: The best network so far.
    """

    batch: Proposal
    asked: int
    progress: Progress
    best: Best | None = None


def ignore(moment: Moment) -> None:
    """Watch nothing."""


def drive(
    begin: Callable[[], Searcher],
    evaluator: Evaluator,
    ledger: Ledger,
    *,
    budget: int,
    watch: Callable[[Moment], None] = ignore,
    speculate: bool = True,
) -> None:
    """Run a search until its budget of distinct networks is spent or it ends by itself.

    Where a batch is larger than what is left, its first networks are evaluated (:func:`limited`).

    Args:
        begin: Makes the searcher, fresh from the study's seed, also when the study resumes.
        evaluator: Scores networks through ``ledger``.
        ledger: Keeps the networks in the order asked for.
        budget: How many distinct networks may be evaluated, those of earlier runs included.
        watch: Told at every batch and after every training.
        speculate: Whether free workers start on what the search may want next.

    Raises:
        StudyError: if the ledger holds another search's networks.
    """
    order = _Order(ledger)
    proposals = limited(begin(), budget)
    foresight = Lookahead(lambda: limited(begin(), budget)) if speculate else None
    try:
        batch = next(proposals)
        while True:
            new = order.enter(batch)
            _evaluate(evaluator, batch, order, foresight, watch)
            for genotype in new:
                order.see(genotype, evaluator.full_score(genotype, batch.incumbent))
            scores = [evaluator.score(each, batch.incumbent) for each in batch.genotypes]
            evaluator.learn(new, batch.incumbent)
            if foresight is not None:
                foresight.learn(scores)
            batch = proposals.send(scores)
    except StopIteration:
        return
    finally:
        proposals.close()
        evaluator.close()


def _evaluate(
    evaluator: Evaluator,
    batch: Proposal,
    order: _Order,
    foresight: Lookahead | None,
    watch: Callable[[Moment], None],
) -> None:
    def pass_on(progress: Progress) -> None:
        complete = progress.complete
        if isinstance(complete, Genotype):
            order.see(complete, evaluator.full_score(complete, batch.incumbent))
        watch(Moment(batch=batch, asked=order.num_asked, progress=progress, best=order.best))

    evaluator.evaluate(batch.genotypes, pass_on, incumbent=batch.incumbent, outlook=foresight)


class _Order:
    """The distinct networks that a search asks for, held to the order in its ledger.

    Attributes:
        best: The best of them so far.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._recorded = [record.genotype for record in ledger.evaluations()]
        self._asked: dict[Genotype, int] = {}
        self.best: Best | None = None
        self._num_known = int(ledger.facts().get(ASKED_AGAIN, 0))
        self._num_again = 0
        self._num_batches = 0

    @property
    def num_asked(self) -> int:
        """How many distinct networks were asked for."""
        return len(self._asked)

    def see(self, genotype: Genotype, score: float | None) -> None:
        """Take the score of a network into account: the best is the first of equals."""
        if score is None:
            return
        seen = Best(number=self._asked[genotype], score=score)
        if self.best is None or (score, -seen.number) > (self.best.score, -self.best.number):
            self.best = seen

    def enter(self, batch: Proposal) -> list[Genotype]:
        """Record the networks of a batch that were not asked for before, and return them.

        Raises:
            StudyError: if another network has its place in the ledger.
        """
        new = [each for each in dict.fromkeys(batch.genotypes) if each not in self._asked]
        self._num_batches += 1
        self._num_again += len(batch.genotypes) - len(new)
        for genotype in new:
            self._asked[genotype] = len(self._asked) + 1
            self._remember(genotype, batch)
        if self._num_again > self._num_known:
            self._num_known = self._num_again
            self._ledger.set_fact(ASKED_AGAIN, str(self._num_again))
        return new

    def _remember(self, genotype: Genotype, batch: Proposal) -> None:
        number = len(self._asked)
        if number > len(self._recorded):
            self._ledger.record_evaluation(
                EvaluationRecord(
                    number=number,
                    genotype=genotype,
                    why=batch.why,
                    incumbent=batch.incumbent,
                    batch=self._num_batches,
                )
            )
        elif self._recorded[number - 1] != genotype:
            raise StudyError(
                f"Evaluation {number} of the ledger is {self._recorded[number - 1]}, but this "
                f"search asks for {genotype}: the study was searched by another version of mbnas "
                "or its ledger was edited. Search into a new directory."
            )


def first_divergence(
    begin: Callable[[], Searcher], evaluator: Evaluator, ledger: Ledger, *, budget: int
) -> int | None:
    """Return the first evaluation that a search would not ask for by what its ledger says now.

    Scores change after the fact where a failed training was run again.

    Args:
        begin: Makes the searcher, fresh.
        evaluator: Knows the scores.
        ledger: Holds the evaluations.
        budget: As the search had it.

    Returns:
        Its number; ``None`` if the search would ask for all of them.
    """
    recorded = [record.genotype for record in ledger.evaluations()]
    asked: dict[Genotype, None] = {}
    proposals = limited(begin(), budget)
    try:
        batch = next(proposals)
        while len(asked) < len(recorded):
            new = [each for each in dict.fromkeys(batch.genotypes) if each not in asked]
            for genotype in new:
                if len(asked) < len(recorded) and recorded[len(asked)] != genotype:
                    return len(asked) + 1
                asked[genotype] = None
            scores = [evaluator.score(each, batch.incumbent) for each in batch.genotypes]
            evaluator.learn(new, batch.incumbent)
            batch = proposals.send(scores)
    except (StopIteration, KeyError):  # the search ends here, or has to train on
        return None
    finally:
        proposals.close()
    return None
