"""From networks to scores: have run what the ledger lacks, and judge what comes back.

The ledger is the only truth: a training that it holds is never run again, and a score is
computed from it alone, so it is the same for any number of workers and after any kill.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Protocol, runtime_checkable

from mbnas.network.architecture import Architecture
from mbnas.search.racing.judge import Judge, Judgement
from mbnas.search.racing.outcome import Outcome
from mbnas.space.genotype import Genotype
from mbnas.study.drive.dispatcher import Dispatcher, Elsewhere, nowhere
from mbnas.study.drive.worker_pool import WorkerPool
from mbnas.study.ledger.ledger import Ledger
from mbnas.training import protocol as training_protocol
from mbnas.training.task import Measure, TrainingTask
from mbnas.training.training_record import TrainingKey, TrainingRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """Where the trainings of one request stand.

    Attributes:
        done: Trainings of the request that the ledger holds or that are not needed any more.
        total: Trainings of the request.
        finished: The training that was just recorded, ``None`` at the request's start. It may
            be of a network that no request asked for yet.
        complete: The network of the request that this training settled, if it did.
    """

    done: int
    total: int
    finished: TrainingRecord | None = None
    complete: Architecture | None = None


Watch = Callable[[Progress], None]
Scores = Sequence[float | None]


def ignore(progress: Progress) -> None:
    """Watch nothing."""


@runtime_checkable
class Outlook(Protocol):
    """What may be asked for after a request."""

    def certain(self, scores: Scores) -> Iterable[Architecture]:
        """Return what will be asked for next, whatever becomes of the request's open networks.

        Args:
            scores: Of the request's networks, ``None`` where open.
        """

    def possible(self, scores: Scores) -> Iterable[Architecture]:
        """Return what may be asked for, the likeliest first.

        Args:
            scores: Of the request's networks, ``None`` where open.
        """


MemoryOf = Callable[[Architecture, int], int | None]


def not_known(architecture: Architecture, trainings: int) -> None:
    """Predict nothing of a network."""


class Evaluator:
    """Trains networks under one protocol, at whatever worker pool, through one ledger.

    Args:
        ledger: Where trainings are remembered; this is its one writer.
        worker_pool: Where trainings run.
        protocol: What every training follows.
        slices: Directory of the prepared slices.
        device: Where a worker trains, as torch names it.
        initialisations: Which initialisations make a score; fresh ones lie beyond those
            that the search saw.
        measured: Whether trained networks are measured on whole volumes, as final ones are;
            their predictions are kept for the first of the initialisations.
        elsewhere: Finds a training that was run for another study. It is entered into the
            ledger in place of being run again.
        racing: A network is dropped whose chance to beat the incumbent falls below this;
            ``None`` drops none.
        retries: How often a training is run again whose worker died.
        memory_of: Predicts the bytes of their device that some trainings of a network need
            together.
    """

    def __init__(
        self,
        ledger: Ledger,
        worker_pool: WorkerPool,
        *,
        protocol: training_protocol.Protocol,
        slices: Path,
        device: str,
        initialisations: Sequence[int],
        measured: bool = False,
        elsewhere: Elsewhere = nowhere,
        racing: float | None = None,
        retries: int = 2,
        memory_of: MemoryOf = not_known,
    ) -> None:
        self._dispatcher = Dispatcher(
            ledger, worker_pool, elsewhere=elsewhere, retries=retries, group=self.group
        )
        self._protocol = protocol
        self._protocol_digest = protocol.digest
        self._ended: dict[Architecture, Sequence[Outcome | None]] = {}
        self._slices = slices
        self._device = device
        self._initialisations = tuple(initialisations)
        # Of the trainings of a score, in their order: folds within initialisations.
        self._cells = tuple(product(self._initialisations, range(protocol.evaluation.folds)))
        self._measured = measured
        self._racing = racing
        self._judge = Judge(num_folds=protocol.evaluation.folds, threshold=racing)
        self._memory_of = memory_of

    def tasks(self, architecture: Architecture) -> tuple[TrainingTask, ...]:
        """Return the trainings whose mean is a network's score, folds within initialisations."""
        memory_bytes = self._share_of_memory(architecture)
        return tuple(
            self._task(architecture, initialisation, fold, memory_bytes)
            for initialisation, fold in self._cells
        )

    def _task(
        self, architecture: Architecture, initialisation: int, fold: int, memory_bytes: int | None
    ) -> TrainingTask:
        return TrainingTask(
            architecture=architecture,
            protocol=self._protocol,
            fold=fold,
            initialisation=initialisation,
            slices=self._slices,
            device=self._device,
            measure=self._measure(initialisation),
            memory_bytes=memory_bytes,
        )

    def group(self, task: TrainingTask) -> tuple[TrainingTask, ...]:
        """Return the trainings that advance together with one, as the protocol has it.

        Networks other than genotypes train one by one.
        """
        fused = self._protocol.training.fused
        if fused not in ("folds", "all") or not isinstance(task.architecture, Genotype):
            return (task,)
        return tuple(
            each
            for each in self.tasks(task.architecture)
            if fused == "all" or each.initialisation == task.initialisation
        )

    def _share_of_memory(self, architecture: Architecture) -> int | None:
        """Return the part of the memory of trainings that advance together that each has."""
        together = 1
        if isinstance(architecture, Genotype):
            together = training_protocol.num_together(
                self._protocol.training.fused,
                folds=self._protocol.evaluation.folds,
                initialisations=len(self._initialisations),
            )
        needed = self._memory_of(architecture, together)
        return None if needed is None else math.ceil(needed / together)

    def _measure(self, initialisation: int) -> Measure:
        if not self._measured:
            return "nothing"
        is_first = initialisation == self._initialisations[0]
        return "volumes and predictions" if is_first else "volumes"

    def score(self, architecture: Architecture, incumbent: Architecture | None = None) -> float:
        """Return the mean over a network's trainings, −inf if one of them failed.

        Of a network that was dropped in a race with the incumbent, it is what its mean is
        expected to be, which is below the incumbent's.

        Raises:
            KeyError: if a training that it needs was never run.
        """
        score = self._judgement(architecture, incumbent).score
        if score is None:
            raise KeyError(f"Network {architecture.digest} lacks trainings.")
        return score

    def full_score(
        self, architecture: Architecture, incumbent: Architecture | None = None
    ) -> float | None:
        """Return the mean over a network's trainings; ``None`` if it was dropped or one failed."""
        judgement = self._judgement(architecture, incumbent)
        score = judgement.score
        if score is None or judgement.dropped_after is not None or not math.isfinite(score):
            return None
        return score

    def learn(self, networks: Iterable[Architecture], incumbent: Architecture | None) -> None:
        """Take what settled networks say of how scores spread into account from now on."""
        self._judge.learn([self._judgement(network, incumbent) for network in networks])

    def evaluate(
        self,
        networks: Iterable[Architecture],
        watch: Watch = ignore,
        *,
        incumbent: Architecture | None = None,
        outlook: Outlook | None = None,
    ) -> None:
        """Have every training run that some networks need and the ledger does not hold yet.

        All go out together, in order, and each is recorded the moment it comes back. While
        workers are free they get what may be asked for next.

        Args:
            networks: What to train.
            watch: Told after every training.
            incumbent: What the networks are to beat, in a race.
            outlook: Knows what may be asked for next.
        """
        asked = tuple(dict.fromkeys(networks))
        if all(self._judgement(each, incumbent).score is not None for each in asked):
            total = len(asked) * len(self._cells)
            watch(Progress(done=total, total=total))
            return
        request = _Request(
            {network: self.tasks(network) for network in asked},
            lambda network: self._judgement(network, incumbent),
        )
        watch(request.progress())
        offers = _Offers(self, request, outlook)
        try:
            while True:
                while request.wanted:
                    self._dispatcher.start(request.wanted.popleft())
                    self._pass_on(request, watch)
                if request.is_settled:
                    return
                offers.fill(self._dispatcher)
                self._dispatcher.wait()
                self._pass_on(request, watch)
        except BaseException:
            self._dispatcher.cancel()
            raise

    def repeat(
        self,
        keys: Iterable[TrainingKey],
        networks: Iterable[Architecture],
        watch: Watch = ignore,
    ) -> None:
        """Have single trainings run that the ledger does not hold, whether needed or not.

        Args:
            keys: Which ones, of this evaluator's initialisations.
            networks: The networks that they are of, among others.
            watch: Told after every training.
        """
        by_digest = {network.digest: network for network in networks}
        total, wanted = 0, set[TrainingKey]()
        for key in keys:
            total += 1
            wanted.add(key)
            network = by_digest[key.network]
            memory_bytes = self._share_of_memory(network)
            self._dispatcher.start(self._task(network, key.initialisation, key.fold, memory_bytes))
        watch(Progress(done=total - len(wanted), total=total))
        while wanted:
            self._dispatcher.wait()
            for record in self._dispatcher.recorded():  # others of a group may be among them
                wanted.discard(record.key)
                watch(Progress(done=total - len(wanted), total=total, finished=record))

    def close(self) -> None:
        """Take back what was begun ahead of time and does not run yet."""
        self._dispatcher.cancel()

    def first_tasks(self, architecture: Architecture) -> tuple[TrainingTask, ...]:
        """Return the trainings that a network needs as soon as it is asked for."""
        tasks = self.tasks(architecture)
        return tasks if self._racing is None else tasks[: self._protocol.evaluation.folds]

    def later_tasks(self, architecture: Architecture) -> tuple[TrainingTask, ...]:
        """Return the trainings that a network needs unless it is dropped before."""
        if self._racing is None:
            return ()
        return self.tasks(architecture)[self._protocol.evaluation.folds :]

    def _pass_on(self, request: _Request, watch: Watch) -> None:
        for record in self._dispatcher.recorded():
            watch(request.progress(record))

    def _judgement(self, network: Architecture, incumbent: Architecture | None) -> Judgement:
        theirs = None if incumbent is None else self._outcomes(incumbent)
        return self._judge.judge(self._outcomes(network), theirs)

    def _outcomes(self, network: Architecture) -> Sequence[Outcome | None]:
        """Return what became of a network's trainings, in the order of its tasks."""
        if network in self._ended:
            return self._ended[network]
        digest = network.digest
        outcomes = [
            self._dispatcher.outcome(
                TrainingKey(
                    network=digest,
                    protocol=self._protocol_digest,
                    fold=fold,
                    initialisation=initialisation,
                )
            )
            for initialisation, fold in self._cells
        ]
        if None not in outcomes:  # what has ended stays as it is
            self._ended[network] = outcomes
        return outcomes


class _Request:
    """Networks whose scores are waited for, and what they still need.

    Attributes:
        tasks: All of each network's trainings.
        wanted: Those that are to be started.
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
            self._judge_anew(network)

    @property
    def is_settled(self) -> bool:
        """Whether every network has a score."""
        return all(each.score is not None for each in self._judgements.values())

    @property
    def scores(self) -> tuple[float | None, ...]:
        """The networks' scores in order, ``None`` where open."""
        return tuple(self._judgements[network].score for network in self.tasks)

    def perhaps(self) -> Iterator[TrainingTask]:
        """Yield what the networks need unless they are dropped before."""
        for network, judgement in self._judgements.items():
            for number in judgement.perhaps:
                yield self.tasks[network][number]

    def progress(self, finished: TrainingRecord | None = None) -> Progress:
        """Return where the request stands, after a training if one has finished."""
        complete = None
        network = self._by_digest.get(finished.key.network) if finished else None
        if network is not None and self._judgements[network].score is None:
            self._judge_anew(network)
            complete = network if self._judgements[network].score is not None else None
        open_trainings = sum(
            len(each.needed) + len(each.perhaps) for each in self._judgements.values()
        )
        return Progress(
            done=self._total - open_trainings,
            total=self._total,
            finished=finished,
            complete=complete,
        )

    def _judge_anew(self, network: Architecture) -> None:
        before = self._judgements.get(network, Judgement())
        judgement = self._judgements[network] = self._judge(network)
        asked = set(before.needed)
        self.wanted.extend(
            self.tasks[network][number] for number in judgement.needed if number not in asked
        )


class _Offers:
    """What free workers may start on, in order; looked up anew when a network is settled."""

    def __init__(self, evaluator: Evaluator, request: _Request, outlook: Outlook | None) -> None:
        self._evaluator = evaluator
        self._request = request
        self._outlook = outlook
        self._scores: Scores | None = None
        self._tasks: Iterator[TrainingTask] = iter(())

    def fill(self, dispatcher: Dispatcher) -> None:
        """Give free workers what comes first."""
        while dispatcher.num_free > 0:
            if self._scores != self._request.scores:
                self._scores = self._request.scores
                self._tasks = self._in_order(self._scores)
            if (task := next(self._tasks, None)) is None:
                return
            dispatcher.start(task)

    def _in_order(self, scores: Scores) -> Iterator[TrainingTask]:
        if self._outlook is None:
            yield from self._request.perhaps()
            return
        ahead: list[Architecture] = []
        for network in self._outlook.certain(scores):
            ahead.append(network)
            yield from self._evaluator.first_tasks(network)
        yield from self._request.perhaps()
        for network in self._outlook.possible(scores):
            ahead.append(network)
            yield from self._evaluator.first_tasks(network)
        for network in ahead:  # nothing else is left to do, so what a race may need as well
            yield from self._evaluator.later_tasks(network)
