"""The search loop: searcher → trainings → ledger → scores → searcher.

Resuming needs no code of its own: the searcher runs again from its seed, and scores that the
ledger holds are returned at once. A searcher that uses a model is given back what it proposed,
because a model fitted on another machine may differ in its last digits.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace

from mbnas.errors import StudyError
from mbnas.network.architecture import Architecture
from mbnas.search.limit import Budget, Spent
from mbnas.search.lookahead import Lookahead, Proposals, Speculation
from mbnas.search.searcher import Proposal, Searcher
from mbnas.space.genotype import Genotype
from mbnas.study.drive.evaluation_request import Progress
from mbnas.study.drive.evaluator import Evaluator
from mbnas.study.ledger.ledger import Ledger
from mbnas.study.ledger.snapshot import EvaluationRecord, NumberedScore


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchProgress:
    """How far a search is.

    Attributes:
        proposal: What the searcher waits for.
        num_initialisations: From which the networks asked for so far are trained, those of this
            proposal included, summed over networks.
        trainings: Progress of the proposal's trainings.
        best: The best network so far.
        scored: The networks that have just got a score, also one that rests on more trainings than
            before. Those that failed or were dropped are left out.
        left_s: Seconds until the search's time is over, where that limits it.
    """

    proposal: Proposal
    num_initialisations: int
    trainings: Progress
    best: NumberedScore | None = None
    scored: tuple[NumberedScore, ...] = ()
    left_s: float | None = None


WatchSearch = Callable[[SearchProgress], None]

MayBegin = Callable[[Sequence[Architecture]], bool]
"""Returns whether trainings may begin, given the network of each."""

MakeSearcher = Callable[[Sequence[Proposal]], Searcher]
"""Returns the searcher at its beginning, given the proposals that the ledger holds."""


def drive(
    make_searcher: MakeSearcher,
    evaluator: Evaluator,
    ledger: Ledger,
    *,
    budget: Budget,
    watch: WatchSearch | None = None,
    speculate: Speculation = "possible",
    may_begin: MayBegin | None = None,
) -> None:
    """Run a search until its budget is spent or it ends by itself.

    If a proposal is larger than what is left of the budget, its first networks are evaluated
    (:func:`~mbnas.search.limit.limited`).

    Args:
        make_searcher: Returns the searcher at its beginning, also when the study resumes.
        evaluator: Scores networks through ``ledger``.
        ledger: Records the networks in the order asked for.
        budget: How much may be trained, earlier runs included.
        watch: Called at each proposal and after each training.
        speculate: On what idle workers start: what the search may want next, only what it will
            certainly want, or nothing.
        may_begin: If not all of a proposal may begin, as many of its first networks as may begin
            are the last ones. ``None`` lets all begin.

    Raises:
        StudyError: if the ledger holds another search's networks.
    """
    order = _SearchOrder(ledger, budget)

    def begin() -> Proposals:
        return budget.limit(make_searcher(order.proposals))

    lookahead = None
    if speculate != "nothing":
        lookahead = Lookahead(begin, certain_only=speculate == "certain")
    searcher = begin()
    try:
        with closing(_proposals(searcher, evaluator, lookahead)) as proposals:
            for asked, new in proposals:
                proposal = asked
                if may_begin is not None:
                    if (begun := _beginning(asked, evaluator, may_begin)) is None:
                        return
                    proposal, new = begun, [each for each in new if each in begun.genotypes]
                order.record(proposal, new)
                unknown = [each for each in new if not order.was_recorded(each)]
                is_last = proposal is not asked
                ahead = None if is_last else lookahead
                _evaluate(evaluator, proposal, order, ahead, watch, unknown)
                for genotype in proposal.genotypes:
                    order.see(genotype, evaluator.full_score(genotype, proposal))
                if is_last:
                    return
    finally:
        evaluator.close()


def _beginning(proposal: Proposal, evaluator: Evaluator, may_begin: MayBegin) -> Proposal | None:
    """Return a proposal, or as many of its first networks as may begin; ``None`` if none may."""
    for number in range(len(proposal.genotypes), 0, -1):
        part = proposal
        if number < len(proposal.genotypes):
            part = replace(proposal, genotypes=proposal.genotypes[:number])
        missing = evaluator.missing(part)
        if not missing or may_begin(missing):
            return part
    return None


def first_divergence(
    make_searcher: MakeSearcher, evaluator: Evaluator, ledger: Ledger, *, budget: Budget
) -> int | None:
    """Return the first evaluation that a search would not ask for by the present scores.

    Scores change after a search if a failed training is run again.

    Args:
        make_searcher: Returns the searcher at its beginning.
        evaluator: Knows the scores.
        ledger: Holds the evaluations.
        budget: How much it may train.

    Returns:
        Its number; ``None`` if the search would ask for all of them.
    """
    recorded = [record.genotype for record in ledger.evaluations()]
    number = 0
    searcher = budget.limit(make_searcher(ledger.proposals()))
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
            scores = [evaluator.score(each, proposal) for each in proposal.genotypes]
            evaluator.learn(new, proposal)
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
    unknown: Sequence[Genotype],
) -> None:
    """Wait for the scores of a proposal.

    Args:
        evaluator: Trains its networks.
        proposal: What the searcher waits for.
        order: Of the search.
        lookahead: What the search may ask for next.
        watch: Called at the start and after each training.
        unknown: Its networks that this run asks for first; some may have been trained ahead.
    """

    def report(trainings: Progress) -> None:
        complete = trainings.complete
        ended = [complete] if isinstance(complete, Genotype) else []
        if trainings.finished is None:
            ended = list(unknown)
        for each in ended:
            order.see(each, evaluator.full_score(each, proposal))
        if watch is not None:
            progress = SearchProgress(
                proposal=proposal,
                num_initialisations=order.num_initialisations,
                trainings=trainings,
                best=order.best,
                scored=tuple(filter(None, map(order.scored, ended))),
            )
            watch(progress)

    evaluator.evaluate(proposal, report, lookahead=lookahead)


class _SearchOrder:
    """What a search asks for, in the order that its ledger holds.

    Attributes:
        proposals: Those that the ledger holds.
    """

    def __init__(self, ledger: Ledger, budget: Budget) -> None:
        self._ledger = ledger
        self._recorded = [record.genotype for record in ledger.evaluations()]
        self.proposals = list(ledger.proposals())
        self._asked: dict[Genotype, int] = {}
        self._scores: dict[Genotype, float] = {}
        self._best: Genotype | None = None
        self._spent = Spent(budget.per_network)
        self._num_proposals = 0

    @property
    def num_initialisations(self) -> int:
        """From how many initialisations its networks are trained, summed over networks."""
        return self._spent.total

    def see(self, genotype: Genotype, score: float | None) -> None:
        """Take the score of a network into account, in place of an earlier one."""
        if score is None:
            return
        fell = self._best == genotype and score < self._scores[genotype]
        self._scores[genotype] = score
        if fell:
            self._best = max(self._scores, key=self._rank)
        elif self._best is None or self._rank(genotype) > self._rank(self._best):
            self._best = genotype

    @property
    def best(self) -> NumberedScore | None:
        """The network of the highest score so far, the first of equals."""
        return None if self._best is None else self.scored(self._best)

    def was_recorded(self, genotype: Genotype) -> bool:
        """Return whether the ledger held an evaluation before this run."""
        return self._asked[genotype] <= len(self._recorded)

    def scored(self, genotype: Genotype) -> NumberedScore | None:
        """Return a network's number and score; ``None`` without a score."""
        if genotype not in self._scores:
            return None
        number, score = self._asked[genotype], self._scores[genotype]
        return NumberedScore(number=number, genotype=genotype, score=score)

    def _rank(self, genotype: Genotype) -> tuple[float, int]:
        return self._scores[genotype], -self._asked[genotype]

    def record(self, proposal: Proposal, new: list[Genotype]) -> None:
        """Record a proposal, and its networks that were not asked for before.

        Raises:
            StudyError: if the ledger holds another network in place of one.
        """
        self._num_proposals += 1
        self._spent.add(proposal)
        for genotype in new:
            self._asked[genotype] = len(self._asked) + 1
            self._record_network(genotype, proposal)
        number = self._num_proposals
        known = self.proposals[number - 1] if number <= len(self.proposals) else None
        # A proposal has fewer networks than in the ledger if the budget became smaller.
        if known is None or not set(proposal.genotypes) <= set(known.genotypes):
            self._ledger.record_proposal(number, proposal)
            self.proposals[number - 1 : number] = [proposal]

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
