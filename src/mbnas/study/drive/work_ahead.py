"""What idle workers train before a search asks for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from mbnas.network.architecture import Architecture
from mbnas.search.lookahead import Lookahead
from mbnas.search.searcher import Proposal
from mbnas.study.drive.dispatcher import Dispatcher
from mbnas.study.drive.evaluation_request import EvaluationRequest, Scores
from mbnas.study.drive.score_tasks import ScoreTasks
from mbnas.training.task import TrainingTask


class WorkAhead:
    """The trainings that idle workers start, in order.

    The order is computed again whenever a network of the request has its score.

    Args:
        tasks_of: Returns the trainings of networks from a number of initialisations, or from all.
        request: What the search waits for.
        lookahead: Predicts what the search asks for next; ``None`` predicts nothing.
    """

    def __init__(
        self,
        tasks_of: Callable[[int | None], ScoreTasks],
        request: EvaluationRequest,
        lookahead: Lookahead | None,
    ) -> None:
        self._tasks_of = tasks_of
        self._request = request
        self._lookahead = lookahead
        self._scores: Scores | None = None
        self._next: Iterator[TrainingTask] = iter(())

    def start(self, dispatcher: Dispatcher) -> None:
        """Start trainings until no worker is idle or none is left."""
        while dispatcher.num_free > 0:
            if self._scores != self._request.scores:
                self._scores = self._request.scores
                self._next = self._in_order(self._scores)
            if (task := next(self._next, None)) is None:
                return
            dispatcher.start(task)

    def _in_order(self, scores: Scores) -> Iterator[TrainingTask]:
        if self._lookahead is None:
            yield from self._request.possible_tasks()
            return
        ahead: list[tuple[ScoreTasks, Architecture]] = []
        if (certain := self._lookahead.certain(scores)) is not None:
            ahead += self._of(certain)
        for tasks, network in ahead:
            yield from tasks.first(network)
        yield from self._request.possible_tasks()
        for proposal in self._lookahead.possible(scores):
            for tasks, network in self._of(proposal):
                ahead.append((tasks, network))
                yield from tasks.first(network)
        for tasks, network in ahead:  # nothing else is left, so what a race may need as well
            yield from tasks.later(network)

    def _of(self, proposal: Proposal) -> list[tuple[ScoreTasks, Architecture]]:
        tasks = self._tasks_of(proposal.initialisations)
        return [(tasks, network) for network in proposal.genotypes]
