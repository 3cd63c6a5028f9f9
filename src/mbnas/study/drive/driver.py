"""The search loop: searcher → trainings → ledger → scores → searcher.

Resuming needs no code of its own: the searcher runs again from its seed, and scores that the
ledger holds are returned at once.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import dataclass

from mbnas.errors import StudyError
from mbnas.search.limit import limited
from mbnas.search.lookahead import Lookahead, Proposals
from mbnas.search.searcher import Proposal, Searcher
from mbnas.space.genotype import Genotype
from mbnas.study.drive.evaluation_request import Progress
from mbnas.study.drive.evaluator import Evaluator
from mbnas.study.ledger.facts import ASKED_AGAIN
from mbnas.study.ledger.ledger import Ledger
from mbnas.study.ledger.snapshot import EvaluationRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class BestSoFar:
    """The best network of a search so far.

    Attributes:
        number: Of its evaluation.
        score: Mean over its trainings.
    """

    number: int
    score: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchProgress:
    """How far a search is.

    Attributes:
        proposal: What the searcher waits for.
        num_asked: Distinct networks asked for so far, those of this proposal included.
        trainings: Progress of the proposal's trainings.
        best: The best network so far.
    """

    proposal: Proposal
    num_asked: int
    trainings: Progress
    best: BestSoFar | None = None


WatchSearch = Callable[[SearchProgress], None]


def drive(
    make_searcher: Callable[[], Searcher],
    evaluator: Evaluator,
    ledger: Ledger,
    *,
    budget: int,
    watch: WatchSearch | None = None,
    speculate: bool = True,
) -> None:
    """Run a search until its budget of distinct networks is spent or it ends by itself.

    If a proposal is larger than what is left of the budget, its first networks are evaluated
    (:func:`~mbnas.search.limit.limited`).

    Args:
        make_searcher: Returns the searcher at its beginning, also when the study resumes.
        evaluator: Scores networks through ``ledger``.
        ledger: Records the networks in the order asked for.
        budget: How many distinct networks may be evaluated, those of earlier runs included.
        watch: Called at each proposal and after each training.
        speculate: Whether idle workers start on what the search may want next.

    Raises:
        StudyError: if the ledger holds another search's networks.
    """
    order = _SearchOrder(ledger)
    lookahead = Lookahead(lambda: limited(make_searcher(), budget)) if speculate else None
    searcher = limited(make_searcher(), budget)
    try:
        with closing(_proposals(searcher, evaluator, lookahead)) as proposals:
            for proposal, new in proposals:
                order.record(proposal, new)
                _evaluate(evaluator, proposal, order, lookahead, watch)
                for genotype in new:
                    order.see(genotype, evaluator.full_score(genotype, proposal.incumbent))
    finally:
        evaluator.close()


def first_divergence(
    make_searcher: Callable[[], Searcher], evaluator: Evaluator, ledger: Ledger, *, budget: int
) -> int | None:
    """Return the first evaluation that a search would not ask for by the present scores.

    Scores change after a search if a failed training is run again.

    Args:
        make_searcher: Returns the searcher at its beginning.
        evaluator: Knows the scores.
        ledger: Holds the evaluations.
        budget: That of the search.

    Returns:
        Its number; ``None`` if the search would ask for all of them.
    """
    recorded = [record.genotype for record in ledger.evaluations()]
    number = 0
    searcher = limited(make_searcher(), budget)
    with closing(_proposals(searcher, evaluator)) as proposals:
        try:
            for _, new in proposals:
                for genotype in new:
                    if number == len(recorded):
                        return None
                    number += 1
                    if recorded[number - 1] != genotype:
                        return number
        except KeyError:  # from here on the search has to train
            return None
    return None


def _proposals(
    searcher: Proposals, evaluator: Evaluator, lookahead: Lookahead | None = None
) -> Generator[tuple[Proposal, list[Genotype]]]:
    """Yield each proposal of a search and its new networks, and answer it with its scores.

    Raises:
        KeyError: if a training that a score needs was not run before the next proposal.
    """
    asked: set[Genotype] = set()
    try:
        proposal = next(searcher)
        while True:
            new = [each for each in dict.fromkeys(proposal.genotypes) if each not in asked]
            asked.update(new)
            yield proposal, new
            scores = [evaluator.score(each, proposal.incumbent) for each in proposal.genotypes]
            evaluator.learn(new, proposal.incumbent)
            if lookahead is not None:
                lookahead.learn(scores)
            proposal = searcher.send(scores)
    except StopIteration:
        return
    finally:
        searcher.close()


def _evaluate(
    evaluator: Evaluator,
    proposal: Proposal,
    order: _SearchOrder,
    lookahead: Lookahead | None,
    watch: WatchSearch | None,
) -> None:
    def report(trainings: Progress) -> None:
        complete = trainings.complete
        if isinstance(complete, Genotype):
            order.see(complete, evaluator.full_score(complete, proposal.incumbent))
        if watch is not None:
            progress = SearchProgress(
                proposal=proposal, num_asked=order.num_asked, trainings=trainings, best=order.best
            )
            watch(progress)

    evaluator.evaluate(
        proposal.genotypes, report, incumbent=proposal.incumbent, lookahead=lookahead
    )


class _SearchOrder:
    """The distinct networks that a search asks for, in the order that its ledger holds.

    Attributes:
        best: The best of them so far.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._recorded = [record.genotype for record in ledger.evaluations()]
        self._asked: dict[Genotype, int] = {}
        self.best: BestSoFar | None = None
        self._num_known = int(ledger.facts().get(ASKED_AGAIN, 0))
        self._num_again = 0
        self._num_proposals = 0

    @property
    def num_asked(self) -> int:
        """How many distinct networks were asked for."""
        return len(self._asked)

    def see(self, genotype: Genotype, score: float | None) -> None:
        """Take the score of a network into account: the best is the first of equals."""
        if score is None:
            return
        seen = BestSoFar(number=self._asked[genotype], score=score)
        if self.best is None or (score, -seen.number) > (self.best.score, -self.best.number):
            self.best = seen

    def record(self, proposal: Proposal, new: list[Genotype]) -> None:
        """Record the networks of a proposal that were not asked for before.

        Raises:
            StudyError: if the ledger holds another network in place of one.
        """
        self._num_proposals += 1
        self._num_again += len(proposal.genotypes) - len(new)
        for genotype in new:
            self._asked[genotype] = len(self._asked) + 1
            self._record_network(genotype, proposal)
        if self._num_again > self._num_known:
            self._num_known = self._num_again
            self._ledger.set_fact(ASKED_AGAIN, str(self._num_again))

    def _record_network(self, genotype: Genotype, proposal: Proposal) -> None:
        number = len(self._asked)
        if number > len(self._recorded):
            self._ledger.record_evaluation(
                EvaluationRecord(
                    number=number,
                    genotype=genotype,
                    why=proposal.why,
                    incumbent=proposal.incumbent,
                    proposal=self._num_proposals,
                )
            )
        elif self._recorded[number - 1] != genotype:
            raise StudyError(
                f"Evaluation {number} of the ledger is {self._recorded[number - 1]}, but this "
                f"search asks for {genotype}: the study was searched by another version of mbnas "
                "or its ledger was edited. Search into a new directory."
            )
