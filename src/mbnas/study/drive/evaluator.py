"""From networks to scores: run the trainings that the ledger lacks, and compute the scores.

A training that the ledger holds is never run again, and a score is computed from the ledger
only, so it is the same for any number of workers and after any kill.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from pathlib import Path

from mbnas.network.architecture import Architecture
from mbnas.search.lookahead import Lookahead
from mbnas.search.racing.judge import Judge, Judgement
from mbnas.search.racing.outcome import Outcome
from mbnas.search.searcher import Proposal
from mbnas.study.drive.dispatcher import Dispatcher, FindTraining
from mbnas.study.drive.evaluation_request import EvaluationRequest, Progress, Watch
from mbnas.study.drive.score_tasks import ScoreTasks
from mbnas.study.drive.training_tasks import PredictMemory, TrainingTasks
from mbnas.study.drive.work_ahead import WorkAhead
from mbnas.study.ledger.ledger import Ledger
from mbnas.study.pool.worker_pool import WorkerPool
from mbnas.training.protocol import Protocol
from mbnas.training.task import Measure
from mbnas.training.training_record import TrainingKey, TrainingRecord


class Evaluator:
    """Scores networks under one protocol, with any worker pool, through one ledger.

    Args:
        ledger: Where trainings are recorded; nothing else writes to it.
        worker_pool: Where trainings run.
        protocol: What every training follows.
        slices: Directory of the prepared slices.
        device: Where a worker trains, as torch names it.
        initialisations: The initialisations whose trainings make a score.
        measured: Whether trained networks are measured on whole volumes. Their predictions are
            kept for the first of the initialisations.
        find_training: Finds a training in the ledgers of other studies. It is copied into the
            ledger and not run again.
        racing: A network is dropped if its chance to beat the incumbent falls below this;
            ``None`` drops none.
        one_by_one: Whether more initialisations may be asked for later, as in :class:`ScoreTasks`.
        retries: How often a training whose worker died is rerun.
        predict_memory: Predicts the memory that trainings need of their device.

    Attributes:
        tasks: The trainings that make a network's score.
    """

    def __init__(
        self,
        ledger: Ledger,
        worker_pool: WorkerPool,
        *,
        protocol: Protocol,
        slices: Path,
        device: str,
        initialisations: Sequence[int],
        measured: bool = False,
        find_training: FindTraining | None = None,
        racing: float | None = None,
        one_by_one: bool = False,
        retries: int = 2,
        predict_memory: PredictMemory | None = None,
    ) -> None:
        self._make = TrainingTasks(
            protocol=protocol,
            slices=slices,
            device=device,
            predict_memory=predict_memory,
            measures=_measures(initialisations) if measured else {},
        )
        self.tasks = ScoreTasks(
            self._make, initialisations, racing=racing is not None, one_by_one=one_by_one
        )
        self._tasks_from: dict[int, ScoreTasks] = {}
        self._dispatcher = Dispatcher(
            ledger,
            worker_pool,
            find_training=find_training,
            retries=retries,
            group=self.tasks.group,
        )
        self._judge = Judge(num_folds=protocol.evaluation.folds, threshold=racing)
        self._ended: dict[tuple[Architecture, int | None], Sequence[Outcome | None]] = {}

    # Scores

    def score(self, architecture: Architecture, proposal: Proposal | None = None) -> float:
        """Return the mean over a network's trainings, −inf if one of them failed.

        Without a proposal, it is over all trainings and without a race. For a network that racing
        dropped, it is the mean that is expected of it, which is below the incumbent's.

        Raises:
            KeyError: if a training that it needs was never run.
        """
        score = self._judgement(architecture, proposal).score
        if score is None:
            raise KeyError(f"Network {architecture.digest} lacks trainings.")
        return score

    def full_score(
        self, architecture: Architecture, proposal: Proposal | None = None
    ) -> float | None:
        """Return the mean over a network's trainings; ``None`` if it was dropped or one failed."""
        judgement = self._judgement(architecture, proposal)
        score = judgement.score
        if score is None or judgement.dropped_after is not None or not math.isfinite(score):
            return None
        return score

    def learn(self, networks: Iterable[Architecture], proposal: Proposal) -> None:
        """Learn how scores spread from networks that have all of theirs."""
        self._judge.learn([self._judgement(network, proposal) for network in networks])

    def _judgement(self, network: Architecture, proposal: Proposal | None) -> Judgement:
        if proposal is None:
            return self._judge.judge(self._outcomes(network, None))
        asked = proposal.initialisations
        incumbent = proposal.incumbent if asked is None else None
        of_incumbent = None if incumbent is None else self._outcomes(incumbent, None)
        return self._judge.judge(self._outcomes(network, asked), of_incumbent)

    def _outcomes(self, network: Architecture, asked: int | None) -> Sequence[Outcome | None]:
        """Return the outcomes of a network's trainings, in the order of its tasks."""
        if (network, asked) in self._ended:
            return self._ended[network, asked]
        outcomes = [self._dispatcher.outcome(key) for key in self.tasks_of(asked).keys(network)]
        if None not in outcomes:
            self._ended[network, asked] = outcomes
        return outcomes

    def tasks_of(self, asked: int | None) -> ScoreTasks:
        """Return the trainings of a score from the first ``asked`` initialisations, or from all."""
        if asked is None:
            return self.tasks
        if asked not in self._tasks_from:
            self._tasks_from[asked] = ScoreTasks(
                self._make, range(asked), racing=False, one_by_one=True
            )
        return self._tasks_from[asked]

    # Trainings

    def missing(self, proposal: Proposal) -> list[Architecture]:
        """Return the network of each training that a proposal needs and that has not ended."""
        return [
            network
            for network in dict.fromkeys(proposal.genotypes)
            for _ in self._judgement(network, proposal).needed
        ]

    def evaluate(
        self,
        proposal: Proposal,
        watch: Watch | None = None,
        *,
        lookahead: Lookahead | None = None,
    ) -> None:
        """Run every training that a proposal's networks need and the ledger lacks.

        All are submitted at once, in order, and each is recorded as soon as it ends. Idle
        workers start on what may be asked for next.

        Args:
            proposal: What to train.
            watch: Called at the start and after each training.
            lookahead: Predicts what is asked for next.
        """
        self._evaluate(proposal.genotypes, proposal, watch, lookahead)

    def train(self, networks: Iterable[Architecture], watch: Watch | None = None) -> None:
        """Run every training of networks that the ledger lacks, from all initialisations.

        Args:
            networks: What to train, genotypes or not.
            watch: Called at the start and after each training.
        """
        self._evaluate(networks, None, watch, None)

    def _evaluate(
        self,
        networks: Iterable[Architecture],
        proposal: Proposal | None,
        watch: Watch | None,
        lookahead: Lookahead | None,
    ) -> None:
        wanted = tuple(dict.fromkeys(networks))
        tasks = self.tasks_of(None if proposal is None else proposal.initialisations)
        if all(self._judgement(each, proposal).score is not None for each in wanted):
            if watch is not None:
                total = len(wanted) * len(tasks)
                watch(Progress(done=total, total=total))
            return
        request = EvaluationRequest(
            {network: tasks.all(network) for network in wanted},
            lambda network: self._judgement(network, proposal),
        )
        if watch is not None:
            watch(request.progress())
        work_ahead = WorkAhead(self.tasks_of, request, lookahead)
        try:
            while True:
                while request.wanted:
                    self._dispatcher.start(request.wanted.popleft())
                    self._take_recorded(request, watch)
                if request.is_complete:
                    return
                work_ahead.start(self._dispatcher)
                self._dispatcher.wait()
                self._take_recorded(request, watch)
        except BaseException:
            self._dispatcher.cancel()
            raise

    def run_missing(
        self,
        keys: Iterable[TrainingKey],
        networks: Iterable[Architecture],
        watch: Watch | None = None,
    ) -> None:
        """Run single trainings that the ledger lacks, whether a score needs them or not.

        Args:
            keys: The trainings, of this evaluator's initialisations.
            networks: Their networks, and possibly others.
            watch: Called at the start and after each training.
        """
        by_digest = {network.digest: network for network in networks}
        total, wanted = 0, set[TrainingKey]()
        for key in keys:
            total += 1
            wanted.add(key)
            self._dispatcher.start(self.tasks.one(by_digest[key.network], key))

        def report(finished: TrainingRecord | None = None) -> None:
            if watch is not None:
                watch(Progress(done=total - len(wanted), total=total, finished=finished))

        report()
        while wanted:
            self._dispatcher.wait()
            for record in self._dispatcher.recorded():  # may include others of a group
                wanted.discard(record.key)
                report(record)

    def close(self) -> None:
        """Cancel what was submitted ahead of time and does not run yet."""
        self._dispatcher.cancel()

    def _take_recorded(self, request: EvaluationRequest, watch: Watch | None) -> None:
        for record in self._dispatcher.recorded():
            progress = request.progress(record)
            if watch is not None:
                watch(progress)


def _measures(initialisations: Sequence[int]) -> dict[int, Measure]:
    measures: dict[int, Measure] = dict.fromkeys(initialisations, "volumes")
    return measures | {initialisations[0]: "volumes and predictions"}
