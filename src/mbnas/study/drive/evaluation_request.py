"""Networks whose scores a search waits for, and the trainings that they still need."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from mbnas.network.architecture import Architecture
from mbnas.search.racing.judge import Judgement
from mbnas.training.task import TrainingTask
from mbnas.training.training_record import TrainingRecord

Scores = Sequence[float | None]
"""Of the networks of a request, in order; ``None`` where trainings are missing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far the trainings of one request are.

    Attributes:
        done: Trainings of the request that have ended or are no longer needed.
        total: Trainings of the request.
        finished: The training that was just recorded, ``None`` at the request's start. Its
            network may be one that was not asked for yet.
        complete: The network of the request to which this training gave its score, if any.
    """

    done: int
    total: int
    finished: TrainingRecord | None = None
    complete: Architecture | None = None


Watch = Callable[[Progress], None]


class EvaluationRequest:
    """Networks whose scores are waited for.

    Args:
        tasks: All trainings of each network.
        judge: Returns what is known of a network's score, and the trainings it needs.

    Attributes:
        tasks: All trainings of each network.
        wanted: Trainings that are to be started.
    """

    def __init__(
        self,
        tasks: Mapping[Architecture, tuple[TrainingTask, ...]],
        judge: Callable[[Architecture], Judgement],
    ) -> None:
        self.tasks = tasks
        self.wanted: deque[TrainingTask] = deque()
        self._judge = judge
        self._by_digest = {network.digest: network for network in tasks}
        self._judgements: dict[Architecture, Judgement] = {}
        self._total = sum(map(len, tasks.values()))
        for network in tasks:
            self._update(network)

    @property
    def is_complete(self) -> bool:
        """Whether every network has a score."""
        return None not in self.scores

    @property
    def scores(self) -> Scores:
        """The networks' scores."""
        return tuple(self._judgements[network].score for network in self.tasks)

    def possible_tasks(self) -> Iterator[TrainingTask]:
        """Yield the trainings that networks need unless racing drops them."""
        for network, judgement in self._judgements.items():
            for number in judgement.perhaps:
                yield self.tasks[network][number]

    def progress(self, finished: TrainingRecord | None = None) -> Progress:
        """Take a recorded training into account, if given, and return the progress."""
        complete = None
        network = self._by_digest.get(finished.key.network) if finished else None
        if network is not None and self._judgements[network].score is None:
            self._update(network)
            complete = network if self._judgements[network].score is not None else None
        missing = sum(len(each.needed) + len(each.perhaps) for each in self._judgements.values())
        return Progress(
            done=self._total - missing,
            total=self._total,
            finished=finished,
            complete=complete,
        )

    def _update(self, network: Architecture) -> None:
        before = self._judgements.get(network, Judgement())
        judgement = self._judgements[network] = self._judge(network)
        asked = set(before.needed)
        self.wanted.extend(
            self.tasks[network][number] for number in judgement.needed if number not in asked
        )
