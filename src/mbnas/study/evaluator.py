"""From networks to scores: submit what the ledger lacks, record what comes back.

The ledger is the only truth: a training that it holds is never run again, and a score is
computed from it alone, so it is the same for any number of workers and after any kill.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, as_completed
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from mbnas.network.architecture import Architecture
from mbnas.study.ledger import Ledger
from mbnas.study.worker import WorkerDied
from mbnas.study.workplace import Workplace
from mbnas.training.protocol import Protocol
from mbnas.training.record import TrainingKey, TrainingRecord
from mbnas.training.train import Measure, TrainingTask

Elsewhere = Callable[[TrainingKey], TrainingRecord | None]
"""Finds a training that another ledger holds."""


def nowhere(key: TrainingKey) -> None:
    """Find nothing: there is no other ledger."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """Where the trainings of one request stand.

    Attributes:
        done: Trainings of the request that the ledger holds.
        total: Trainings of the request.
        finished: The training that was just recorded, ``None`` at the request's start.
        complete: The network whose last training that was, if it was one's last.
    """

    done: int
    total: int
    finished: TrainingRecord | None = None
    complete: Architecture | None = None


Watch = Callable[[Progress], None]


def ignore(progress: Progress) -> None:
    """Watch nothing."""


class Evaluator:
    """Trains networks under one protocol, on whatever executor, through one ledger.

    Args:
        ledger: Where trainings are remembered; this is its one writer.
        workplace: Where trainings run.
        protocol: What every training follows.
        slices: Directory of the prepared slices.
        device: Where a worker trains, as torch names it.
        initialisations: Which initialisations make a score; fresh ones lie beyond those
            that the search saw.
        measured: Whether trained networks are measured on whole volumes, as final ones are;
            their predictions are kept for the first of the initialisations.
        elsewhere: Finds a training that was run for another study. It is entered into the
            ledger in place of being run again.
    """

    def __init__(
        self,
        ledger: Ledger,
        workplace: Workplace,
        *,
        protocol: Protocol,
        slices: Path,
        device: str,
        initialisations: Sequence[int],
        measured: bool = False,
        elsewhere: Elsewhere = nowhere,
    ) -> None:
        self._ledger = ledger
        self._workplace = workplace
        self._protocol = protocol
        self._slices = slices
        self._device = device
        self._initialisations = tuple(initialisations)
        self._measured = measured
        self._elsewhere = elsewhere
        self._records = {record.key: record for record in ledger.trainings()}

    def tasks(self, architecture: Architecture) -> tuple[TrainingTask, ...]:
        """Return the trainings whose mean is a network's score, folds within initialisations."""
        return tuple(
            TrainingTask(
                architecture=architecture,
                protocol=self._protocol,
                fold=fold,
                initialisation=initialisation,
                slices=self._slices,
                device=self._device,
                measure=self._measure(initialisation),
            )
            for initialisation in self._initialisations
            for fold in range(self._protocol.evaluation.folds)
        )

    def _measure(self, initialisation: int) -> Measure:
        if not self._measured:
            return "nothing"
        is_first = initialisation == self._initialisations[0]
        return "volumes and predictions" if is_first else "volumes"

    def score(self, architecture: Architecture) -> float:
        """Return the mean over a network's trainings, −inf if one of them failed.

        Raises:
            KeyError: if one was never run.
        """
        scores = [self._records[task.key].score for task in self.tasks(architecture)]
        defined = [score for score in scores if score is not None]
        return math.fsum(defined) / len(scores) if len(defined) == len(scores) else -math.inf

    def evaluate(self, networks: Iterable[Architecture], watch: Watch = ignore) -> None:
        """Run every training of some networks that the ledger does not hold yet.

        All go out together, in order. Each is recorded the moment it comes back.

        Args:
            networks: What to train.
            watch: Told after every training.
        """
        tasks = {task.key: task for network in networks for task in self.tasks(network)}
        missing = {key: task for key, task in tasks.items() if key not in self._records}
        open_of_network: dict[str, int] = {}
        for key in missing:
            open_of_network[key.network] = open_of_network.get(key.network, 0) + 1
        done = len(tasks) - len(missing)
        watch(Progress(done=done, total=len(tasks)))
        futures: dict[Future[TrainingRecord], TrainingKey] = {}

        def record(outcome: TrainingRecord) -> None:
            nonlocal done
            key = outcome.key
            self._records[key] = outcome
            self._ledger.record_training(outcome)
            done += 1
            open_of_network[key.network] -= 1
            complete = None if open_of_network[key.network] else tasks[key].architecture
            watch(Progress(done=done, total=len(tasks), finished=outcome, complete=complete))

        try:
            for key, task in missing.items():
                if (found := self._elsewhere(key)) is not None:
                    record(found)
                    continue
                future = self._workplace.executor.submit(self._workplace.train, task)
                futures[future] = key
                if future.done():  # as with an executor that runs calls at once
                    record(_outcome(future, futures.pop(future)))
            for future in as_completed(list(futures)):
                record(_outcome(future, futures.pop(future)))
        except BaseException:
            for future in futures:
                future.cancel()
            raise


def _outcome(future: Future[TrainingRecord], key: TrainingKey) -> TrainingRecord:
    """Return a training's record; one whose worker died is a record with that error."""
    try:
        return future.result()
    except WorkerDied as error:
        return TrainingRecord(
            key=key,
            score=None,
            error=str(error),
            wall_s=0.0,
            worker="died",
            started_at=datetime.now(UTC).isoformat(timespec="seconds"),
        )
